from __future__ import annotations

import json
import shlex

from airflow.models import Connection

from airflow_provider_fate.local import Address, AirflowConnection

CONNECTION = AirflowConnection(Address("127.0.0.1", 41123), "9999", 32)
EXTRA = {"party_id": "9999", "role": "guest", "cores": 32}


def test_the_environment_line_is_a_connection_that_airflow_reads() -> None:
    name, _, value = CONNECTION.environment("fate_default").partition("=")
    assert name == "AIRFLOW_CONN_FATE_DEFAULT"
    read = Connection.from_json(shlex.split(value)[0])
    assert (read.conn_type, read.host, read.port, read.extra_dejson) == ("fate", "127.0.0.1", 41123, EXTRA)


def test_the_uri_is_the_same_connection() -> None:
    read = Connection(uri=CONNECTION.uri())
    assert (read.conn_type, read.host, read.port, read.extra_dejson) == ("fate", "127.0.0.1", 41123, EXTRA)


def test_the_command_can_be_pasted_into_a_shell() -> None:
    words = shlex.split(CONNECTION.command("bank"))
    assert words[:4] == ["airflow", "connections", "add", "bank"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert options["--conn-type"] == "fate"
    assert options["--conn-port"] == "41123"
    assert json.loads(options["--conn-extra"]) == EXTRA

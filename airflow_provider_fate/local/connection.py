"""What Airflow has to be told about an instance."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from airflow_provider_fate.local.state import Address


@dataclass(frozen=True)
class AirflowConnection:
    """An Airflow connection of type ``fate`` to a site on this machine.

    :param address: where it answers.
    :param party_id: the site's party id.
    :param cores: the pool that the scheduler gives cores from.
    """

    address: Address
    party_id: str
    cores: int

    @property
    def extra(self) -> dict[str, str | int]:
        """The connection's extra fields. A standalone site may start jobs as any role; guest is the usual one."""
        return {"party_id": self.party_id, "role": "guest", "cores": self.cores}

    def json(self) -> str:
        """As Airflow reads it from an ``AIRFLOW_CONN_*`` variable."""
        return json.dumps(
            {"conn_type": "fate", "host": self.address.host, "port": self.address.port, "extra": self.extra}
        )

    def uri(self) -> str:
        """As a connection URI."""
        extra = urlencode({"__extra__": json.dumps(self.extra)}, quote_via=quote)
        return f"fate://{self.address.host}:{self.address.port}/?{extra}"

    def environment(self, conn_id: str) -> str:
        """The line that sets it in a shell or an env file."""
        return f"AIRFLOW_CONN_{conn_id.upper()}={shlex.quote(self.json())}"

    def command(self, conn_id: str) -> str:
        """The command that adds it to Airflow's database."""
        return shlex.join(
            ["airflow", "connections", "add", conn_id, "--conn-type", "fate", "--conn-host", self.address.host,
             "--conn-port", str(self.address.port), "--conn-extra", json.dumps(self.extra)]
        )  # fmt: skip

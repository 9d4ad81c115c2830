"""What Airflow needs, started by the file's own commands and found well by its own health checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.deploy.compose import Service, program
from tests.deploy.engine import Engine

pytestmark = [pytest.mark.fate, pytest.mark.timeout(600)]

BUCKETS = """
import json, os, boto3
said = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
s3 = boto3.client("s3", aws_access_key_id=said["login"], aws_secret_access_key=said["password"], **said["extra"])
print(json.dumps([bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]))
"""


@pytest.fixture(scope="module")
def parts(services: Callable[..., Any]) -> Iterator[tuple[Engine, Service]]:
    """All but Airflow, which runs, and one of Airflow's services, which does not."""
    home, found = services("fate")
    few = {name: service for name, service in found.items() if "airflow" not in name}
    with Engine(home, few).running() as engine:
        yield engine, found["airflow-worker"]


@pytest.fixture
def engine(parts: tuple[Engine, Service]) -> Engine:
    return parts[0]


def test_each_of_them_is_well(engine: Engine) -> None:
    assert {name for name, process in engine.processes.items() if process.get()} == {"postgres", "redis", "s3", "fate"}


def test_the_buckets_are_there_and_open_to_airflows_connection(parts: tuple[Engine, Service]) -> None:
    engine, worker = parts
    done = engine.room.run([str(program("python")), "-c", BUCKETS], engine.environment(worker), engine.home)
    assert json.loads(done.stdout or "[]") == ["audit", "models"], done.stderr


def test_a_second_start_leaves_the_buckets_alone(engine: Engine) -> None:
    engine.start(engine.services["s3-buckets"])
    assert "error" not in engine.room.log("s3-buckets").read_text()


def test_nobody_reads_without_a_password(engine: Engine) -> None:
    env = engine.environment(engine.services["redis"])
    done = engine.room.run([str(program("redis-cli")), "-h", "redis", "ping"], env, engine.home)
    assert "NOAUTH" in done.stdout + done.stderr
    done = engine.room.run(["curl", "--silent", "http://s3:8333/audit"], env, engine.home)
    assert "AccessDenied" in done.stdout


def test_a_site_that_is_killed_finds_its_tables_again(engine: Engine) -> None:
    fate = engine.services["fate"]
    before = list((engine.folder(fate) / "var/lib/fate").glob("*.db"))
    engine.kill("fate")
    engine.start(fate)
    engine.wait(fate)
    assert before == list((engine.folder(fate) / "var/lib/fate").glob("*.db"))

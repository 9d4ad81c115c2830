"""Connections to clusters are made once, kept up to date, and removed only if they are ours."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.airflow_api import AirflowApiClient, AirflowApiSettings
from airflow_provider_fate.errors import FateAuthError, FatePermissionError
from airflow_provider_fate.hooks.airflow_api import AirflowServer
from airflow_provider_fate.hooks.hook import read_connection
from airflow_provider_fate.operators.connection import FateConnectionDeleteOperator, FateConnectionOperator
from airflow_provider_fate.storage.connections import ConnectionFile
from tests.support.airflow_api_contract import AirflowApiContract, entry
from tests.support.fake_airflow_api import PASSWORD, FakeAirflowApi
from tests.support.json_server import LOST
from tests.support.task import Task

TOKEN = "app-t0ken-s3cret"
CLUSTER = {
    "name": "fate-9999",
    "namespace": "fate-9999",
    "party_id": "9999",
    "flow_url": "http://10.0.0.5:30097",
    "pages": {"fateboard": "http://party9999.fateboard.example.com", "client": "http://party9999.notebook.example.com"},
    "connection": {"conn_type": "fate", "host": "10.0.0.5", "port": 30097, "extra": {"party_id": "9999", "tls": False}},
}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflowApi]:
    with FakeAirflowApi() as fake:
        monkeypatch.setenv("AIRFLOW_CONN_FATE_AIRFLOW_DEFAULT", json.dumps(fake.airflow_connection))
        yield fake


def connect(cluster: Any = None, **arguments: Any) -> Task:
    given = {"task_id": "connect", "cluster": CLUSTER if cluster is None else cluster} | arguments
    return Task(lambda: FateConnectionOperator(**given), templates={"token": TOKEN})


def forget(conn_id: str = "fate_9999", **arguments: Any) -> Any:
    return Task(lambda: FateConnectionDeleteOperator(task_id="forget", fate_conn_id=conn_id, **arguments)).run()


class TestFakeAirflowApi(AirflowApiContract):
    @pytest.fixture
    def settings(self) -> Iterator[AirflowApiSettings]:
        with FakeAirflowApi() as fake:
            yield fake.settings


# -- through the API ---------------------------------------------------------------------------------------------------


def test_a_connection_is_made_once(airflow: FakeAirflowApi) -> None:
    task = connect()
    said = task.run()
    assert said == {
        "conn_id": "fate_9999",
        "store": "airflow://fate_airflow_default",
        "changed": True,
        "party_id": "9999",
        "flow_url": "http://10.0.0.5:30097",
        "pages": CLUSTER["pages"],
    }
    made = airflow.connections["fate_9999"]
    assert (made["conn_type"], made["host"], made["port"]) == ("fate", "10.0.0.5", 30097)
    assert json.loads(made["extra"]) == {"party_id": "9999", "tls": False}
    assert connect().run()["changed"] is False
    assert [asked.split()[0] for asked in airflow.asked if "connections" in asked] == ["GET", "POST", "GET"]


def test_links_to_the_pages_are_pushed(airflow: FakeAirflowApi) -> None:
    task = connect()
    task.run()
    urls = set(CLUSTER["pages"].values())
    assert urls == {value for value in task.ti.xcoms.values() if isinstance(value, str)}
    assert task.ti.xcoms["cluster_pages"] == CLUSTER["pages"]


def test_a_cluster_that_has_moved_changes_it(airflow: FakeAirflowApi) -> None:
    connect().run()
    moved = CLUSTER | {"connection": CLUSTER["connection"] | {"host": "10.0.0.6"}}
    assert connect(moved, extra={"cores": 32}).run()["changed"] is True
    made = airflow.connections["fate_9999"]
    assert (made["host"], json.loads(made["extra"])["cores"]) == ("10.0.0.6", 32)


def test_the_app_token_is_in_the_connection_and_nowhere_else(
    airflow: FakeAirflowApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    task = connect(app_id="app", app_token="{{ token }}")
    operator = task.make()
    operator.render_template_fields(task.context)
    fields = {name: getattr(operator, name) for name in operator.template_fields}
    said = task.run()
    assert (airflow.connections["fate_9999"]["login"], airflow.connections["fate_9999"]["password"]) == ("app", TOKEN)
    for text in (json.dumps(said), json.dumps(task.ti.xcoms), json.dumps(fields), caplog.text):
        assert TOKEN not in text
        assert PASSWORD not in text
    assert connect(app_id="app", app_token="{{ token }}").run()["changed"] is True, "the old one cannot be seen"


@pytest.mark.parametrize("description", [None, "mine", "Cluster x/y (airflow-provider-fate: x/y)"])
def test_what_somebody_else_has_made_is_left_alone(airflow: FakeAirflowApi, description: str | None) -> None:
    theirs = entry("fate_9999", description=description).to_json()
    airflow.connections["fate_9999"] = dict(theirs)
    with pytest.raises(AirflowFailException, match="exists, and was made"):
        connect().run()
    assert forget(cluster="fate-9999/fate-9999")["removed"] is False
    assert airflow.connections["fate_9999"] == theirs
    assert connect(overwrite=True).run()["changed"] is True
    assert forget()["removed"] is True
    assert airflow.connections == {}


def test_a_lost_answer_makes_no_second_one_and_fails_nothing(airflow: FakeAirflowApi) -> None:
    airflow.faults = {3: LOST}
    assert connect().run()["changed"] in (True, False)
    assert [asked.split()[0] for asked in airflow.asked].count("POST") == 3, "one of them logs in"
    assert list(airflow.connections) == ["fate_9999"]


def test_a_token_that_has_ended_is_renewed(airflow: FakeAirflowApi) -> None:
    with AirflowApiClient(airflow.settings) as client:
        client.connections.get("a")
        airflow.expire()
        client.connections.get("a")
    assert airflow.logins == 2


def test_who_may_not_edit_connections_is_told_what_to_do(airflow: FakeAirflowApi) -> None:
    airflow.may = False
    with pytest.raises(FatePermissionError, match="Let that user create, edit and delete connections"):
        connect().run()


def test_a_wrong_password_is_told(airflow: FakeAirflowApi, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = airflow.airflow_connection | {"password": "wr0ng-s3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_FATE_AIRFLOW_DEFAULT", json.dumps(wrong))
    with pytest.raises(FateAuthError) as refused:
        connect().run()
    assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cluster": "fate-9999"}, "not the result of a deployment"),
        ({"cluster": CLUSTER | {"connection": None}}, "where its FATE-Flow answers is not known"),
        ({"fate_conn_id": "fate 9999"}, "no id of a connection"),
        ({"store": "somewhere"}, "no place for connections"),
        ({"store": "airflow://kubefate there"}, "store: 'kubefate there' is no id"),
        ({"store": "relative.json"}, "absolute path"),
    ],
)
def test_wrong_arguments_are_refused(airflow: FakeAirflowApi, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        connect(**arguments).run()
    assert airflow.connections == {}


def test_the_button_says_who_may_read(airflow: FakeAirflowApi) -> None:
    said = read_connection(AirflowServer, "fate_airflow_default").check()
    assert said.startswith("Airflow 3.3.2 at http://127.0.0.1:")
    assert "user deployer, who may read connections; the password travels in plain text." in said


# -- in a file ---------------------------------------------------------------------------------------------------------


def test_a_file_is_what_airflows_backend_reads(tmp_path: Path) -> None:
    from airflow.secrets.local_filesystem import LocalFilesystemBackend

    file = tmp_path / "connections.json"
    assert connect(store=str(file), app_id="app", app_token="{{ token }}").run()["changed"] is True
    read = LocalFilesystemBackend(connections_file_path=str(file)).get_connection("fate_9999")
    assert (read.conn_type, read.host, read.port, read.password) == ("fate", "10.0.0.5", 30097, TOKEN)
    assert read.extra_dejson["party_id"] == "9999"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert forget(store=str(file))["removed"] is True
    assert json.loads(file.read_text()) == {}
    assert forget(store=str(file))["removed"] is False


def test_the_others_in_the_file_stay_and_so_does_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "connections.json"
    others = {"a": "mysql://u:p@h/db", "fate_1": {"conn_type": "fate", "host": "h", "extra_dejson": {"x": 1}}}
    file.write_text(json.dumps(others))
    file.chmod(0o640)
    connect(store=str(file)).run()
    assert connect(store=str(file)).run()["changed"] is False
    assert {key: value for key, value in json.loads(file.read_text()).items() if key != "fate_9999"} == others
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    for conn_id in ("a", "fate_1"):
        with pytest.raises(AirflowFailException, match="made by somebody else"):
            connect(store=str(file), fate_conn_id=conn_id).run()
        assert forget(conn_id, store=str(file))["removed"] is False


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    store = ConnectionFile(tmp_path / "connections.json")
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda n: store.add(entry(f"fate_{n}")), range(40)))
    assert len(json.loads((tmp_path / "connections.json").read_text())) == 40
    assert sorted(file.name for file in tmp_path.iterdir()) == [".connections.json.lock", "connections.json"]


@pytest.mark.parametrize("text", ["[1]", "{", "a=b"])
def test_a_file_that_is_none_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "connections.json"
    file.write_text(text)
    with pytest.raises(AirflowFailException, match="no JSON file of connections"):
        connect(store=str(file)).run()
    assert file.read_text() == text
    with pytest.raises(AirflowFailException, match="folder"):
        connect(store=str(tmp_path / "none" / "c.json")).run()

"""The life of a federation on Kubernetes: against the contract fake of KubeFATE, whose FATE-Flows are a real one.

The DAG of ``dags/clusters`` runs once in a real Airflow. Meanwhile a worker is killed while it waits for the answer to
its order, and KubeFATE is restarted, which makes all tokens void and forgets its jobs. Each test is a claim about that.
"""

from __future__ import annotations

import gzip
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from airflow_provider_fate.clients.airflow_api import AirflowApiSettings
from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.site.records import UNFINISHED
from dev.localairflow import AirflowApi, LocalAirflow, Postgres
from dev.localairflow.settings import ADMIN
from dev.postgres import LocalPostgres
from tests.chaos.airflow import SETTINGS
from tests.e2e.conftest import ROOT, explain
from tests.support.airflow_api_contract import AirflowApiContract
from tests.support.evidence import watch
from tests.support.fake_kubefate import FakeKubefate
from tests.support.fake_kubefate.server import PASSWORD as KUBEFATE_PASSWORD
from tests.support.fate import RunningFate
from tests.support.secrets_scan import SecretsScan

pytestmark = [
    *(pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.thorough),
    pytest.mark.timeout(3000),
]

DAG = "clusters_lifecycle"
MYSQL, BOARD = "mysql-s3cret-of-all", "board-s3cret-of-all"
PATIENCE = 1500.0
"""Seconds for each thing that is waited for: the machine may be busy with others."""


@dataclass
class Lifecycle:
    """What has been seen of the one run."""

    airflow: LocalAirflow
    kubefate: FakeKubefate
    scan: SecretsScan
    run: str = ""
    state: str = ""
    killed: int = 0
    jobs_at_kill: list[str] = field(default_factory=list)
    logins_before_restart: int = 0
    connections: dict[str, Any] = field(default_factory=dict)

    @property
    def api(self) -> AirflowApi:
        return self.airflow.api


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.5)
    return found


def dags_for(folder: Path, fate: RunningFate) -> None:
    """The DAG as it is; in its description the addresses are those of the real FATE."""
    shutil.copy(ROOT / "dags" / "example_tables.py", folder)
    shutil.copytree(ROOT / "dags" / "clusters", folder / "clusters")
    file = folder / "clusters" / "federation.yaml"
    described = yaml.safe_load(file.read_text())
    for number, member in enumerate(described["members"], start=1):
        member["host"] = f"127.0.0.{number}"
        member["cluster"]["python"] = {"type": "NodePort", "httpNodePort": fate.port}
    file.write_text(yaml.safe_dump(described))


def kill_busy_workers(airflow: LocalAirflow) -> int:
    """Kill -9 each worker that runs a task, and the task with it; return how many there were."""
    killed = 0
    for part in airflow.processes:
        if part.name != "scheduler":
            continue
        for process in part.family()[1:]:
            try:
                title = " ".join(process.cmdline())
                if "LocalExecutor" in title and "<idle>" not in title:
                    for member in [*process.children(recursive=True), process]:
                        member.kill()
                    killed += 1
            except psutil.NoSuchProcess:
                continue
    return killed


def states(api: AirflowApi, run: str, task: str) -> list[str | None]:
    return [one.state for one in api.tasks(DAG, run) if one.task_id == task]


@pytest.fixture(scope="module")
def life(
    fate_full: RunningFate, postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lifecycle]:
    folder = tmp_path_factory.mktemp("clusters")
    dags = folder / "dags"
    dags.mkdir()
    dags_for(dags, fate_full)
    charts = {version: folder / f"fate-{version}.tgz" for version in ("v2.0.0", "v2.2.0")}
    for chart in charts.values():
        chart.write_bytes(gzip.compress(b"a chart"))
    with ExitStack() as stack:
        kubefate = stack.enter_context(FakeKubefate())
        kubefate.charts.clear()
        # Clusters take long, and the service is held while it answers, until the test lets them go on.
        kubefate.hold = threading.Event()
        kubefate.kubernetes.ready_after = 36000
        kubefate.pace, kubefate.checks_at_most = 0.2, 10**6
        home = folder / "airflow"
        airflow = LocalAirflow(home, dags, database=Postgres(postgres, "clusters"))
        there = {"host": "127.0.0.1", "extra": {"timeout": 120}}
        connections = {
            "kubefate_default": {
                "conn_type": "kubefate",
                "port": kubefate.port,
                "login": "admin",
                "password": KUBEFATE_PASSWORD,
                **there,
            },
            "fate_airflow_default": {
                "conn_type": "fate_airflow",
                "port": airflow.settings.port,
                "login": ADMIN,
                "password": airflow.settings.password,
                **there,
            },
            "fate_clusters_mysql": {"conn_type": "generic", "password": MYSQL},
            "fate_clusters_board": {"conn_type": "generic", "password": BOARD},
        }
        airflow.extra_env |= SETTINGS | {
            f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection) for name, connection in connections.items()
        }
        watch("Airflow", home / "logs")
        stack.enter_context(airflow)
        life = Lifecycle(airflow, kubefate, SecretsScan(airflow))
        with life.scan.watching():
            go(life, charts)
        yield life


def go(life: Lifecycle, charts: dict[str, Path]) -> None:
    """Let the DAG run, and do it harm."""
    kubefate, api = life.kubefate, life.api
    newer = {"newer_version": "v2.2.0", "newer_chart": str(charts["v2.2.0"])}
    life.run = api.trigger(DAG, {"chart": str(charts["v2.0.0"]), **newer})
    try:
        until(lambda: len(kubefate.jobs) == 2, "two orders")
        life.killed = kill_busy_workers(life.airflow)
        life.jobs_at_kill = [job["uuid"] for job in kubefate.jobs]
        assert kubefate.hold is not None
        kubefate.hold.set()
        until(lambda: states(api, life.run, "deploy") == ["deferred"] * 2, "both tasks to wait again")
        until(
            lambda: all("helm install Success" in (job["states"] or []) for job in kubefate.jobs),
            "Helm to be through",
        )
        life.logins_before_restart = kubefate.logins
        kubefate.restart()
        kubefate.kubernetes.ready_after = 0
        kubefate.let_pass(36000)
        until(lambda: states(api, life.run, "connect") == ["success"] * 2, "connections")
        life.connections = {
            one["connection_id"]: one for one in api.request("GET", "/connections", limit=100)["connections"]
        }
        life.state = api.wait(DAG, life.run, PATIENCE)
    except (AssertionError, TimeoutError) as e:
        tasks = [(one.task_id, one.map_index, one.state, one.try_number) for one in api.tasks(DAG, life.run)]
        pytest.fail(f"{e}\n{tasks}\n{kubefate.requests[-30:]}\n{explain_mapped(api, life.run)}")


def explain_mapped(api: AirflowApi, run: str) -> str:
    """The logs of tasks that have failed, or failed before; of mapped ones, too."""
    told = []
    for one in api.tasks(DAG, run):
        if one.state in ("failed", "up_for_retry") or one.try_number > 1:
            for number in range(1, one.try_number + 1):
                path = f"/dags/{DAG}/dagRuns/{run}/taskInstances/{one.task_id}/logs/{number}"
                content = api.request("GET", path, full_content=True, map_index=one.map_index)["content"]
                told.append(f"{one.task_id}[{one.map_index}] try {number}: " + json.dumps(content)[-3000:])
    return "\n".join(told)


def test_a_dag_deploys_verifies_connects_trains_upgrades_and_removes(life: Lifecycle) -> None:
    assert life.state == "success", explain(life.api, DAG, life.run) + explain_mapped(life.api, life.run)
    said = life.api.xcom(DAG, life.run, "report")
    assert said["version"] == "2.2.0"
    methods = [job["method"] for job in life.kubefate.jobs]
    assert methods == ["ClusterInstall"] * 2 + ["ClusterUpdate"] + ["ClusterDelete"] * 2


def test_the_job_was_trained_on_the_real_fate(life: Lifecycle, fate_full: RunningFate) -> None:
    job_id = life.api.xcom(DAG, life.run, "report")["job_id"]
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port)) as flow:
        assert {str(record.status).rpartition(".")[2].lower() for record in flow.job.query(job_id=job_id)} == {
            "success"
        }


def test_parties_had_the_routes_to_each_other(life: Lifecycle) -> None:
    routes = {
        row["Spec"]["partyId"]: [
            (one["partyId"], one["partyIp"], one["partyPort"]) for one in row["Spec"]["osx"]["partyList"]
        ]
        for row in life.kubefate.clusters
    }
    assert routes == {9999: [(10000, "127.0.0.2", 30101)], 10000: [(9999, "127.0.0.1", 30091)]}


def test_charts_were_uploaded_once(life: Lifecycle) -> None:
    live = sorted((chart["name"], chart["version"]) for chart in life.kubefate.charts if chart["DeletedAt"] is None)
    assert live == [("fate", "v2.0.0"), ("fate", "v2.2.0")]


def test_connections_were_made_through_airflows_own_api(life: Lifecycle) -> None:
    assert sorted(life.connections) == ["fate_10000", "fate_9999"]
    made = life.connections["fate_9999"]
    assert made["description"] == "Cluster fate-9999/fate-9999 (airflow-provider-fate: fate-9999/fate-9999)"
    assert json.loads(made["extra"])["board_url"].startswith("http://party9999.fateboard.example.com/")


def test_a_worker_that_was_killed_while_it_ordered_has_installed_nothing_twice(life: Lifecycle) -> None:
    assert life.killed >= 1
    tries = [one.try_number for one in life.api.tasks(DAG, life.run) if one.task_id == "deploy"]
    assert max(tries) >= 2, "it was tried again"
    installs = [job["uuid"] for job in life.kubefate.jobs if job["method"] == "ClusterInstall"]
    assert installs == life.jobs_at_kill


def test_a_restart_of_kubefate_in_the_middle_was_survived(life: Lifecycle) -> None:
    assert life.kubefate.logins > life.logins_before_restart, "all tokens were void"
    installs = [job for job in life.kubefate.jobs if job["method"] == "ClusterInstall"]
    assert {job["status"] for job in installs} == {"Running"}, "nobody has gone on with them"


def test_nothing_is_left(life: Lifecycle, fate_full: RunningFate) -> None:
    """No cluster, no release, no connection, no job that goes on."""
    assert life.kubefate.live == []
    assert life.kubefate.kubernetes.releases == {}
    assert life.api.request("GET", "/connections", limit=100)["connections"] == []
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port)) as flow:
        assert flow.job.list(statuses=UNFINISHED, limit=0).jobs == []


def test_no_secret_is_in_any_log_xcom_rendered_field_or_trigger_row(life: Lifecycle, tmp_path: Path) -> None:
    """Passwords in cluster.yaml, of KubeFATE and of Airflow, and all tokens of KubeFATE."""
    secrets = [MYSQL, BOARD, KUBEFATE_PASSWORD, life.airflow.settings.password, *life.kubefate.tokens]
    assert life.scan.triggers, "triggers were seen"
    assert any("fate-9999" in one for one in life.scan.triggers), "and read"
    assert life.scan.found(["clusters_lifecycle"], tmp_path), "the scan finds what is there"
    assert life.scan.found(secrets, tmp_path) == []
    assert {row["Spec"]["mysql"]["password"] for row in life.kubefate.clusters} == {MYSQL}, "KubeFATE has got it"


class TestRealAirflowApi(AirflowApiContract):
    """The contract of the fake API, with the real one."""

    @pytest.fixture
    def settings(self, life: Lifecycle) -> AirflowApiSettings:
        given = life.airflow.settings
        return AirflowApiSettings("127.0.0.1", given.port, user=ADMIN, token=given.password, timeout=60)

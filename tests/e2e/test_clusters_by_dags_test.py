"""The DAG of a federation's life by ``airflow dags test``: against fakes of KubeFATE, FATE-Flow and Airflow's API."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
import yaml

from dev.localairflow import LocalAirflow
from tests.e2e.conftest import ROOT
from tests.support.fake_airflow_api import PASSWORD as AIRFLOW_PASSWORD
from tests.support.fake_airflow_api import FakeAirflowApi
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.support.fake_kubefate.server import PASSWORD

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.thorough, pytest.mark.timeout(1800)]

MYSQL, BOARD = "mysql-s3cret-of-all", "board-s3cret-of-all"
NEWER = "v2.2.0"


def test_it_comes_to_its_end_and_leaves_nothing(tmp_path: Path, fake_flow: FakeFlow) -> None:
    dags, home = tmp_path / "dags", tmp_path / "home"
    dags.mkdir()
    home.mkdir()
    shutil.copy(ROOT / "dags" / "example_tables.py", dags)
    shutil.copytree(ROOT / "dags" / "clusters", dags / "clusters")
    file = dags / "clusters" / "federation.yaml"
    described = yaml.safe_load(file.read_text())
    for number, member in enumerate(described["members"], start=1):
        member["host"] = f"127.0.0.{number}"
        member["cluster"]["python"] = {"type": "NodePort", "httpNodePort": fake_flow.port}
    file.write_text(yaml.safe_dump(described))
    charts = {version: tmp_path / f"fate-{version}.tgz" for version in ("v2.0.0", NEWER)}
    for chart in charts.values():
        chart.write_bytes(gzip.compress(b"a chart"))
    with FakeKubefate() as kubefate, FakeAirflowApi() as api:
        kubefate.charts.clear()
        kubefate_there = {"conn_type": "kubefate", "host": "127.0.0.1", "port": kubefate.port}
        flow = {"conn_type": "fate", "host": "127.0.0.1", "port": fake_flow.port}
        connections = {
            "kubefate_default": kubefate_there | {"login": "admin", "password": PASSWORD},
            "fate_airflow_default": api.airflow_connection,
            "fate_clusters_mysql": {"conn_type": "generic", "password": MYSQL},
            "fate_clusters_board": {"conn_type": "generic", "password": BOARD},
            # What is made in the fake API is no connection of this Airflow.
            "fate_9999": flow | {"extra": {"party_id": "9999"}},
            "fate_10000": flow | {"extra": {"party_id": "10000"}},
        }
        env = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(given) for name, given in connections.items()}
        airflow = LocalAirflow(home, dags, env=env)
        airflow.prepare()
        conf = {"chart": str(charts["v2.0.0"]), "newer_version": NEWER, "newer_chart": str(charts[NEWER])}
        done = airflow.command("dags", "test", "clusters_lifecycle", "--conf", json.dumps(conf), timeout=1500)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-6000:]
        methods = [job["method"] for job in kubefate.jobs]
        assert methods == ["ClusterInstall"] * 2 + ["ClusterUpdate"] + ["ClusterDelete"] * 2
        assert sum(asked == "POST /api/v2/connections" for asked in api.asked) == 2
        assert (kubefate.live, api.connections) == ([], {})
    assert "party 9999 runs FATE 2.2.0" in said
    assert not [secret for secret in (MYSQL, BOARD, PASSWORD, AIRFLOW_PASSWORD) if secret in said]

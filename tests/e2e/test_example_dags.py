"""Every file in `dags/` does what it promises, on a real scheduler and by `airflow dags test`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from dev.localairflow import AirflowApi, LocalAirflow, Postgres
from tests.e2e.conftest import ROOT, explain
from tests.support.serving import stop_served

pytestmark = [pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.timeout(1800)]

DAYS = ("2026-01-03", "2026-01-04", "2026-01-05")[: 3 if os.environ.get("TEST_ALL") else 2]
# Enough to see the difference, and quick.
SMALL_MODEL = {"trees": 3, "bins": 8}
NIGHTLY = "nightly_breast_cancer"
ASKS = "retrain_and_promote"
"""Waits for a person; test_assets.py answers it."""
CONNECTED = ("hospitals_champion", "hospitals_scores", "hospitals_adapter")
"""Need MLflow, an S3 server and a database, which test_loop.py has; or FATE-LLM, which test_adapter.py has."""
SWEEP = "sweep"
SERVING = "train_and_serve"
LEFT = (
    *("drift", "idle_notebooks", "notebook", "redeploy_champion", "train_from_template", "train_with_fate_client"),
    "wait_for_a_job",
)
"""What they show is shown by other tests of operators, or by other DAGs, at each change."""
BY_DAGS_TEST = ("patients_in_common", "wait_for_a_table")
"""A wait of each kind. The tasks of the others are those of a run on the scheduler: `dags test` need not run them at
each change, too."""
CONF = {NIGHTLY: SMALL_MODEL, "train_from_template": {"trees": 2}}


def dag_ids() -> list[str]:
    """Return the id of each DAG file that runs by itself: the name of the file."""
    hidden = (ROOT / "dags" / ".airflowignore").read_text().split()
    names = sorted(path.stem for path in Path(ROOT / "dags").glob("*.py") if path.name not in hidden)
    return [name for name in names if name not in (ASKS, *CONNECTED)]


def asked(request: pytest.FixtureRequest, test: str) -> set[str]:
    """The DAGs that a test will be run for."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    return {item.callspec.params["dag_id"] for item in items if item.originalname == test}


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, api: AirflowApi) -> dict[str, str]:
    """Start all DAGs at once, since they wait most of the time."""
    wanted = asked(request, "test_a_dag_runs_on_the_scheduler") | {NIGHTLY, SWEEP, SERVING}
    return {dag_id: api.trigger(dag_id, CONF.get(dag_id)) for dag_id in sorted(wanted)}


def test_every_dag_file_is_parsed_without_an_error(api: AirflowApi, runs: dict[str, str]) -> None:
    assert api.import_errors() == {}
    assert set(dag_ids()) <= api.dag_ids()


@pytest.mark.parametrize(
    "dag_id", [pytest.param(name, marks=pytest.mark.thorough if name in LEFT else ()) for name in dag_ids()]
)
def test_a_dag_runs_on_the_scheduler(api: AirflowApi, runs: dict[str, str], dag_id: str) -> None:
    state = api.wait(dag_id, runs[dag_id], timeout=1500)

    assert state == "success", explain(api, dag_id, runs[dag_id])


def test_the_nightly_dag_shows_what_federating_gains(api: AirflowApi, runs: dict[str, str]) -> None:
    api.wait(NIGHTLY, runs[NIGHTLY], timeout=1500)

    report = api.xcom(NIGHTLY, runs[NIGHTLY], "report")

    assert 0.55 < report["auc_alone"] < 0.85
    assert report["auc_joint"] > 0.9
    assert report["gain"] > 0.1
    assert f"{report['auc_joint']:.4f}" in api.log(NIGHTLY, runs[NIGHTLY], "report")


def test_a_model_that_was_trained_answers_with_fates_own_score(api: AirflowApi, runs: dict[str, str]) -> None:
    api.wait(SERVING, runs[SERVING], timeout=1500)

    check = api.xcom(SERVING, runs[SERVING], "check")
    answer = api.xcom(SERVING, runs[SERVING], "answer")

    assert check["rows"] >= 50
    assert check["largest_difference"] <= 1e-5
    assert answer["served"] == pytest.approx(answer["fate"], abs=1e-5)
    assert answer["version"] == check["version"] == "1"


def test_the_sweep_names_the_best_of_all_trials_and_runs_the_intersection_once(
    api: AirflowApi, runs: dict[str, str], flow: FlowClient
) -> None:
    api.wait(SWEEP, runs[SWEEP], timeout=1500)

    report = api.xcom(SWEEP, runs[SWEEP], "report")

    assert [trial["parameters"] for trial in report["trials"]] == [
        {"max_depth": depth, "learning_rate": rate} for depth in (1, 2) for rate in (0.1, 0.5)
    ]
    assert report["failed"] == []
    assert report["best"]["value"] == max(trial["value"] for trial in report["trials"]) > 0.8
    shared = api.xcom(SWEEP, runs[SWEEP], "intersect")["job_id"]
    for trial in report["trials"]:
        conf = flow.job.query(job_id=trial["job_id"])[0].dag["dag"]["conf"]
        assert conf["inheritance"] == {"job_id": shared, "task_list": ["reader_0", "psi_0"]}


@pytest.fixture(scope="module")
def dags_tests(
    request: pytest.FixtureRequest,
    airflow_at_rest: LocalAirflow,
    dags: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[CompletedProcess[str]]]]:
    """Run ``airflow dags test`` for the DAGs that were asked for, two at a time, each in a copy of the Airflow."""
    at_rest = airflow_at_rest.database
    assert isinstance(at_rest, Postgres)

    def dags_test(dag_id: str) -> CompletedProcess[str]:
        home = tmp_path_factory.mktemp(dag_id) / "airflow"
        shutil.copytree(airflow_at_rest.home, home)
        own = LocalAirflow(home, dags, database=at_rest.copy(dag_id), env=airflow_at_rest.extra_env)
        try:
            return own.command("dags", "test", dag_id, "--conf", json.dumps(CONF.get(dag_id, {})), timeout=1500)
        finally:
            stop_served(home)

    wanted = sorted(asked(request, "test_a_dag_runs_by_dags_test"))
    with ThreadPoolExecutor(2) as pool:
        yield {dag_id: pool.submit(dags_test, dag_id) for dag_id in wanted}


@pytest.mark.parametrize(
    "dag_id", [pytest.param(name, marks=() if name in BY_DAGS_TEST else pytest.mark.thorough) for name in dag_ids()]
)
def test_a_dag_runs_by_dags_test(dags_tests: dict[str, Future[CompletedProcess[str]]], dag_id: str) -> None:
    done = dags_tests[dag_id].result()

    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "DagRun Finished" in done.stdout + done.stderr


def test_a_backfill_makes_tables_and_a_model_for_each_day(api: AirflowApi, flow: FlowClient) -> None:
    api.backfill(NIGHTLY, f"{DAYS[0]}T00:00:00Z", f"{DAYS[-1]}T00:00:00Z", conf={"trees": 1, "bins": 4}, active=3)
    reports = []
    for day in DAYS:
        run = f"backfill__{day}T00:00:00+00:00"
        assert api.wait(NIGHTLY, run, timeout=1500) == "success", explain(api, NIGHTLY, run)
        reports.append(api.xcom(NIGHTLY, run, "report"))

    for day in DAYS:
        for side in ("clinic", "laboratory"):
            for part in ("train", "holdout"):
                assert flow.table.query(side, f"{part}_{day.replace('-', '')}").count > 100
    assert len({report["job_id"] for report in reports}) == len(DAYS)
    assert len({(report["model_id"], report["model_version"]) for report in reports}) == len(DAYS)
    assert len({report["auc_alone"] for report in reports}) == len(DAYS), "each day has a sample of its own"

"""What a job has measured leaves its site as two files, with what is not shown named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateConflictError, FateJobNotFound, FateTaskNotFound
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi
from airflow_provider_fate.metrics import JobMetrics
from airflow_provider_fate.operators.metrics import FateMetricsOperator
from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.task import CONN_ID, FakeTaskInstance, Task, connect
from tests.unit.metrics.samples import facts_of, metrics_of

PARTIES: dict[str, Any] = {"guest": Party("9999", "credit.bank"), "hosts": [Party("10000", "credit.telco")]}


def run(site: FakeFlow, script: Script | None = None, seconds: float = 60, recipe: Any = None) -> str:
    site.plan(script or Script(metrics=facts_of("boosting.guest")["metrics"]))
    with FlowClient(site.settings) as flow:
        job_id = flow.job.submit((recipe or HeteroSecureBoost(**PARTIES, num_trees=2, holdout=0.2)).dag()).job_id
        site.clock.advance(seconds)
        flow.job.query(job_id=job_id)
    return job_id


def export(job: Any, target: Path | str, **arguments: Any) -> Any:
    given = {"task_id": "metrics", "fate_conn_id": CONN_ID, "job": job, "target": str(target)} | arguments
    return Task(lambda: FateMetricsOperator(**given), FakeTaskInstance()).run()


def test_both_files_are_written_and_small_numbers_returned(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site)
    told = export({"job_id": job, "status": "success"}, tmp_path / "m")

    assert sorted(file.name for file in (tmp_path / "m").iterdir()) == ["metrics.json", "metrics.parquet"]
    metrics = JobMetrics.read(told["json"])
    real = metrics_of("boosting.guest")
    assert (metrics.job.job_id, metrics.job.who) == (job, "guest 9999")
    assert metrics.curve("roc", dataset="test") == real.curve("roc", dataset="test")
    assert told["metrics"]["auc"] == real.value("auc", dataset="test") == 0.7455357142857143
    assert told["metrics"]["sbt_0.sbt_loss"] == real.value("sbt_loss")
    assert told["counts"] == {
        name: len(getattr(metrics, name)) for name in ("values", "curves", "tables", "importances", "raw")
    }
    assert told["counts"]["curves"] == 23
    assert {"task": None, "what": "metrics of host 10000"}.items() <= told["missing"][-1].items()
    assert (told["role"], told["party_id"], told["model_id"], told["written"]) == ("guest", "9999", job, True)
    assert len(json.dumps(told)) < 8000, "small enough for XCom"


def test_a_second_run_writes_nothing(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site)
    first, second = export(job, tmp_path), export(job, f"{tmp_path}/")
    assert second == first | {"written": False}


def test_metrics_of_another_job_are_not_written_over(site: FakeFlow, tmp_path: Path) -> None:
    first = export(run(site), tmp_path)
    other = run(site)
    with pytest.raises(AirflowFailException, match=r"holds other metrics.*\n.*if_exists='replace'"):
        export(other, tmp_path)
    assert JobMetrics.read(tmp_path).job.job_id == first["job_id"]
    assert export(other, tmp_path, if_exists="replace")["written"]
    assert JobMetrics.read(tmp_path).job.job_id == other


def test_another_party_of_the_site_is_asked_by_role(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site, Script(metrics={"sbt_0": []}))
    told = export(job, tmp_path, role="host", party_id="10000")
    assert (told["role"], told["party_id"]) == ("host", "10000")
    assert ("evaluation_0", "evaluation") in [(one["task"], one["what"]) for one in told["missing"]]


def test_a_partner_s_party_is_not_here(fake_site: FakeFlow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, fake_site)
    job = run(fake_site)
    with pytest.raises(FateTaskNotFound, match=f"Job {job} has no host 10000 on this site"):
        export(job, tmp_path, role="host", party_id="10000")
    assert not list(tmp_path.iterdir())


def test_a_job_that_is_not_known_is_named(site: FakeFlow, tmp_path: Path) -> None:
    with pytest.raises(FateJobNotFound, match="does not know job 202601010000000000000"):
        export("202601010000000000000", tmp_path)


def test_a_job_that_runs_is_retried_and_one_that_failed_is_not(site: FakeFlow, tmp_path: Path) -> None:
    running = run(site, Script(stall="hetero_secureboost"), seconds=5)
    with pytest.raises(FateConflictError, match=f"Job {running} has not ended"):
        export(running, tmp_path)
    failed = run(site, Script(fail={"evaluation": Failure()}))
    with pytest.raises(AirflowFailException, match=f"Job {failed} is failed: what it has measured is not all of it"):
        export(failed, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_job_that_measures_nothing_says_what_it_ran(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site, Script(metrics={"psi_0": []}), recipe=Psi(**PARTIES))
    with pytest.raises(AirflowFailException, match=r"measured nothing at guest 9999, where it ran reader, psi\."):
        export(job, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"job": {"status": "success"}}, "names no job"),
        ({"job": " "}, "names no job"),
        ({"target": "s3://a@b/metrics.json"}, "is not a folder"),
        ({"target": ""}, "is not a folder"),
        ({"target": "s3://key:secret@bucket/metrics"}, "target has a password in it"),
        ({"if_exists": "skip"}, "if_exists='skip' is unknown"),
    ],
)
def test_a_wrong_argument_is_named_before_the_site_is_asked(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AirflowFailException, match=said):  # there is no connection, and none is needed
        export(arguments.pop("job", "1"), arguments.pop("target", "m"), **arguments)

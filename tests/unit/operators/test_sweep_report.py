"""The report of a sweep, in a DAG and when it runs."""

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, sweep
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.psi import FatePsiOperator
from airflow_provider_fate.operators.sweep_report import FateSweepReportOperator
from tests.support.fake_mlflow import FakeMlflow
from tests.support.task import FakeTaskInstance

RECIPE = HeteroSecureBoost(guest=Party("9999", "a.b"), hosts=[Party("10000", "c.d")])
TRIALS = sweep(RECIPE, {"max_depth": [2, 3, 4]})


class Mapped(FakeTaskInstance):
    """XComs of a mapped task, by key and map index."""

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: Any, **_: Any) -> Any:  # type: ignore[override]
        assert task_ids == "trials"
        return [self.xcoms.get(f"{key}.{index}") for index in map_indexes]


def result(number, **metrics):
    return {"job_id": f"j{number}", "model_id": f"m{number}", "model_version": "0", "metrics": metrics}


def report(xcoms, **kwargs):
    operator = FateSweepReportOperator(task_id="report", sweep=TRIALS, results="trials", **kwargs)
    return operator.execute({"ti": Mapped(xcoms=xcoms)})


def test_trials_are_mapped_under_a_cap_and_the_report_follows_them_whatever_became_of_them():
    with DAG("d"):
        psi = FatePsiOperator(task_id="psi", job={"recipe": "Psi", "guest": {"party_id": "9999", "table": "a.b"}})
        trials = FateJobOperator.partial(
            task_id="trials", inherit=psi.output, max_active_tis_per_dagrun=2, fate_conn_id="c"
        ).expand(job=TRIALS.jobs)
        told = FateSweepReportOperator(task_id="report", sweep=TRIALS, results=trials.output)
    assert trials.upstream_task_ids == {"psi"}
    assert told.upstream_task_ids == {"trials"}
    assert told.trigger_rule == "all_done"
    assert told.trials_task_id == "trials"


def test_the_winner_is_ready_for_others_and_failed_trials_are_listed_with_their_jobs(capsys):
    begun = {f"fate_job.{number}": {"job_id": f"j{number}"} for number in range(3)}
    done = {"return_value.0": result(0, auc=0.7), "return_value.2": result(2, auc=0.9)}
    found = report(begun | done)
    assert found["best"]["trial"] == 2
    assert found["best"]["parameters"] == {"max_depth": 4}
    assert found["best"]["model_id"] == "m2"
    assert found["failed"] == [1]
    assert found["trials"][1]["job_id"] == "j1"
    said = capsys.readouterr().out
    assert "| best | 2 | 4 | 0.9 | j2 |" in said
    assert "Failed trials: 1" in said


def test_a_tie_is_said(capsys):
    found = report({f"return_value.{number}": result(number, auc=0.7) for number in range(3)})
    assert (found["best"]["trial"], found["tied"]) == (0, [1, 2])
    assert "Exactly as good as trial 0: 1, 2" in capsys.readouterr().out


def test_a_sweep_is_shown_in_mlflow_too(monkeypatch):
    with FakeMlflow() as fake:
        connection = {"conn_type": "fate_mlflow", "host": "127.0.0.1", "port": fake.port}
        monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_TEST", json.dumps(connection))
        done = {f"return_value.{number}": result(number, auc=0.5 + number / 10) for number in range(3)}
        operator = FateSweepReportOperator(
            task_id="report", sweep=TRIALS, results="trials", mlflow="mlflow://mlflow_test"
        )
        ti = Mapped(xcoms=done)
        found = operator.execute({"ti": ti})
        tracked = found["mlflow"]
        assert fake.experiments.keys() == {ti.dag_id}
        assert tracked["best_run_id"] == tracked["trial_run_ids"][2]
        assert ti.xcoms["model_registry_url"] == tracked["url"]
        assert tracked["url"].endswith(f"/#/experiments/{tracked['experiment_id']}/runs/{tracked['run_id']}")
        elsewhere = FateSweepReportOperator(
            task_id="report", sweep=TRIALS, results="trials", mlflow="mlflow://mlflow_test", experiment="tuning"
        )
        elsewhere.execute({"ti": ti})
        assert "tuning" in fake.experiments


def test_an_mlflow_that_is_none_is_refused_when_the_dag_is_read():
    with pytest.raises(FateInputError, match=r"mlflow='http://a\.b' names no MLflow"):
        FateSweepReportOperator(task_id="report", sweep=TRIALS, results="trials", mlflow="http://a.b")


@pytest.mark.parametrize(
    ("xcoms", "options", "message"),
    [
        ({}, {}, "none of 3 trials has a auc.\nAll of them have failed|All of them have failed"),
        ({"return_value.1": result(1, auc=0.5)}, {"metric": "auk"}, "Did you mean 'auc'"),
        ({"return_value.1": result(1, auc=0.5)}, {"mode": "best"}, "mode='best' is unknown"),
        ({"return_value.1": result(1, auc=0.5)}, {"mlflow": "mlflow://a/b"}, "does not name an Airflow connection"),
    ],
)
def test_without_a_winner_the_task_fails_and_says_why(xcoms, options, message):
    with pytest.raises(AirflowFailException, match=message):
        report(xcoms, **options)

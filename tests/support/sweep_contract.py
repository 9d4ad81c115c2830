"""What a sweep leaves in MLflow, as tests: the fake and the real one are asked alike."""

from __future__ import annotations

import uuid

import pytest

from airflow_provider_fate.clients.mlflow import MlflowClient, Run
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, sweep
from airflow_provider_fate.jobs.trials import SweepResult, judge
from airflow_provider_fate.models.registry.mlflow_sweep import SweepRuns, TrackedSweep

RECIPE = HeteroSecureBoost(guest=Party("9999", "a.b"), hosts=[Party("10000", "c.d")])
TRIALS = sweep(RECIPE, {"max_depth": [2, 3, 4, 5]})
RUN = {"dag_id": "tune", "run_id": "manual__2026-01-01T00:00:00+00:00", "task_id": "report", "url": "http://airflow/1"}


def trials(*aucs: float | None, job: str = "j") -> SweepResult:
    results = [
        None
        if auc is None
        else {
            "job_id": f"{job}{number}",
            "model_id": f"m{number}",
            "model_version": "0",
            "metrics": {"auc": auc, "ks": auc - 0.3, "psi_0.method": "curve25519"},
        }
        for number, auc in enumerate(aucs)
    ]
    begun = [{"job_id": f"{job}{number}"} for number in range(len(aucs))]
    return judge(results, sweep=TRIALS, jobs=begun)


class SweepContract:
    """Tests of any server; a subclass gives the fixture ``client``."""

    @pytest.fixture
    def experiment(self) -> str:
        return f"sweep_{uuid.uuid4().hex[:12]}"

    def record(self, client: MlflowClient, experiment: str, found: SweepResult) -> TrackedSweep:
        return SweepRuns(client, experiment).record(found, name="tune", run=RUN)

    def nested(self, client: MlflowClient, tracked: TrackedSweep) -> list[Run]:
        condition = f"tags.`mlflow.parentRunId` = '{tracked.run_id}'"
        return client.runs.search([tracked.experiment_id], condition)

    def test_one_parent_run_has_a_nested_run_for_each_trial(self, client: MlflowClient, experiment: str) -> None:
        tracked = self.record(client, experiment, trials(0.7, None, 0.9, 0.8))

        parent = client.runs.get(tracked.run_id)
        assert parent is not None
        assert parent.status == "FINISHED"
        assert parent.metrics["auc"] == pytest.approx(0.9)
        assert (parent.metrics["trials.all"], parent.metrics["trials.failed"]) == (4, 1)
        assert parent.tags["fate.best_trial"] == "2"
        assert parent.tags["fate.best_run_id"] == tracked.best_run_id == tracked.trial_run_ids[2]
        assert parent.tags["airflow.url"] == "http://airflow/1"
        assert "| best | 2 | 4 | 0.9 | j2 |" in parent.tags["mlflow.note.content"]
        runs = {run.run_id: run for run in self.nested(client, tracked)}
        assert runs.keys() == set(tracked.trial_run_ids)
        each = [runs[run_id] for run_id in tracked.trial_run_ids]
        assert [run.params for run in each] == [{"max_depth": str(depth)} for depth in (2, 3, 4, 5)]
        assert [run.tags["fate.best"] for run in each] == ["false", "false", "true", "false"]
        assert [run.tags["fate.job_id"] for run in each] == ["j0", "j1", "j2", "j3"]
        assert [run.status for run in each] == ["FINISHED", "FAILED", "FINISHED", "FINISHED"]
        assert each[0].metrics == {"auc": pytest.approx(0.7), "ks": pytest.approx(0.4)}
        assert each[0].tags["fate.metric.psi_0.method"] == "curve25519"
        assert each[1].metrics == {}

    def test_the_task_that_runs_again_writes_into_the_same_runs(self, client: MlflowClient, experiment: str) -> None:
        first = self.record(client, experiment, trials(0.7, None, 0.9, 0.8))
        again = self.record(client, experiment, trials(0.7, 0.95, 0.9, 0.8, job="k"))

        assert (again.run_id, again.trial_run_ids) == (first.run_id, first.trial_run_ids)
        assert again.best_run_id == again.trial_run_ids[1]
        runs = {run.run_id: run for run in self.nested(client, again)}
        assert [runs[run_id].tags["fate.best"] for run_id in again.trial_run_ids] == ["false", "true", "false", "false"]
        assert runs[again.best_run_id].tags["fate.job_id"] == "k1"
        assert runs[again.best_run_id].status == "FINISHED"
        assert len(runs) == 4

    def test_trials_that_are_described_otherwise_replace_those_of_before(
        self, client: MlflowClient, experiment: str
    ) -> None:
        first = self.record(client, experiment, trials(0.7, 0.8, 0.9, 0.8))
        other = sweep(RECIPE, {"max_depth": [2, 7]})
        results = [{"job_id": f"n{number}", "metrics": {"auc": 0.6 + number / 10}} for number in range(2)]
        second = self.record(client, experiment, judge(results, sweep=other))

        assert second.run_id == first.run_id
        assert second.trial_run_ids[0] == first.trial_run_ids[0], "this trial is the same"
        assert {run.run_id for run in self.nested(client, second)} == set(second.trial_run_ids)

    def test_without_a_trial_that_can_be_judged_nothing_is_written(self, client: MlflowClient, experiment: str) -> None:
        with pytest.raises(FateInputError, match="All of them have failed"):
            self.record(client, experiment, trials(None, None, None, None))
        assert client.experiments.find(experiment) is None

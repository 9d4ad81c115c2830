"""A sweep in MLflow: one parent run, and a nested run for each trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.clients.mlflow import Experiment, MetricPoint, MlflowClient, Run
from airflow_provider_fate.clients.mlflow.models import key_of
from airflow_provider_fate.jobs.sweeps import label_of
from airflow_provider_fate.jobs.trials import SweepResult, TrialResult, TrialState
from airflow_provider_fate.models.registry.mlflow_begin import (
    active_experiment,
    begin_run,
    begun_runs,
    is_number,
    time_ms,
)

__all__ = ["SweepRuns", "TrackedSweep"]

SWEEP_TAG, TRIAL_TAG = "fate.sweep", "fate.trial_key"
"""By these the runs of a sweep are found again."""
PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own: what makes a run a nested one."""
_MOST_TRIALS = 5000
_LONGEST_NAME, _LONGEST_PARAMETER, _LONGEST_TAG = 250, 6000, 8000


@dataclass(frozen=True)
class TrackedSweep:
    """Where a sweep is in MLflow.

    :ivar experiment_id: id of its experiment.
    :ivar run_id: id of the parent run.
    :ivar best_run_id: id of the run of the best trial.
    :ivar trial_run_ids: by trial, in their order.
    :ivar url: MLflow's page of the parent run.
    """

    experiment_id: str
    run_id: str
    best_run_id: str
    trial_run_ids: tuple[str, ...]
    url: str

    def to_json(self) -> dict[str, Any]:
        """As plain data, for XCom."""
        return {
            "experiment_id": self.experiment_id,
            "run_id": self.run_id,
            "best_run_id": self.best_run_id,
            "trial_run_ids": list(self.trial_run_ids),
            "url": self.url,
        }


class SweepRuns:
    """Writes sweeps into MLflow.

    The same task of the same Airflow run writes the same runs, however often it is tried: what a try that was killed
    has left is completed.

    :param client: of the server.
    :param experiment: the experiment that the runs are in.
    """

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        self._client = client
        self._experiment_name = experiment

    def record(self, found: SweepResult, *, name: str, run: Mapping[str, str]) -> TrackedSweep:
        """Write all trials, and which of them is the best.

        :param name: of the parent run.
        :param run: the Airflow task that does so, and its URL; another task, or another run of it, is another sweep.
        :raises FateInputError: no trial could be judged; nothing is written then.
        :raises FateConfigError: the experiment was deleted.
        """
        best = found.best
        experiment = active_experiment(self._client, self._experiment_name)
        key = _digest({part: run.get(part) for part in ("dag_id", "run_id", "task_id", "map_index")})
        airflow = {f"airflow.{part}": value for part, value in run.items()}
        parent = self._run(experiment, {SWEEP_TAG: key}, name, {})
        children = [self._trial(experiment, found, trial, parent, key, airflow) for trial in found.trials]
        self._drop_others(experiment, key, children)
        best_run = children[best.number].run_id
        about = {
            "fate.sweep.metric": found.metric,
            "fate.sweep.mode": found.mode,
            "fate.best_trial": str(best.number),
            "fate.best_run_id": best_run,
            "fate.best_job_id": best.job_id or "",
            "fate.tied_trials": ", ".join(map(str, found.tied)),
            "fate.failed_trials": ", ".join(map(str, found.in_state(TrialState.FAILED))),
            "mlflow.note.content": found.to_markdown(),
            **_source(run),
            **airflow,
        }
        self._client.runs.describe(parent.run_id, params={}, tags=_tags(about))
        at = time_ms()  # of two values MLflow shows the later one
        points = [MetricPoint(found.metric, best.value or 0.0, timestamp=at)]
        points += [MetricPoint(f"trials.{state}", number, timestamp=at) for state, number in _count(found)]
        self._client.runs.log_metrics(parent.run_id, points)
        self._client.runs.finish(parent.run_id, end_time=time_ms())
        root = self._client.settings.root_url
        url = f"{root}/#/experiments/{experiment.experiment_id}/runs/{parent.run_id}"
        ids = tuple(child.run_id for child in children)
        return TrackedSweep(experiment.experiment_id, parent.run_id, best_run, ids, url)

    def _trial(
        self,
        experiment: Experiment,
        found: SweepResult,
        trial: TrialResult,
        parent: Run,
        sweep: str,
        airflow: Mapping[str, str],
    ) -> Run:
        # What was varied cannot be changed in MLflow: a DAG file that describes other trials has other runs.
        key = {SWEEP_TAG: f"of {sweep}", TRIAL_TAG: _digest([trial.number, dict(trial.parameters)])}
        name = f"{trial.number}: {label_of(trial.parameters)}" if trial.parameters else f"trial {trial.number}"
        run = self._run(experiment, key, name, {PARENT_TAG: parent.run_id})
        metrics = dict(trial.result.get("metrics") or {})
        tags = {
            PARENT_TAG: parent.run_id,
            "fate.trial": str(trial.number),
            "fate.state": trial.state.value,
            "fate.best": "true" if trial.number == found.best.number else "false",
            "fate.job_id": trial.job_id or "",
            **{f"fate.{part}": str(trial.result.get(part) or "") for part in ("model_id", "model_version")},
            **{f"fate.metric.{name}": str(value) for name, value in metrics.items() if not is_number(value)},
            **airflow,
        }
        params = {key_of(name): str(value)[:_LONGEST_PARAMETER] for name, value in trial.parameters.items()}
        self._client.runs.describe(run.run_id, params=params, tags=_tags(tags))
        points = [
            MetricPoint(name, float(value), timestamp=time_ms()) for name, value in metrics.items() if is_number(value)
        ]
        if points:
            self._client.runs.log_metrics(run.run_id, points)
        status = "FAILED" if trial.state is TrialState.FAILED else "FINISHED"
        self._client.runs.finish(run.run_id, end_time=time_ms(), status=status)
        return run

    def _run(self, experiment: Experiment, key: Mapping[str, str], name: str, tags: Mapping[str, str]) -> Run:
        """A run with this key: the one that was begun, or a new one; of several, which two have begun, the first."""
        begun = begun_runs(self._client, experiment, key)
        for other in begun[1:]:
            self._client.runs.delete(other.run_id)
        return begun[0] if begun else begin_run(self._client, experiment, name=name[:_LONGEST_NAME], key=key, tags=tags)

    def _drop_others(self, experiment: Experiment, sweep: str, children: list[Run]) -> None:
        """Take away runs of trials that the sweep has no more."""
        known = {child.run_id for child in children}
        for run in begun_runs(self._client, experiment, {SWEEP_TAG: f"of {sweep}"}, _MOST_TRIALS):
            if run.run_id not in known:
                self._client.runs.delete(run.run_id)


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """As MLflow takes them; an empty one is written, too: it may be in the place of another from an earlier try."""
    return {key_of(name): value[:_LONGEST_TAG] for name, value in tags.items()}


def _source(run: Mapping[str, str]) -> dict[str, str]:
    name = "/".join(run[part] for part in ("dag_id", "task_id") if part in run)
    return {"mlflow.source.type": "JOB", "mlflow.source.name": name}


def _count(found: SweepResult) -> list[tuple[str, int]]:
    states = [trial.state for trial in found.trials]
    return [("all", len(states)), *((name.value.replace(" ", "_"), states.count(name)) for name in TrialState)]

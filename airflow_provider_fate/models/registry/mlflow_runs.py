"""The run that a version of a model is made of: found again after a fault, and complete before the version is made."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_fate.clients.mlflow import Experiment, MetricPoint, MlflowClient, Run
from airflow_provider_fate.clients.mlflow.models import key_of
from airflow_provider_fate.errors import FateInputError, FateInvalidParameterError
from airflow_provider_fate.metrics import metric_points
from airflow_provider_fate.models.registry.contents import MODEL_FOLDER, ModelContents, model_contents, summary
from airflow_provider_fate.models.registry.mlflow_begin import (
    active_experiment,
    begin_run,
    begun_runs,
    is_number,
    time_ms,
)
from airflow_provider_fate.models.registry.mlflow_model import write_mlmodel
from airflow_provider_fate.models.registry.records import RegisteredModel

__all__ = ["MODEL_TAG", "PACKAGE_TAG", "ModelRuns"]

PACKAGE_TAG, MODEL_TAG = "fate.package_sha256", "fate.registered_model"
"""By these a run and a version are found again."""

_LONGEST_PARAMETER, _LONGEST_TAG = 6000, 8000
_TRIES = 3


class ModelRuns:
    """Runs of registrations.

    :param experiment: the experiment that they are in; ``None``: one that is called like the model.
    """

    def __init__(self, client: MlflowClient, experiment: str | None = None) -> None:
        self._client = client
        self._experiment_name = experiment

    def record(self, name: str, model: RegisteredModel) -> Run:
        """Make a run with all of a model in it, or finish one that was begun; the same package has one run.

        :raises FateInputError: a file of the model is not there, or is another one.
        :raises FateConfigError: the server hands no files on.
        """
        with model_contents(model) as contents:
            experiment = active_experiment(self._client, self._experiment_name or name)
            begun = self._begun(experiment, name, model.sha256)
            if begun:
                try:
                    self._fill(begun[0], model, contents)
                    return begun[0]
                except FateInputError:
                    # Its parameters are those of another card, or somebody has taken it away.
                    self._client.runs.delete(begun[0].run_id)
            key = {PACKAGE_TAG: model.sha256, MODEL_TAG: name}
            run = begin_run(self._client, experiment, name=f"{name} {model.job_id}", key=key)
            try:
                self._fill(run, model, contents)
            except FateInputError:
                self._client.runs.delete(run.run_id)
                raise
            return run

    def sweep(self, name: str, sha256: str, keep: str) -> None:
        """Take away runs that were begun for a package that has its version.

        :param keep: id of the version's run.
        """
        experiment = self._client.experiments.find(self._experiment_name or name)
        if experiment is None:
            return
        for run in self._begun(experiment, name, sha256):
            if run.run_id != keep:
                self._client.runs.delete(run.run_id)

    def _begun(self, experiment: Experiment, name: str, sha256: str) -> list[Run]:
        """Runs of a package, oldest first."""
        return begun_runs(self._client, experiment, {PACKAGE_TAG: sha256, MODEL_TAG: name})

    def _fill(self, run: Run, model: RegisteredModel, contents: ModelContents) -> None:
        """Write all that is not there yet; each of it may be written twice."""
        numbers = {key: value for key, value in model.metrics.items() if is_number(value)}
        words = {key: str(value) for key, value in model.metrics.items() if key not in numbers}
        params = {
            **{f"fate.{key}": getattr(model, key) for key in ("job_id", "model_id", "model_version")},
            "fate.party": f"{model.role} {model.party_id}",
            **contents.parameters,
        }
        tags = {
            **{f"fate.metric.{key}": value for key, value in words.items()},
            "fate.package": model.package,
            **{f"fate.{key}": getattr(model, key) or "" for key in ("adapter_sha256", "base_model", "base_revision")},
            "mlflow.source.type": "JOB",
            "mlflow.source.name": "/".join(model.run[key] for key in ("dag_id", "task_id") if key in model.run),
            "mlflow.note.content": contents.text or summary(model),
            **{f"airflow.{key}": value for key, value in model.run.items()},
            **model.tags,
        }
        self._describe(
            run,
            params={key_of(key): value[:_LONGEST_PARAMETER] for key, value in params.items() if value},
            tags={key_of(key): value[:_LONGEST_TAG] for key, value in tags.items() if value},
        )
        points = [MetricPoint(key, float(value), timestamp=run.start_time) for key, value in numbers.items()]
        if contents.measured is not None:
            steps = metric_points(contents.measured)
            points += [MetricPoint(key, value, step, timestamp=run.start_time) for key, value, step in steps]
        self._client.runs.log_metrics(run.run_id, points)
        files = dict(contents.files)
        if (onnx := files.get("model.onnx")) is not None:
            files |= write_mlmodel(onnx.parent, onnx.name)
        for file, place in files.items():
            self._client.artifacts.put(run, f"{MODEL_FOLDER}/{file}", place)
        self._client.runs.finish(run.run_id, end_time=time_ms())

    def _describe(self, run: Run, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self._client.runs.describe(run.run_id, params=params, tags=tags)
                return
            except FateInvalidParameterError:
                # Two who write the same parameter in the same moment: the database lets one do it, and MLflow tells the
                # other no more than that.
                now = self._client.runs.get(run.run_id)
                if now is None or not left or now.lifecycle_stage != "active":
                    raise
                if any(now.params.get(key, value) != value for key, value in params.items()):
                    raise

"""Say what came out of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.links.registry import ModelRegistryLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.jobs.sweeps import Sweep
    from airflow_provider_fate.jobs.trials import SweepResult


class FateSweepReportOperator(BaseOperator):
    """Put all trials of a sweep into a table, and name the best.

    The table goes into the log as Markdown, best trial first, and into the XCom as JSON. Trials that have failed are
    listed with their FATE jobs, as far as these had begun; the task runs when all trials have ended, however they did,
    and fails only if none of them can be judged.

    :param sweep: what :func:`~airflow_provider_fate.jobs.sweeps.sweep` has made.
    :param results: the output of the mapped task that ran the trials (``trials.output``), or its task id. (templated)
    :param metric: the metric that decides, by its name in the result of a trial: ``auc``, ``cv.auc.mean``. (templated)
    :param mode: ``max`` where more is better, ``min`` for an error such as ``rmse``.
    :param mlflow: write the sweep into MLflow, too, ``mlflow://mlflow_default`` with the id of a connection of type
        ``fate_mlflow``: one parent run, and a nested run with parameters and metrics for each trial, of which the best
        has the tag ``fate.best``. Written once, however often the task is tried. ``None``: nowhere. (templated)
    :param experiment: MLflow's experiment of these runs; default: that of the connection, else one that is called like
        the DAG. (templated)
    :returns: ``{"metric", "mode", "best", "tied", "failed", "without_metric", "trials"}`` as XCom. ``best`` and each
        of ``trials`` are ``{"trial", "parameters", "state", "value", "job_id", "model_id", "model_version",
        "metrics"}``, so that ``report.output["best"]`` is a model for
        :class:`~airflow_provider_fate.operators.predict.FatePredictOperator` and others. Of several best ones the first
        wins, and ``tied`` has the numbers of the others. With MLflow also ``"mlflow"``: ``{"experiment_id", "run_id",
        "best_run_id", "trial_run_ids", "url"}``.
    :raises AirflowFailException: no trial has the metric as a number, or the connection to MLflow cannot be used; says
        why. Not retried.
    """

    template_fields: Sequence[str] = ("results", "metric", "mlflow", "experiment")
    operator_extra_links = (ModelRegistryLink(),)
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        sweep: Sweep,
        results: Any,
        metric: str = "auc",
        mode: Literal["max", "min"] = "max",
        mlflow: str | None = None,
        experiment: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})
        self.sweep = sweep
        # As a template field it draws the edge; what it resolves to has no entry for a trial that has failed.
        self.results = results
        self.trials_task_id = str(results.operator.task_id if hasattr(results, "operator") else results)
        self.metric = metric
        self.mode = mode
        if mlflow is not None and not mlflow.startswith(("mlflow://", "{{")):
            raise FateInputError(
                f"mlflow={mlflow!r} names no MLflow.", hint="Write mlflow://<id of an Airflow connection>."
            )
        self.mlflow = mlflow
        self.experiment = experiment

    def execute(self, context: Context) -> dict[str, Any]:
        """Collect, judge, tell."""
        from airflow_provider_fate.errors import FateAuthError, FateConfigError
        from airflow_provider_fate.jobs.trials import judge

        results, begun = (self._pull(context, key) for key in ("return_value", "fate_job"))
        try:
            found = judge(results, metric=self.metric, mode=self.mode, sweep=self.sweep, jobs=begun)
            self.log.info("%d trials, judged by %s:\n%s", len(found.trials), self.metric, found.to_markdown())
            report = found.to_json()
            if self.mlflow:
                report["mlflow"] = self._track(found, context)
        except (FateInputError, FateConfigError, FateAuthError) as e:
            raise AirflowFailException(str(e)) from None
        if report["failed"]:
            self.log.warning("Failed trials: %s", ", ".join(map(str, report["failed"])))
        if report["tied"]:
            listed = ", ".join(map(str, report["tied"]))
            self.log.warning("Exactly as good as trial %s: %s", report["best"]["trial"], listed)
        return report

    def _track(self, found: SweepResult, context: Context) -> dict[str, Any]:
        """Write it into MLflow, and show the page of the parent run as the link of the task."""
        from airflow_provider_fate.models.registry.opening import open_sweep_runs
        from airflow_provider_fate.operators._registry import run_of

        run = run_of(context)
        with open_sweep_runs(str(self.mlflow), self.experiment, run["dag_id"]) as runs:
            tracked = runs.record(found, name=f"{run['dag_id']} {run['run_id']}", run=run)
        ModelRegistryLink.persist(context, tracked.url)
        self.log.info("In MLflow: %s", tracked.url)
        return tracked.to_json()

    def _pull(self, context: Context, key: str) -> list[Any]:
        numbers = range(len(self.sweep))
        return list(context["ti"].xcom_pull(task_ids=self.trials_task_id, key=key, map_indexes=numbers))

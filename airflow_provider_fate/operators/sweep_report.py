"""Say what came out of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.jobs.sweeps import Sweep


class FateSweepReportOperator(BaseOperator):
    """Put all trials of a sweep into a table, and name the best.

    The table goes into the log as Markdown, best trial first, and into the XCom as JSON. Trials that have failed are
    listed with their FATE jobs, as far as these had begun; the task runs when all trials have ended, however they did,
    and fails only if none of them can be judged.

    :param sweep: what :func:`~airflow_provider_fate.jobs.sweeps.sweep` has made.
    :param results: the output of the mapped task that ran the trials (``trials.output``), or its task id. (templated)
    :param metric: the metric that decides, by its name in the result of a trial: ``auc``, ``cv.auc.mean``. (templated)
    :param mode: ``max`` where more is better, ``min`` for an error such as ``rmse``.
    :returns: ``{"metric", "mode", "best", "tied", "failed", "without_metric", "trials"}`` as XCom. ``best`` and each
        of ``trials`` are ``{"trial", "parameters", "state", "value", "job_id", "model_id", "model_version",
        "metrics"}``, so that ``report.output["best"]`` is a model for
        :class:`~airflow_provider_fate.operators.predict.FatePredictOperator` and others. Of several best ones the first
        wins, and ``tied`` has the numbers of the others.
    :raises AirflowFailException: no trial has the metric as a number; says why. Not retried.
    """

    template_fields: Sequence[str] = ("results", "metric")
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        sweep: Sweep,
        results: Any,
        metric: str = "auc",
        mode: Literal["max", "min"] = "max",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})
        self.sweep = sweep
        # As a template field it draws the edge; what it resolves to has no entry for a trial that has failed.
        self.results = results
        self.trials_task_id = str(results.operator.task_id if hasattr(results, "operator") else results)
        self.metric = metric
        self.mode = mode

    def execute(self, context: Context) -> dict[str, Any]:
        """Collect, judge, tell."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.jobs.trials import judge

        results, begun = (self._pull(context, key) for key in ("return_value", "fate_job"))
        try:
            found = judge(results, metric=self.metric, mode=self.mode, sweep=self.sweep, jobs=begun)
            self.log.info("%d trials, judged by %s:\n%s", len(found.trials), self.metric, found.to_markdown())
            report = found.to_json()
        except FateInputError as e:
            raise AirflowFailException(str(e)) from None
        if report["failed"]:
            self.log.warning("Failed trials: %s", ", ".join(map(str, report["failed"])))
        if report["tied"]:
            listed = ", ".join(map(str, report["tied"]))
            self.log.warning("Exactly as good as trial %s: %s", report["best"]["trial"], listed)
        return report

    def _pull(self, context: Context, key: str) -> list[Any]:
        numbers = range(len(self.sweep))
        return list(context["ti"].xcom_pull(task_ids=self.trials_task_id, key=key, map_indexes=numbers))

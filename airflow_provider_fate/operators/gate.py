"""Let a model go on only if it is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, BaseOperator
from airflow.providers.standard.operators.branch import BranchMixIn  # the other one is deprecated on Airflow 3.1

from airflow_provider_fate.errors import FateConfigError, FateInputError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.decide import ScoreComparison
    from airflow_provider_fate.models.decide.verdict import GateVerdict

OnFail = Literal["fail", "skip", "branch"]


class FateQualityGateOperator(BaseOperator, BranchMixIn):
    """Judge a model by bounds on its metrics, and by the champion's scores of the same held-out rows.

    The model passes if all bounds hold and, where there is a champion, the comparison gives what its rule requires. The
    first model has no champion: it passes by the bounds alone, and the verdict says so.

    :param metrics: what was measured: the result of a job (``train.output``), of a prediction with ``evaluate=True``,
        of an export or a registered version, the path of a model card, or a mapping of metrics. (templated)
    :param bounds: of metrics, by their names: ``{"auc": ">= 0.75", "ks": ">= 0.2, < 0.9"}``. ``scores.auc`` is what is
        measured on the challenger's scores. (templated)
    :param challenger: scores of the new model, with the label: the result of
        :class:`~airflow_provider_fate.operators.download.FateDownloadOperator` or
        :class:`~airflow_provider_fate.operators.predict.FatePredictOperator`, or the path or URL of a CSV or Parquet
        file. (templated)
    :param champion: scores of the present model on the same rows; ``None``, also as the XCom of a task that was
        skipped: there is none. (templated)
    :param compare: a :class:`~airflow_provider_fate.models.decide.rule.ScoreComparison`, or a mapping with the names
        of its fields; default: AUC, of which the challenger must be shown to be not worse. (templated, as a mapping)
    :param if_unjudged: what follows where something cannot be judged (a metric is missing or no number, rows differ,
        one class only, too few rows): ``error`` fails the task, whatever ``on_fail`` says; ``reject`` counts as failed.
    :param on_fail: what follows where the model does not pass: ``fail`` the task without a retry, ``skip`` it and what
        depends on it, or ``branch``.
    :param if_passed: with ``branch``, ids of the tasks or task groups to follow where the model passes.
    :param if_failed: with ``branch``, those to follow where it does not.
    :param fate_conn_id: Airflow connection of the FATE site, for scores that are still there. (templated)
    :returns: the verdict as XCom, also where the task fails or is skipped: ``{"passed", "judged", "first", "reasons",
        "bounds", "figures", "rows", "comparison", "challenger", "champion", "markdown"}``.
    :raises AirflowFailException: the model does not pass, an argument is wrong, or from
        :class:`~airflow_provider_fate.errors.FateNotJudgedError`. Not retried.
    :raises FileNotFoundError: there is no such file; retried, because it may still come.
    """

    template_fields: Sequence[str] = ("metrics", "bounds", "challenger", "champion", "compare", "fate_conn_id")
    template_fields_renderers = {"bounds": "json", "compare": "json"}  # noqa: RUF012 - declared like this by Airflow
    inherits_from_skipmixin = True
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        metrics: Any = None,
        bounds: Mapping[str, str] | None = None,
        challenger: Any = None,
        champion: Any = None,
        compare: ScoreComparison | Mapping[str, Any] | None = None,
        if_unjudged: Literal["error", "reject"] = "error",
        on_fail: OnFail = "fail",
        if_passed: str | Sequence[str] | None = None,
        if_failed: str | Sequence[str] | None = None,
        fate_conn_id: str = "fate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metrics = metrics
        self.bounds = bounds
        self.challenger = challenger
        self.champion = champion
        self.compare = compare
        self.if_unjudged = if_unjudged
        self.on_fail = on_fail
        self.if_passed = if_passed
        self.if_failed = if_failed
        self.fate_conn_id = fate_conn_id
        if on_fail not in get_args(OnFail):
            raise FateInputError(f"on_fail={on_fail!r} is unknown.", hint="Write 'fail', 'skip' or 'branch'.")
        if if_unjudged not in ("error", "reject"):
            raise FateInputError(f"if_unjudged={if_unjudged!r} is unknown.", hint="Write 'error' or 'reject'.")
        if (on_fail == "branch") != (if_passed is not None and if_failed is not None) or (
            on_fail != "branch" and (if_passed is not None or if_failed is not None)
        ):
            raise FateInputError(
                f"on_fail={on_fail!r} does not go with if_passed={if_passed!r} and if_failed={if_failed!r}.",
                hint="Both name the tasks to follow with on_fail='branch', and with nothing else; [] follows none.",
            )

    def gather(self, context: Context) -> None:
        """Complete the arguments, before they are looked at."""

    def execute(self, context: Context) -> Any:
        """Judge."""
        from airflow_provider_fate.models.decide.text import headline, verdict_markdown, verdict_table

        try:
            self.gather(context)
            verdict = self._judge()
        except (FateInputError, FateConfigError) as e:
            raise AirflowFailException(str(e)) from None
        self.log.info("%s\n%s\n%s", headline(verdict), "\n".join(verdict.reasons), verdict_table(verdict))
        told = verdict.to_json() | {"markdown": verdict_markdown(verdict)}
        if self.on_fail == "branch":
            context["ti"].xcom_push(key="return_value", value=told)  # a task that skips others returns nothing
            follow = self.if_passed if verdict.passed else self.if_failed
            self.do_branch(context, [follow] if isinstance(follow, str) else list(follow or ()))
        elif not verdict.passed:
            context["ti"].xcom_push(key="return_value", value=told)
            why = " ".join([headline(verdict), *verdict.reasons])
            raise AirflowSkipException(why) if self.on_fail == "skip" else AirflowFailException(why)
        return told

    def _judge(self) -> GateVerdict:
        from airflow_provider_fate.models.decide import ScoreComparison
        from airflow_provider_fate.models.decide.bounds import read_bounds
        from airflow_provider_fate.models.decide.judge import judge
        from airflow_provider_fate.operators._evidence import is_nothing, read_metrics, read_scores

        rule = ScoreComparison.of(self.compare)
        bounds = read_bounds(self.bounds)
        if is_nothing(self.challenger) and not is_nothing(self.champion):
            raise FateInputError(
                "champion is given, and challenger is not.", hint="Give the new model's scores of the same rows."
            )
        return judge(
            metrics=read_metrics(self.metrics),
            bounds=bounds,
            challenger=read_scores("challenger", self.challenger, rule, self.fate_conn_id),
            champion=read_scores("champion", self.champion, rule, self.fate_conn_id),
            rule=rule,
            if_unjudged=self.if_unjudged,
        )

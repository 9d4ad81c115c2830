"""Look at a site before a job is submitted to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.operators._moments import seconds
from airflow_provider_fate.operators._templates import TemplateFiles

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_fate.jobs import Recipe
    from airflow_provider_fate.site.preflight import Preflight, PreflightReport

CHECKS = "checks"
"""XCom with what was found, also where the task has failed."""


class FatePreflightOperator(TemplateFiles):
    """Say within seconds what would make a job fail after an hour. Submits, changes and waits for nothing.

    It looks whether the site answers, with which version, as which party; whether it takes this connection's signature,
    and how far the clocks are apart; whether the tables are there as they are needed; whether the job can run as it is
    described, and on the cores that there are; whether something is stuck in the queue; whether the models are still
    there; how the last jobs with the partners went, and what is granted. Each check ends as ``pass``, ``warn``,
    ``fail`` or ``unknown``, which is for what no site tells, and says what to do. All of them are made whatever the
    others find.

    A partner's site is not asked: only a job can do that
    (:class:`~airflow_provider_fate.operators.connectivity.FateConnectivityOperator`). The checks are those of one
    moment; :class:`~airflow_provider_fate.sensors.health.FateClusterHealthSensor` waits for a better one.

    :param job: the job that is to be submitted: a recipe, a mapping, YAML or JSON text or a template file of it;
        ``None``: none in particular. (templated)
    :param tables: tables of this site, beside those that the job reads: their names, or by name what is needed of each:
        ``{"credit.bank": {"min_rows": 1000, "columns": ["x0"], "label": "y", "match_id": "id", "types": {"x0":
        "float32"}, "contract": "bank.yaml"}}``. (templated)
    :param min_rows: so many rows at least has each table of this site, where nothing else is said. (templated)
    :param model: the model that is to be used: the result of the task that trained it, or the id of its job.
        (templated)
    :param partners: party ids, beside those of the job. (templated)
    :param fate_conn_id: Airflow connection of the site. (templated)
    :param max_wait: a job that has waited longer in the queue is stuck, ``timedelta`` or seconds.
    :param contact_age: the last job with a partner that succeeded is not older, ``timedelta`` or seconds.
    :param fail_on: ``fail``, or ``warn``: the task fails on warnings, too. What is unknown fails nothing.
    :param timeout: seconds that one check may take; the whole takes twice that at most.
    :returns: ``{"ok", "seconds", "checks"}`` as XCom, with ``{"name", "result", "found", "advice"}`` for each check.
        The same stands under the key ``checks``, also where the task fails.
    :raises FatePreflightError: something would make the job fail; the message lists it.
    :raises AirflowFailException: an argument or the connection cannot be right. Not retried.
    """

    template_fields: Sequence[str] = ("job", "tables", "min_rows", "model", "partners", "fate_conn_id")
    template_ext: Sequence[str] = (".yaml", ".yml", ".json")
    template_file_fields: Sequence[str] = ("job",)
    template_fields_renderers = {"job": "yaml"}  # noqa: RUF012 - declared like this by Airflow
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        job: Recipe | Mapping[str, Any] | str | None = None,
        tables: str | Sequence[str] | Mapping[str, Mapping[str, Any] | None] = (),
        min_rows: int | str = 1,
        model: Mapping[str, Any] | str | None = None,
        partners: str | Sequence[str] = (),
        fate_conn_id: str = "fate_default",
        max_wait: timedelta | float = timedelta(minutes=15),
        contact_age: timedelta | float = timedelta(days=1),
        fail_on: Literal["fail", "warn"] = "fail",
        timeout: timedelta | float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if fail_on not in ("fail", "warn"):
            raise ValueError(f"fail_on={fail_on!r} is neither 'fail' nor 'warn'")
        self.job = job
        self.tables = tables
        self.min_rows = min_rows
        self.model = model
        self.partners = partners
        self.fate_conn_id = fate_conn_id
        self.max_wait = seconds("max_wait", max_wait)
        self.contact_age = seconds("contact_age", contact_age)
        self.fail_on = fail_on
        self.timeout = seconds("timeout", timeout)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render templates in recipes, too, as the operator does that will run the job, and in names of tables."""
        if hasattr(content, "model_dump"):
            rendered = super().render_template(content.model_dump(), context, jinja_env, seen_oids)
            return type(content).model_validate(rendered)
        if content is self.tables and isinstance(content, Mapping):  # Airflow leaves keys as they are
            names = [super(FatePreflightOperator, self).render_template(name, context, jinja_env) for name in content]
            terms = super().render_template(list(content.values()), context, jinja_env, seen_oids)
            return dict(zip(names, terms, strict=True))
        return super().render_template(content, context, jinja_env, seen_oids)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look, tell the log, and decide."""
        from airflow_provider_fate.errors import FateConfigError, FateInputError
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.site.preflight import preflight

        try:
            report = preflight(FateFlowHook(self.fate_conn_id).site(), self.asked(), timeout=self.timeout)
        except (FateInputError, FateConfigError) as e:
            raise AirflowFailException(str(e)) from None
        for line in report.lines():
            self.log.info("%s", line)
        found = report.to_json(self.fail_on)
        context["ti"].xcom_push(key=CHECKS, value=found)
        self._decide(report)
        return found

    def asked(self) -> Preflight:
        """What the arguments say, when they are rendered.

        :raises FateInputError: one of them cannot be right.
        """
        from airflow_provider_fate.site.preflight import Preflight
        from airflow_provider_fate.storage.source import read_contract

        tables: Any = self.tables
        if isinstance(tables, Mapping):
            tables = {name: dict(terms or {}) for name, terms in tables.items()}
            for terms in tables.values():
                if isinstance(terms.get("contract"), str | Mapping):
                    terms["contract"] = read_contract(terms["contract"])
        return Preflight.of(
            job=self.job,
            tables=tables,
            min_rows=self.min_rows,
            model=self.model,
            partners=self.partners,
            max_wait=self.max_wait,
            contact_age=self.contact_age,
        )

    def _decide(self, report: PreflightReport) -> None:
        from airflow_provider_fate.errors import FatePreflightError

        problems = report.problems(self.fail_on)
        if not problems:
            return
        listed = "\n".join(f"  - {one.name}: {one.found}" for one in problems)
        advice = "\n".join(f"  - {one.name}: {one.advice}" for one in problems if one.advice)
        raise FatePreflightError(
            f"{self.fate_conn_id} is not ready, for {len(problems)} reason{'s' if len(problems) > 1 else ''}; nothing "
            f"was submitted:\n{listed}",
            hint=f"What to do:\n{advice}",
        )

"""Delete what has grown old on a FATE site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context

    from airflow_provider_fate.site.policy import Policy
    from airflow_provider_fate.site.retention import Item, Plan
    from airflow_provider_fate.site.session import SiteSession

    Age = timedelta | float | str | None


class FateRetentionOperator(FateSiteOperator):
    """Delete jobs, tables and models of a FATE site that are older than you say; **by default only say which**.

    Never what a job uses that waits or runs: tables that it reads or writes, the job it inherits from or reads the
    results of, its model. Never what is on the keep list. Each thing is looked at once more directly before it is
    deleted. A job goes only when its models go, and the tables that its parties read here: FATE-Flow deletes them
    with it.

    FATE-Flow has no list of tables and models. Known are the tables of uploads, and the models of jobs, that are still
    in its list of jobs.

    Kinds are ``tables``, ``models``, ``jobs``, and ``outputs``: tables that the tasks of a job have made for each other
    (intersections, predictions). These can go while the job stays, with its metrics and models.

    :param older_than: the age from which on something is deleted, since a job's end or a table's newest upload: a
        ``timedelta`` or a number of days, for all kinds, or by kind ``{"tables": 30, "models": 180, "outputs": 14,
        "jobs": 30}``. A kind that is missing or ``None`` is kept. (templated)
    :param keep: by kind, patterns of what is kept at any age: ``{"tables": ["credit.*"], "models": ["champion*"],
        "jobs": [...]}``; a model's pattern is compared with its id, and with ``id/version``; a job that is kept keeps
        its outputs. (templated)
    :param dry_run: only report. Text such as ``"{{ params.dry_run }}"`` is read as true or false. (templated)
    :param max_deletions: if more than so many things are due, nothing is deleted and the task fails: a wrong age or
        pattern must not empty a site. (templated)
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: as XCom ``{"dry_run", "delete", "deleted", "kept", "gone", "failed", "too_young", "items"}``: numbers by
        kind, and the items, at most 1000 of them, each with ``kind``, ``name``, ``age_days``, ``rows``, ``action`` and
        ``reason``.
    :raises AirflowFailException: an argument is wrong, or ``max_deletions`` is exceeded. Not retried.
    :raises FateServerError: some things could not be deleted; the others were. The log says which.
    """

    template_fields: Sequence[str] = ("older_than", "keep", "only_report", "max_deletions", "fate_conn_id")

    def __init__(
        self,
        *,
        older_than: Age | Mapping[str, Age],
        keep: Mapping[str, Sequence[str]] | None = None,
        dry_run: bool | str = True,
        max_deletions: int | str = 200,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.older_than = older_than
        self.keep = keep
        # ``dry_run`` itself is a method of Airflow's operators.
        self.only_report = dry_run
        self.max_deletions = max_deletions

    def check(self) -> None:
        """Check the arguments."""
        self._policy()
        self._arguments()

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Look, report, and delete."""
        from datetime import UTC, datetime

        from airflow_provider_fate.errors import FateInvalidParameterError
        from airflow_provider_fate.site.retention import plan
        from airflow_provider_fate.site.retention_report import as_xcom, summary, table

        only_report, most = self._arguments()
        found = plan(session.client, self._policy(), datetime.now(tz=UTC))
        if found.items:
            self.log.info("%s", table(found.items))
        self.log.info("%s", summary(found.items, found.young))
        due = len(found.deletions)
        too_many = f"{due} things are to be deleted, more than max_deletions={most}."
        if only_report:
            if due > most:
                self.log.warning("%s Without dry_run the task would fail and delete nothing.", too_many)
            self.log.info("Nothing was deleted: dry_run=True")
            return as_xcom(found.items, found.young, dry_run=True)
        if due > most:
            raise FateInvalidParameterError(
                f"{too_many} Nothing was deleted.",
                hint="If the table above is what you want, raise max_deletions for one run.",
            )
        return self._delete(session, found, context)

    def _delete(self, session: SiteSession, found: Plan, context: Context) -> dict[str, Any]:
        from airflow_provider_fate.errors import FateServerError
        from airflow_provider_fate.site.removal import carry_out
        from airflow_provider_fate.site.retention_report import as_xcom, singular, summary, table

        done: list[Item] = []
        for item in carry_out(session.client, found):
            done.append(item)
            if item.action == "deleted":
                self.log.info("Deleted %s %s", singular(item.kind), item.name)
        surprises = [
            after
            for before, after in zip(found.items, done, strict=True)
            if before.action == "delete" and after.action != "deleted"
        ]
        if surprises:
            self.log.warning("Not as planned:\n%s", table(surprises))
        self.log.info("%s", summary(done, found.young))
        report = as_xcom(done, found.young, dry_run=False)
        if failed := [item for item in done if item.action == "failed"]:
            context["ti"].xcom_push(key="report", value=report)
            raise FateServerError(
                f"{len(failed)} things could not be deleted, first {singular(failed[0].kind)} {failed[0].name}: "
                f"{failed[0].reason}",
                hint="The others were deleted. The log above has all reasons; the server's log may have more.",
            )
        return report

    def _policy(self) -> Policy:
        from airflow_provider_fate.site.policy import Policy

        return Policy.of(self.older_than, self.keep)

    def _arguments(self) -> tuple[bool, int]:
        from airflow_provider_fate.errors import FateInvalidParameterError

        words = {"true": True, "false": False}
        only_report = words.get(str(self.only_report).strip().lower())
        if only_report is None:
            raise FateInvalidParameterError(
                f"dry_run={self.only_report!r} is neither true nor false.", hint="Write True or False."
            )
        try:
            most = int(self.max_deletions)
        except (TypeError, ValueError):
            most = -1
        if most < 0:
            raise FateInvalidParameterError(
                f"max_deletions={self.max_deletions!r} is not a number of things.", hint="Write 0 or more."
            )
        return only_report, most

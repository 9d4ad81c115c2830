"""Quiet hours: let a site come to rest, keep partners out meanwhile, and open it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateExecutionTimeout, FateNotOfferedError
from airflow_provider_fate.operators._moments import seconds
from airflow_provider_fate.operators._site import FateSiteOperator
from airflow_provider_fate.remote.operator import RemoteWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.event import Event
    from airflow_provider_fate.remote.kinds.fate_idle import FateIdle, IdleSite
    from airflow_provider_fate.remote.work import WorkKind
    from airflow_provider_fate.site.session import SiteSession


class FateSiteDrainOperator(RemoteWorkOperator["IdleSite"]):
    """Close a site to its partners, and wait until nothing runs on it any more: before an upgrade, or for the night.

    What runs goes on to its end; nothing is stopped. A job that a partner starts meanwhile is refused when it is
    created, and the partner's task can wait: ``FateJobOperator(wait_for_partners=...)``. What partners were granted
    stays granted: only ``reader`` is taken from them, without which no job reads a table.
    :class:`FateSiteResumeOperator` gives it back; make it the teardown, so that it runs whatever happens between.

    Jobs of this site's own Airflow are kept back by a pool of no slots, or by pausing their DAGs: they are not this
    operator's. A :class:`~airflow_provider_fate.operators.permission.FateGrantOperator` that runs meanwhile lets its
    partner in again. The task may run again; a kill leaves the site closed.

    :param partners: party ids of those who are kept out; none: the site stays open, and the task only waits.
        (templated)
    :param stale_after: a partner's job of which nothing was told for so long is not waited for, ``timedelta`` or
        seconds: it may be over, and nobody has told this site.
    :param fate_conn_id: Airflow connection of this site. (templated)
    :param execution_timeout: how long to wait at most; the site then stays closed until it is resumed.
    :param deferrable: wait in the triggerer (default), or in the worker.
    :returns: ``{"partners", "stale"}`` as XCom: who is kept out, and the jobs that were not waited for.
    :raises FateExecutionTimeout: something still runs after ``execution_timeout``; the message names it.
    :raises AirflowFailException: the site does not check which partner asks, so that nothing can be refused; or an
        argument or the connection is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("partners", "fate_conn_id")
    ui_color = "#e3eefc"
    final_errors = (*RemoteWorkOperator.final_errors, FateNotOfferedError)

    def __init__(
        self,
        *,
        partners: str | Sequence[str] = (),
        stale_after: timedelta | float = timedelta(days=1),
        fate_conn_id: str = "fate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.partners = partners
        self.stale_after = seconds("stale_after", stale_after)
        self.fate_conn_id = fate_conn_id

    def kind(self) -> FateIdle:
        """A site at rest."""
        from airflow_provider_fate.remote.kinds.fate_idle import FateIdle

        return FateIdle(self.fate_conn_id)

    def request(self, context: Context) -> IdleSite:
        """What the arguments say."""
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.remote.kinds.fate_idle import IdleSite

        FateFlowHook(self.fate_conn_id).site()  # a wrong connection is told at once
        return IdleSite(partners=_parties(self.partners), stale_after=self.stale_after)

    def announce(self, ref: IdleSite, context: Context) -> None:
        """Say who is kept out."""
        whom = f"closed to {', '.join(ref.partners)}" if ref.partners else "open to all"
        self.log.info("%s is %s; waiting until nothing runs on it", self.fate_conn_id, whom)

    def result(self, ref: IdleSite, found: Mapping[str, Any] | None, context: Context) -> Mapping[str, Any]:
        """Say what was not waited for."""
        stale = list((found or {}).get("stale", ()))
        if stale:
            self.log.warning("Unfinished, but nothing was told of them for long; not waited for: %s", ", ".join(stale))
        self.log.info("Nothing runs on %s", self.fate_conn_id)
        return {"partners": list(ref.partners), "stale": stale}

    def out_of_time(self, kind: WorkKind[IdleSite, Any], ref: IdleSite, ended: Event) -> Exception:
        """Name what still runs."""
        return FateExecutionTimeout(
            f"{self.fate_conn_id} did not come to rest within {self.execution_timeout}: "
            f"{ended.detail or 'the site could not be asked'}.",
            hint="Give it more time, or end what runs with: airflow fate stop. The site stays closed until "
            "FateSiteResumeOperator opens it.",
        )


class FateSiteResumeOperator(FateSiteOperator):
    """Open a site to partners again, to whom a :class:`FateSiteDrainOperator` has closed it.

    They may use what they were granted, as before. A partner without any table is left as it is. The task may run
    again.

    :param partners: party ids. (templated)
    :param fate_conn_id: Airflow connection of this site. (templated)
    :returns: ``{"partners"}`` as XCom: those to whom the site is open.
    :raises AirflowFailException: the site does not check which partner asks, or an argument is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("partners", "fate_conn_id")

    def __init__(self, *, partners: str | Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.partners = partners

    def check(self) -> None:
        """Check the party ids."""
        _parties(self.partners)

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Open it."""
        from airflow_provider_fate.site.opening import open_to

        parties = _parties(self.partners)
        opened = [party for party in parties if open_to(session.client, party)]
        for party in parties:
            what = "may use again what it was granted" if party in opened else "was granted no table"
            self.log.info("Party %s %s", party, what)
        return {"partners": opened}


def _parties(given: str | Sequence[str]) -> list[str]:
    from airflow_provider_fate.clients.fate_flow.names import check_id

    parties = [given] if isinstance(given, str) else [str(party) for party in given]
    return list(dict.fromkeys(check_id("partners", party) for party in parties))

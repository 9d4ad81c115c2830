"""A site that is fit for work, as something that is waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateAuthError, FateError, FateTlsError
from airflow_provider_fate.remote.kinds.fate_awaited import FateAwaited
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece, WorkRef
from airflow_provider_fate.site.load import QUEUED, SiteLoad, spoken
from airflow_provider_fate.site.records import UNFINISHED

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient

__all__ = ["FateHealth", "HealthySite"]

_NOT_BY_WAITING = (FateAuthError, FateTlsError)
"""Somebody has to mend these; a site that is away, starts, or is upgraded is waited for."""


@dataclass(frozen=True)
class HealthySite(WorkRef):
    """A site as somebody wants it; ``None``: whatever.

    :param version: of FATE-Flow, or its beginning: ``2.2``.
    :param max_waiting: so many jobs wait at most.
    :param max_wait: none has waited for more seconds.
    :param max_cores: the running jobs have taken so many cores at most.
    :param looks: so many looks in a row must find it so.
    """

    version: str | None = None
    max_waiting: int | None = None
    max_wait: float | None = None
    max_cores: int | None = None
    looks: int = 1

    ownership: Ownership = field(default=Ownership.OBSERVED, kw_only=True)

    @property
    def id(self) -> str:
        """The want as text, so that tasks that want the same share one answer."""
        return str(self)

    def __str__(self) -> str:
        terms = [f"FATE-Flow {self.version}"] if self.version is not None else []
        terms += [f"at most {self.max_waiting} waiting jobs"] if self.max_waiting is not None else []
        terms += [f"none for longer than {spoken(self.max_wait)}"] if self.max_wait is not None else []
        terms += [f"at most {self.max_cores} cores in use"] if self.max_cores is not None else []
        terms += [f"in {self.looks} looks in a row"] if self.looks > 1 else []
        return f"a site that answers ({', '.join(terms)})" if terms else "a site that answers"

    def lacks(self, version: str, load: SiteLoad) -> Iterator[str]:
        """In which points a site is not as wanted."""
        if self.version is not None and not f"{version}.".startswith(f"{self.version}."):
            yield f"it is FATE-Flow {version}"
        if self.max_waiting is not None and load.waiting > self.max_waiting:
            yield f"{load.waiting} jobs wait"
        if self.max_wait is not None and load.oldest_wait is not None and load.oldest_wait > self.max_wait:
            yield f"job {load.oldest} has waited for {spoken(load.oldest_wait)}"
        if self.max_cores is not None and load.cores > self.max_cores:
            yield f"{load.cores} cores are in use"


class FateHealth(FateAwaited[HealthySite]):
    """How a site is: asked for once per interval, whatever each task wants of it."""

    ref_type = HealthySite

    def __init__(self, conn_id: str, **kwargs: object) -> None:
        super().__init__(conn_id, **kwargs)  # type: ignore[arg-type]
        self._good: dict[str, int] = {}
        """By want: how many looks in a row have found it met."""

    async def find(self, attempt: Attempt, request: HealthySite) -> Sequence[Piece[HealthySite]]:
        """Look once. Whose site it is can only be asked of one that answers: the sensor does in the end."""
        return [Piece(request, (await self.look([request]))[request.id])]

    async def look(self, refs: Sequence[HealthySite]) -> Mapping[str, Snapshot]:
        """Ask for version and jobs, and judge what each task wants."""
        flow = await self.client()
        try:
            version, load = await self._ask(flow)
        except _NOT_BY_WAITING:
            self._good.clear()
            raise
        except FateError as error:
            self._good.clear()
            return {ref.id: Snapshot(WorkState.QUEUED, detail=error.message) for ref in refs}
        before, self._good = self._good, {}
        return {ref.id: self._judge(ref, version, load, before.get(ref.id, 0)) for ref in refs}

    async def _ask(self, flow: AsyncFlowClient) -> tuple[str, SiteLoad]:
        answer = await self.meter.of(flow.server.version())
        unfinished = await self.meter.of(flow.job.states(statuses=UNFINISHED))
        queue = (await self.meter.of(flow.job.list(statuses=QUEUED, limit=1, descending=False))).jobs
        now = time.time() if answer.clock is None else answer.clock.timestamp()
        return answer.version, SiteLoad.of(unfinished, queue, now)

    def _judge(self, ref: HealthySite, version: str, load: SiteLoad, before: int) -> Snapshot:
        if lacking := "; ".join(ref.lacks(version, load)):
            return Snapshot(WorkState.QUEUED, detail=lacking)
        good = self._good[ref.id] = before + 1
        if good < ref.looks:
            return Snapshot(WorkState.QUEUED, detail=f"as it should be, in {good} of {ref.looks} looks")
        return Snapshot(
            WorkState.SUCCEEDED, detail=str(load), found={"version": version, **asdict(load), "looks": good}
        )

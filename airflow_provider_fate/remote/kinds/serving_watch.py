"""A window of a service's traffic: waited for, and ended at once where it is out of bounds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_fate.errors import FateInputError, FateServiceUnfit
from airflow_provider_fate.remote.kinds.serving import ServiceKind, ServiceRef
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ending, Explanation, Ownership, Piece

__all__ = ["ServiceWatch", "WindowRef", "WindowRequest"]


@dataclass(frozen=True)
class WindowRef(ServiceRef):
    """A window.

    :param version: whose traffic is looked at.
    :param until: Unix time of its end.
    :param before: what was counted at its beginning, as JSON.
    :param bounds: likewise, see :class:`~airflow_provider_fate.serving.smoke.TrafficBounds`.
    """

    version: str = ""
    until: float = 0.0
    before: Mapping[str, Any] | None = None
    bounds: Mapping[str, Any] | None = None
    ownership: Ownership = field(default=Ownership.OBSERVED, kw_only=True)

    @property
    def id(self) -> str:
        """The version, and whose it is."""
        return f"version {self.version} of service {self.name}"


@dataclass(frozen=True)
class WindowRequest:
    """What is to be watched.

    :param seconds: how long; 0: not at all.
    :param bounds: see :class:`~airflow_provider_fate.serving.smoke.TrafficBounds`.
    """

    name: str
    version: str
    seconds: float
    bounds: Mapping[str, Any]


class ServiceWatch(ServiceKind[WindowRequest]):
    """Looks at what clients get from a version, and changes nothing."""

    ref_type = WindowRef

    async def find(self, attempt: Attempt, request: WindowRequest) -> Sequence[Piece[ServiceRef]]:
        """The window begins now."""
        from airflow_provider_fate.serving.records import TrackTraffic

        before = None
        if request.seconds:
            counted = await self._traffic(request.name, request.version)
            if counted is None:
                raise FateInputError(
                    f"window: backend={self.conn_id!r} does not count the requests of {request.name!r}.",
                    hint="Leave window= out, and judge the version by rows= and scores=.",
                )
            before = counted.model_dump(mode="json")
        ref = WindowRef(
            request.name, version=request.version, until=time.time() + request.seconds, before=before,
            bounds=request.bounds,
        )  # fmt: skip
        nothing = TrackTraffic().model_dump(mode="json")
        seen = Snapshot(WorkState.RUNNING) if request.seconds else Snapshot(WorkState.SUCCEEDED, found=nothing)
        return [Piece(ref, seen)]

    async def look(self, refs: Sequence[ServiceRef]) -> Mapping[str, Snapshot]:
        """Count again."""
        return {ref.id: await self._seen(ref) for ref in refs if isinstance(ref, WindowRef)}

    async def _seen(self, ref: WindowRef) -> Snapshot:
        from airflow_provider_fate.serving.records import TrackTraffic
        from airflow_provider_fate.serving.smoke import TrafficBounds, since

        over = time.time() >= ref.until
        now = await self._traffic(ref.name, ref.version)
        if now is None:
            return Snapshot(WorkState.STOPPED, detail="it is not live any more, or its server does not answer")
        bounds = TrafficBounds(**(ref.bounds or {}))
        counted = since(TrackTraffic.model_validate(ref.before) if ref.before else None, now)
        words = f"{counted.requests} requests, {counted.errors} failed"
        if broken := bounds.broken_by(counted):
            return Snapshot(WorkState.FAILED, detail=broken)
        if not over:
            return Snapshot(WorkState.RUNNING, detail=words)
        if counted.requests < bounds.requests:
            return Snapshot(
                WorkState.FAILED, detail=f"clients have sent {counted.requests} requests, fewer than {bounds.requests}"
            )
        return Snapshot(WorkState.SUCCEEDED, detail=words, found=counted.model_dump(mode="json"))

    async def _traffic(self, name: str, version: str) -> Any:
        service = await self.backend.get(name)
        live = service.live if service is not None else {}
        track = next((track for track, one in live.items() if one.version == version), None)
        counts = await self.backend.traffic(name) if track is not None else None
        return counts.get(track) if counts is not None and track is not None else None

    async def diagnose(self, ref: ServiceRef, ending: Ending) -> Explanation:
        """What was out of bounds."""
        return Explanation(error=FateServiceUnfit(f"{ref.id}: {ending.detail}."), reason=ending.detail)


def bounds_of(requests: int, error_share: float, latency_ms: float | None) -> dict[str, Any]:
    """Bounds as they travel in a reference."""
    from airflow_provider_fate.serving.smoke import TrafficBounds

    return asdict(TrafficBounds(requests, error_share, latency_ms))

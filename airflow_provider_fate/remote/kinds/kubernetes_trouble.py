"""How long the pods of an object may be in trouble: most troubles end by themselves, as when a database is up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.states import Snapshot, WorkState

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import Json
    from airflow_provider_fate.clients.kubernetes.pods import Trouble
    from airflow_provider_fate.remote.kinds.kubernetes import KubernetesRef

__all__ = ["Patience"]

SHOWN = 3


class Patience:
    """Remembers since when each container is in trouble; begins anew where the wait does.

    :param now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._since: dict[str, dict[tuple[str, str], float]] = {}

    def judge(self, ref: KubernetesRef, reason: str, pods: Iterable[Json]) -> Snapshot:
        """What an object that is not ready yet stands for, with what is wrong with its pods.

        :param reason: what it says of itself.
        """
        from airflow_provider_fate.clients.kubernetes.pods import troubles

        bad = [trouble for pod in pods for trouble in troubles(pod)]
        if not bad:
            self._since.pop(ref.id, None)
            return Snapshot(WorkState.RUNNING, detail=reason or "not ready yet")
        words = "; ".join(dict.fromkeys(f"{one.place}: {one.words}" for one in bad[:SHOWN]))
        if (lasting := self._lasting(ref, bad)) is not None:
            return Snapshot(WorkState.FAILED, detail=str(lasting))
        detail = f"{reason}; {words}" if reason else words
        queued = all(trouble.queued for trouble in bad)
        return Snapshot(WorkState.QUEUED if queued else WorkState.RUNNING, detail=detail)

    def _lasting(self, ref: KubernetesRef, bad: list[Trouble]) -> Trouble | None:
        """The trouble that is hopeless, or has lasted too long."""
        now, before = self._now(), self._since.get(ref.id, {})
        since = {(one.pod, one.container): before.get((one.pod, one.container), now) for one in bad if not one.queued}
        self._since[ref.id] = since
        for one in bad:
            began = since.get((one.pod, one.container))
            if one.hopeless:
                return one
            if began is not None and ref.patience is not None and now - began >= ref.patience:
                return one
        return None

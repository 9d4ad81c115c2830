"""How much a site has to do at one moment: what runs, what waits, since when, and how many cores are taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobState

__all__ = ["QUEUED", "SiteLoad", "load_of", "spoken"]

QUEUED = ("ready", "waiting")
"""Statuses of jobs that have not begun."""
FREE = "arbiter"
"""The role that takes no cores."""


@dataclass(frozen=True)
class SiteLoad:
    """The unfinished jobs of a site, summed up.

    :param running: jobs that run.
    :param waiting: jobs that have not begun.
    :param cores: cores that the running jobs have taken of the site's pool; FATE-Flow does not tell which are free.
    :param oldest: id of the job that has waited longest; it holds all behind it.
    :param oldest_wait: for so many seconds, by the server's clock.
    """

    running: int
    waiting: int
    cores: int
    oldest: str | None = None
    oldest_wait: float | None = None

    @classmethod
    def of(cls, unfinished: Iterable[JobState], queue: Sequence[JobRecord], now: float) -> SiteLoad:
        """Sum up.

        :param unfinished: all unfinished records of the site.
        :param queue: records of jobs that have not begun, the oldest first; the first is enough.
        :param now: Unix time by the server's clock.
        """
        running: set[str] = set()
        waiting: set[str] = set()
        cores = 0
        for record in unfinished:
            if record.status == "running":
                running.add(record.job_id)
                cores += 0 if record.role == FREE else record.cores or 0
            else:
                waiting.add(record.job_id)
        first = next((record for record in queue if record.create_time is not None), None)
        if first is None or first.create_time is None or not waiting:
            return cls(len(running), len(waiting), cores)
        waits = max(0.0, now - first.create_time.timestamp())
        return cls(len(running), len(waiting), cores, first.job_id, waits)

    def __str__(self) -> str:
        said = f"{self.running} running with {self.cores} cores, {self.waiting} waiting"
        return said if self.oldest_wait is None else f"{said}, for {spoken(self.oldest_wait)} at most"


def load_of(flow: FlowClient, now: float) -> SiteLoad:
    """Ask a site.

    :param now: Unix time by the server's clock.
    """
    from airflow_provider_fate.site.records import UNFINISHED

    unfinished = flow.job.states(statuses=UNFINISHED)
    queue = flow.job.list(statuses=QUEUED, limit=1, descending=False).jobs
    return SiteLoad.of(unfinished, queue, now)


def spoken(seconds: float) -> str:
    """A duration for people, in whole seconds."""
    return str(timedelta(seconds=round(seconds)))

"""The FATE-Flow of a trial, seen from behind the proxy: what the server itself knows of the trial's jobs."""

from __future__ import annotations

import hashlib
import json
import time
from typing import NamedTuple, Protocol

from tests.support.fake_flow import Clock, FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.fate import RunningFate
from tests.support.fate_jobs import Flow

ENDED = frozenset({"success", "failed", "canceled", "timeout"})


class SeenJob(NamedTuple):
    """A job as its server sees it; `settled` says that its state will not change by itself."""

    job_id: str
    state: str
    settled: bool


class Site(Protocol):
    """What a trial needs of a FATE-Flow."""

    address: tuple[str, int]

    def jobs(self) -> list[SeenJob]:
        """All jobs that the trial's task has made, oldest first."""

    def close(self) -> None:
        """Stop what was started for the trial."""


class HeldClock(Clock):
    """A clock that can go on as if it had never been held."""

    def let_go(self) -> None:
        """Return to the real time: what was due meanwhile happens at once."""
        self._held = None


class FakeSite:
    """A fake FATE-Flow of the trial's own. With `hold` its jobs run until `let_go`."""

    def __init__(self) -> None:
        self.flow = FakeFlow(script=Script(waiting=0.0, seconds=0.4))
        self.clock = self.flow.clock = HeldClock()
        self.flow.__enter__()
        for name in ("guest", "host"):
            self.flow.tables.add(Table("chaos", name, "dataframe", ["id", "x0"], [["1", "2"]]))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.flow.port

    def hold(self) -> None:
        """Let jobs start, but not advance."""
        self.clock.freeze()

    def let_go(self) -> None:
        """Let them advance."""
        self.clock.let_go()

    def jobs(self) -> list[SeenJob]:
        """All jobs: each trial has a server of its own."""
        with self.flow.lock:
            self.flow.tick()
            return [SeenJob(job.job_id, job.state, job.is_over) for job in self.flow.jobs.values()]

    def close(self) -> None:
        """Stop the server."""
        self.flow.faults.clear()
        self.flow.__exit__(None, None, None)


class RealSite:
    """A real FATE-Flow, shared by all trials: a trial's jobs are those that carry the mark of its task."""

    def __init__(self, fate: RunningFate, dag_id: str, run_id: str) -> None:
        self.fate = fate
        self.address = (fate.host, fate.port)
        name = ["", dag_id, run_id, "work", -1]
        self._key = hashlib.sha256(json.dumps(name).encode()).hexdigest()[:32]

    def jobs(self) -> list[SeenJob]:
        """All jobs with the mark, as their guest sees them."""
        flow = Flow(self.fate.url)
        for pause in (1, 2, 4, 8, 0):
            try:
                rows = flow.data("GET", "/job/list/query", {"role": "guest"})["data"]
                break
            except OSError:  # it may have been killed a moment ago
                if not pause:
                    raise
                time.sleep(pause)
        own = [row for row in rows if self._mark(row) == self._key]
        return [SeenJob(row["job_id"], row["status"], row["status"] in ENDED) for row in reversed(own)]

    @staticmethod
    def _mark(row: dict[str, object]) -> object:
        conf = row["dag"]["dag"]["conf"]  # type: ignore[index]
        return ((conf.get("extra") or {}).get("airflow") or {}).get("key")

    def close(self) -> None:
        """Nothing was started for one trial."""

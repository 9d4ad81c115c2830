"""What one measurement gave, and what follows from several."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Load:
    """CPU seconds so far and memory of supervisor and runner.

    :param supervisor: CPU seconds of the process that talks to the database.
    :param runner: CPU seconds of the process with the triggers' event loop.
    :param memory_supervisor: its resident bytes; what both share counts twice, so that it does not change when one of
        them writes into it.
    :param memory_runner: likewise.
    """

    supervisor: float
    runner: float
    memory_supervisor: int
    memory_runner: int

    @property
    def memory(self) -> int:
        """Resident bytes of both."""
        return self.memory_supervisor + self.memory_runner


@dataclass(frozen=True)
class Figures:
    """One mode with one number of jobs.

    :param seconds: length of the steady interval.
    :param asked: requests in it, by path.
    :param at_start: requests before it, from the first trigger on.
    :param before: load before anything waited.
    :param cpu_supervisor: cores used in the steady interval.
    :param cpu_runner: likewise.
    :param memory: mean over the steady interval.
    :param memory_runner: the runner's share of it.
    :param peak: highest memory in the steady interval.
    :param gap: longest pause in seconds between two looks at all jobs while jobs ended; ``None``: there were none.
    :param fired: seconds from each job's end to the trigger's event.
    :param resumed: seconds from each job's end to ``scheduled``.
    :param lost: jobs that ended and resumed nobody.
    :param blocked: times the event loop was blocked in the whole measurement, as the triggerer itself logs it.
    :param interval: the poll interval.
    """

    mode: str
    jobs: int
    interval: float
    seconds: float
    asked: dict[str, int]
    at_start: int
    before: Load
    cpu_supervisor: float
    cpu_runner: float
    memory: float
    memory_runner: float
    peak: int
    gap: float | None = None
    fired: list[float] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    lost: int = 0
    blocked: int = 0

    @property
    def per_minute(self) -> float:
        """Requests per minute."""
        return 60 * sum(self.asked.values()) / self.seconds

    @property
    def per_interval(self) -> float:
        """Requests per poll interval."""
        return self.per_minute / 60 * self.interval

    @property
    def cpu(self) -> float:
        """Cores used by both processes."""
        return self.cpu_supervisor + self.cpu_runner

    @property
    def grown(self) -> float:
        """Bytes that came with the jobs; imports are among them."""
        return self.memory - self.before.memory

    @property
    def grown_runner(self) -> float:
        """Those of them that are the runner's."""
        return self.memory_runner - self.before.memory_runner

    @property
    def grown_most(self) -> float:
        """Bytes that came with the jobs when there were most."""
        return self.peak - self.before.memory


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which this share of `values` lies."""
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=1000, method="inclusive")[min(998, round(share * 1000) - 1)]

"""What a trial is, and the list in which the plays of `tests/chaos/faults` enter themselves."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.scene import Scene

Play = Callable[[Scene], None]


@dataclass(frozen=True)
class End:
    """How a trial has to end.

    :param jobs: allowed ends of all its jobs on the server, sorted; more than one where the moment decides.
    :param task: state of the task in Airflow.
    """

    jobs: tuple[tuple[str, ...], ...] = (("success",),)
    task: str = "success"


ONE_JOB = End()
"""One job, which succeeds: the fault has no consequence at all."""
ONE_MORE = End((("canceled", "success"),))
"""One job that counts; another one, from before, or a copy, was stopped."""
NEW_AFTER_FAILURE = End((("failed", "success"),))
"""The job failed, and the retry has run a new one."""
STOPPED = End((("canceled",),), "failed")
"""The task was ended by a user, and its job with it."""


@dataclass(frozen=True)
class Fault:
    """A fault at a point of the life of a job.

    :param name: what happens, for ids of tests and tables.
    :param play: arranges it, starts the run, and does what has to be done meanwhile.
    :param end: how it has to end.
    :param works: whether it is for a job, an upload, or both.
    :param modes: where the task waits: ``deferrable`` in the triggerer, ``worker`` in a worker; ``once`` in a worker,
        and is not tried again.
    :param crash: the crash of a part of Airflow that hits this trial together with others.
    :param real: whether it is for a real FATE instead of the fake.
    """

    name: str
    play: Play
    end: End
    works: tuple[str, ...]
    modes: tuple[str, ...]
    crash: str | None = None
    real: bool = False


@dataclass(frozen=True)
class Trial:
    """One fault, for one kind of work, in one mode."""

    fault: Fault
    work: str
    mode: str

    @property
    def name(self) -> str:
        """Id of the trial: ``reply-of-submit-cut-deferrable``; an upload says so."""
        return "-".join(filter(None, (self.fault.name, "upload" if self.work == "upload" else "", self.mode)))

    @property
    def dag_id(self) -> str:
        """The DAG whose run it is."""
        return f"chaos_{self.work}_{self.mode}"


FAULTS: list[Fault] = []
JOB, UPLOAD = ("job",), ("upload",)
BOTH_WORKS = ("job", "upload")
DEFERRABLE, WORKER, ONCE = ("deferrable",), ("worker",), ("once",)
BOTH_MODES = ("deferrable", "worker")


def fault(
    end: End = ONE_JOB,
    *,
    works: tuple[str, ...] = JOB,
    modes: tuple[str, ...] = BOTH_MODES,
    crash: str | None = None,
    real: bool = False,
) -> Callable[[Play], Play]:
    """Enter a play into the list; its name is that of the function."""

    def enter(play: Play) -> Play:
        FAULTS.append(Fault(play.__name__.replace("_", "-"), play, end, works, modes, crash, real))
        return play

    return enter


def trials(*, real: bool = False) -> list[Trial]:
    """All trials, in a fixed order."""
    from tests.chaos import faults

    faults.load()
    return [
        Trial(fault, work, mode)
        for fault in FAULTS
        if fault.real is real
        for work in fault.works
        for mode in fault.modes
    ]


def usual() -> list[Trial]:
    """One trial of each fault on the fake; works and modes take turns, so that each is tried at each phase."""
    chosen: dict[str, list[Trial]] = {}
    for trial in trials():
        chosen.setdefault(trial.fault.name, []).append(trial)
    return [some[number % len(some)] for number, some in enumerate(chosen.values())]


def drawn(seed: int, count: int) -> list[Trial]:
    """So many trials by chance, the same for the same seed."""
    return random.Random(seed).choices(trials(), k=count)

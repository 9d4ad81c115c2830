"""Runs trials side by side, and brings those together that one crash of a part of Airflow shall hit."""

from __future__ import annotations

import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from dev.localairflow import LocalAirflow
from tests.chaos.crashes import CRASHES
from tests.chaos.scene import Scene
from tests.chaos.site import FakeSite, RealSite, Site
from tests.chaos.trial import Trial
from tests.chaos.verdict import judge
from tests.support.fate import RunningFate

SIDE_BY_SIDE = 10
"""More only wait for the processor: each starts processes that import Airflow."""
MEETING = 240.0


@dataclass(frozen=True)
class Verdict:
    """How a trial has ended.

    :param wrong: what is wrong; empty when all is well.
    :param troubled: whether it could not even be played.
    :param report: what a person wants to see where something is wrong.
    """

    trial: Trial
    seconds: float
    wrong: tuple[str, ...] = ()
    troubled: bool = False
    tries: int = 0
    jobs: tuple[str, ...] = ()
    report: str = ""

    @property
    def text(self) -> str:
        """For the message of a failed assertion."""
        return "\n".join((f"{self.trial.name}:", *self.wrong, self.report))


class Runner:
    """Runs trials on one Airflow.

    :param airflow: it runs, and has the DAGs of `tests/chaos/dags`.
    :param folder: for files.
    :param fate: the real FATE, for trials that want one.
    :param side_by_side: how many trials run at the same time, at most.
    """

    def __init__(
        self, airflow: LocalAirflow, folder: Path, fate: RunningFate | None = None, side_by_side: int = SIDE_BY_SIDE
    ) -> None:
        self.airflow = airflow
        self.folder = folder
        self.fate = fate
        self.side_by_side = side_by_side
        self._numbers = count(1)

    def start(self, trials: Sequence[Trial]) -> list[Future[Verdict]]:
        """Begin to run trials in the background: first those without a crash, then crash by crash.

        :returns: their verdicts, in the order of the trials.
        """
        futures: list[Future[Verdict]] = [Future() for _ in trials]
        waves: dict[str | None, list[int]] = {}
        for index, trial in enumerate(trials):
            waves.setdefault(trial.fault.crash, []).append(index)
        calm = waves.pop(None, [])

        def all_waves() -> None:
            self._wave([(trials[i], futures[i]) for i in calm], self.side_by_side)
            for wave in waves.values():
                # All of them have to be at their point at the same time.
                self._wave([(trials[i], futures[i]) for i in wave], len(wave))

        threading.Thread(target=all_waves, name="chaos", daemon=True).start()
        return futures

    def _wave(self, wave: Iterable[tuple[Trial, Future[Verdict]]], width: int) -> None:
        wave = list(wave)
        if not wave:
            return
        parties = Counter(trial.fault.crash for trial, _ in wave if trial.fault.crash)
        meetings = {
            crash: threading.Barrier(number, action=lambda crash=crash: CRASHES[crash](self.airflow, self.fate))
            for crash, number in parties.items()
        }

        def meet(crash: str) -> None:
            meetings[crash].wait(MEETING)

        def run(trial: Trial, future: Future[Verdict]) -> None:
            verdict = self.run(trial, meet)
            if verdict.troubled and trial.fault.crash:
                meetings[trial.fault.crash].abort()  # the others would wait in vain
            future.set_result(verdict)

        with ThreadPoolExecutor(width) as pool:
            for trial, future in wave:
                pool.submit(run, trial, future)

    def run(self, trial: Trial, meet: Callable[[str], None] = lambda crash: None) -> Verdict:
        """Run one trial."""
        began = time.monotonic()
        run_id = f"{trial.name.replace('-', '_')}_{next(self._numbers)}"
        site: Site
        if trial.fault.real:
            assert self.fate is not None
            site = RealSite(self.fate, trial.dag_id, run_id)
        else:
            site = FakeSite()
        scene = Scene(self.airflow, site, trial.dag_id, run_id, self.folder, meet)
        wrong: list[str] = []
        troubled = False
        report = ""
        try:
            trial.fault.play(scene)
            wrong = judge(trial, scene)
        except Exception as e:
            troubled = True
            wrong = [f"{type(e).__name__}: {e}", *traceback.format_exc().splitlines()[-8:]]
        try:
            found = scene.task()
            jobs = tuple(job.state for job in scene.jobs())
            report = scene.report() if wrong else ""
            if troubled and isinstance(site, FakeSite):
                site.let_go()
                scene.proxy.heal()
        except Exception as e:
            found, jobs, report = {}, (), f"no report: {e!r}"
        scene.proxy.heal()
        scene.proxy.down()
        site.close()
        seconds = time.monotonic() - began
        return Verdict(trial, seconds, tuple(wrong), troubled, int(found.get("try_number") or 0), jobs, report)

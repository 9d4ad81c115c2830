"""Runs checks in lanes, side by side; each writes into a log, of which is shown what one wants to see."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.steps import ROOT, Step

SHOWN = 400
"""Lines of a failed check, at most."""
PATIENCE = 30.0
"""Seconds for a check to stop its servers when all ends early."""
SECTION = re.compile(r"=+ (ERRORS|FAILURES) =+")
CLOSING = re.compile(r"(=+ )?(\d+ (passed|failed|error|skipped|deselected|xfailed)|no tests ran)")


@dataclass(frozen=True)
class Result:
    """How a check has ended."""

    step: Step
    code: int
    seconds: float

    @property
    def mark(self) -> str:
        """For the summary."""
        return "ok    " if self.code == 0 else "FAILED"


@dataclass
class Lanes:
    """Runs steps; all of them, even if one fails."""

    _children: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: bool = False

    def run(self, steps: Sequence[Step]) -> list[Result]:
        """Run them, lanes side by side, and return the results in the order of the steps."""
        lanes: dict[str, list[Step]] = {}
        for step in steps:
            lanes.setdefault(step.lane, []).append(step)
        # Alone, a check is watched while it runs.
        logged = len(lanes) > 1
        results: dict[str, Result] = {}

        def lane(some: Iterable[Step], over: threading.Event) -> None:
            try:
                for step in some:
                    if not self._ended:
                        results[step.name] = self._run(step, logged)
            finally:
                over.set()

        # Not is_alive(): a join() that a signal interrupts leaves a thread that runs as one that does not.
        overs: list[threading.Event] = []
        try:
            for some in lanes.values():
                overs.append(threading.Event())
                threading.Thread(target=lane, args=(some, overs[-1]), daemon=True).start()
            for over in overs:
                over.wait()
        finally:
            self._end(overs)
        # A step is missing only where its lane itself broke down, which must not look like a success.
        return [results.get(step.name, Result(step, -1, 0.0)) for step in steps]

    def _run(self, step: Step, logged: bool) -> Result:
        began = time.monotonic()
        self._say(f"\n━━ {step.what}: {' '.join(step.command)}")
        command = [str(step.python), "-m", *step.command]
        env = os.environ | step.environment
        try:
            if logged:
                step.log.parent.mkdir(parents=True, exist_ok=True)
                with step.log.open("wb") as output:
                    code = self._wait(command, env, output.fileno())
            else:
                code = self._wait(command, env, None)
        except OSError as e:
            self._say(f"\n━━ {step.what}: could not be started: {e}")
            return Result(step, -1, time.monotonic() - began)
        result = Result(step, code, time.monotonic() - began)
        if logged:
            self._say("\n".join((f"\n━━ {result.mark} {result.seconds:.0f} s  {step.what}", *shown(step.log, code))))
        return result

    def _wait(self, command: list[str], env: dict[str, str], output: int | None) -> int:
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            # Ctrl-C at our terminal reaches it through us, once: a second one would hit it while it stops its servers.
            process_group=0,
        ) as child:
            with self._lock:
                self._children.add(child)
            try:
                return child.wait()
            finally:
                with self._lock:
                    self._children.discard(child)

    def _end(self, lanes: Iterable[threading.Event]) -> None:
        """Where all ends early: let what still runs stop its servers, as at Ctrl-C, and kill what does not."""
        self._ended = True
        patience = time.monotonic() + PATIENCE
        told: set[subprocess.Popen[bytes]] = set()
        # A lane may be about to start one more at this moment.
        while not all(over.is_set() for over in lanes) and time.monotonic() < patience + 1:
            late = time.monotonic() > patience
            with self._lock:
                children = set(self._children)
            for child in children if late else children - told:
                child.send_signal(signal.SIGKILL if late else signal.SIGINT)
            told |= children
            time.sleep(0.02)

    def _say(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)


def shown(log: Path, code: int) -> list[str]:
    """What a log tells: pytest's closing line, and where it failed, what explains that."""
    lines = log.read_text(errors="replace").splitlines()
    if code == 0:
        return [line for line in lines[-5:] if CLOSING.match(line)] or lines[-1:]
    first = next((number for number, line in enumerate(lines) if SECTION.fullmatch(line)), 0)
    told = lines[first:]
    if len(told) > SHOWN:
        half = SHOWN // 2
        told = [*told[:half], f"... {len(told) - SHOWN} more lines are in the log ...", *told[-half:]]
    return [*told, f"The whole log: {log}"]

"""The small process that looks after an instance: starts the server, restarts it when it dies, ends everything.

It runs detached (``main``, started by ``LocalFate.start``) or in the foreground of ``fate-local start
--foreground``. It also adopts task workers whose server died (they live on, and the next server takes them over): a
worker that ends while nobody waits for it would stay as a zombie, which FATE-Flow takes for a running task.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from airflow_provider_fate.local import health, processes
from airflow_provider_fate.local.children import (
    BACK_OFF,
    HEALTHY_AFTER,
    TRIES_BEFORE_FIRST_ANSWER,
    Bell,
    become_subreaper,
    how,
    terminate,
)
from airflow_provider_fate.local.paths import HomeLayout
from airflow_provider_fate.local.state import Phase, RunState, write_json


@dataclass(frozen=True)
class LaunchPlan:
    """What to run, written by ``LocalFate.start``.

    :param server: command of the server.
    :param zygote: command of the process that workers are forked from; empty when there is none.
    :param broker: command of the broker between sites; empty when there is none.
    :param env: environment of all.
    :param state: the state to begin with (its supervisor is filled in).
    :param owner: a process with which the instance ends; None when it runs until it is stopped.
    """

    server: list[str]
    zygote: list[str]
    env: dict[str, str]
    state: dict[str, object]
    owner: processes.Identity | None = None
    broker: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Hand it over to the supervisor."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def load(cls, path: Path) -> LaunchPlan:
        """Take it over."""
        data = json.loads(path.read_text())
        owner = data.pop("owner")
        return cls(**data, owner=processes.Identity(**owner) if owner else None)


@dataclass
class Companion:
    """A process beside the server, which is started again when it ends.

    :param pause: seconds between two starts.
    :param loss: what its end means, for the log.
    """

    command: list[str]
    log: Path
    pause: float
    loss: str
    pid: int | None = None
    begun: float = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether it has to be started."""
        return self.pid is None and now - self.begun >= self.pause


class Supervisor:
    """Runs until it is asked to stop, or the server cannot be brought up.

    :param layout: the instance's files.
    :param plan: what to run.
    :param say: where to tell what happens.
    """

    def __init__(self, layout: HomeLayout, plan: LaunchPlan, say: Callable[[str], None]) -> None:
        self._layout = layout
        self._plan = plan
        self._say = say
        identity = processes.Identity.of(os.getpid())
        assert identity is not None
        self._state = RunState(**{**plan.state, "supervisor": identity})  # type: ignore[arg-type]
        self._server: int | None = None
        self._broker = Companion(plan.broker, layout.broker_log, 1.0, "partners are out of reach until it is back")
        zygote = Companion(plan.zygote, layout.zygote_log, 30.0, "workers start the ordinary way until it is back")
        self._companions = [companion for companion in (self._broker, zygote) if companion.command]
        self._stopping = False
        self._answered = False
        self._crashes = 0
        self._server_begun = 0.0
        self._next_start = 0.0

    def run(self) -> int:
        """Look after the instance.

        :returns: exit status: 0 when it was asked to stop, 1 when the server could not be kept up.
        """
        with self._layout.supervisor_lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say("another supervisor looks after this instance already")
                return 3
            return self._run()

    def _run(self) -> int:
        become_subreaper()
        bell = Bell()
        self._save("starting", "")
        failed = False
        while not self._stopping:
            now = time.monotonic()
            for companion in self._companions:
                if companion.is_due(now):
                    companion.begun = now
                    companion.pid = self._spawn(companion.command, companion.log)
                    if companion is self._broker:
                        self._save(self._state.phase, "")
            if self._server is None and now >= self._next_start:
                self._server_begun = now
                self._server = self._spawn(self._plan.server, self._layout.server_log)
                self._save(self._state.phase, f"server started, pid {self._server}")
            bell.wait(1.0 if self._answered else 0.1)
            self._stopping = bell.stopping
            self._reap()
            if self._plan.owner is not None and not self._plan.owner.alive:
                self._say(f"the process that it was started for, {self._plan.owner.pid}, has ended")
                self._stopping = True
            if not self._answered_now():
                continue
            if not self._keep_going():
                failed = True
                break
        return self._finish(failed)

    def _answered_now(self) -> bool:
        """Notice that the server answers; True when there is something to decide (it is gone)."""
        if self._server is None:
            return True
        if self._state.phase != "running":
            version = health.version(self._state.address, timeout=2.0)
            if version is not None:
                self._answered = True
                self._state = dataclasses.replace(self._state, version=version)
                self._save("running", "answering")
        elif self._crashes and time.monotonic() - self._server_begun > HEALTHY_AFTER:
            self._crashes = 0
        return False

    def _keep_going(self) -> bool:
        if not self._answered and self._crashes >= TRIES_BEFORE_FIRST_ANSWER:
            self._say("the server does not come up: giving up")
            return False
        return True

    def _reap(self) -> None:
        """Collect every child that ended: the server, the zygote, and workers that were adopted."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for companion in self._companions:
                if pid == companion.pid:
                    companion.pid = None
                    self._say(f"{companion.log.stem} ended ({how(status)}); {companion.loss}")
            if pid == self._server and not self._stopping:
                self._server = None
                wait = BACK_OFF[min(self._crashes, len(BACK_OFF) - 1)]
                self._crashes += 1
                self._next_start = time.monotonic() + wait
                if self._answered:
                    self._state = dataclasses.replace(self._state, restarts=self._state.restarts + 1)
                note = f"the server ended ({how(status)}); starting it again in {wait:g} s"
                self._save("restarting" if self._answered else "starting", note)

    def _finish(self, failed: bool) -> int:
        self._save("stopping", "giving up" if failed else "asked to stop")
        if self._server is not None:
            # First the server alone: it would take dying workers for failed tasks and start to clean up after them.
            terminate(self._server, 5.0)
        stuck = processes.end_all(self._layout.home)
        self._reap_all()
        self._layout.socket.unlink(missing_ok=True)
        if failed:
            self._save("failed", self._state.note)
        else:
            self._layout.state.unlink(missing_ok=True)
        if stuck:
            self._say(f"still there after being killed: {stuck}")
        return 1 if failed or stuck else 0

    def _reap_all(self) -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.02)
            except ChildProcessError:
                return

    def _spawn(self, command: list[str], log: Path) -> int:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, cwd=self._layout.home, env=self._plan.env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        process.returncode = 0  # it is waited for in _reap: keep Popen from doing (or warning about) it
        return process.pid

    def _save(self, phase: Phase, note: str) -> None:
        self._state = dataclasses.replace(
            self._state, phase=phase, server=self._server, broker=self._broker.pid, note=note
        )
        self._state.save(self._layout.state)
        if note:
            self._say(f"{phase}: {note}")


def speaker(stream: IO[str]) -> Callable[[str], None]:
    """A reporter that writes one line with the time per message."""

    def say(message: str) -> None:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), message, file=stream, flush=True)

    return say


def main() -> int:
    """Entry point of the detached process."""
    layout = HomeLayout(Path(sys.argv[1]))
    plan = LaunchPlan.load(layout.run / "plan.json")
    return Supervisor(layout, plan, speaker(sys.stdout)).run()

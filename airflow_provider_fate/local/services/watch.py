"""The small process that looks after one service: starts it, starts it again when it dies, ends all that is of it."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from airflow_provider_fate.local import processes
from airflow_provider_fate.local.children import (
    BACK_OFF,
    HEALTHY_AFTER,
    TRIES_BEFORE_FIRST_ANSWER,
    Bell,
    become_subreaper,
    how,
    terminate,
)
from airflow_provider_fate.local.services.state import ServiceLayout, ServicePlan, ServiceState, answers
from airflow_provider_fate.local.state import Phase
from airflow_provider_fate.local.supervisor import speaker


class ServiceWatcher:
    """Runs until it is asked to stop, its owner or its folder is gone, or the server cannot be brought up.

    :param layout: the service's files.
    :param plan: what to run.
    :param say: where to tell what happens.
    """

    def __init__(self, layout: ServiceLayout, plan: ServicePlan, say: Callable[[str], None]) -> None:
        self._layout = layout
        self._plan = plan
        self._say = say
        identity = processes.Identity.of(os.getpid())
        assert identity is not None
        self._state = ServiceState(
            layout.folder.name, identity, "starting", plan.ports, plan.health, plan.digest, time.time()
        )
        self._server: int | None = None
        self._answered = False
        self._crashes = 0
        self._begun = 0.0
        self._next_start = 0.0

    def run(self) -> int:
        """Look after the service.

        :returns: exit status: 0 when it was asked to stop, 1 when the server could not be kept up.
        """
        become_subreaper()
        bell = Bell()
        self._save("starting", "")
        while not (bell.stopping or self._abandoned()):
            if self._server is None and time.monotonic() >= self._next_start:
                self._begun = time.monotonic()
                self._server = self._spawn()
                self._save(self._state.phase, f"server started, pid {self._server}")
            bell.wait(1.0 if self._state.phase == "running" else 0.1)
            if not bell.stopping:
                self._reap()
                self._look()
            if not self._answered and self._crashes >= TRIES_BEFORE_FIRST_ANSWER:
                return self._finish("the server does not come up: giving up")
            self._shorten_log()
        return self._finish("")

    def _abandoned(self) -> bool:
        if self._plan.owner is not None and not self._plan.owner.alive:
            self._say(f"the process that it was started for, {self._plan.owner.pid}, has ended")
            return True
        return not self._layout.plan.exists()  # somebody has deleted the folder

    def _look(self) -> None:
        """Notice that the server answers, and that it has recovered."""
        if self._server is None:
            return
        if self._state.phase != "running":
            if answers(self._state.port, self._plan.health):
                self._answered = True
                self._save("running", "answering")
        elif self._crashes and time.monotonic() - self._begun > HEALTHY_AFTER:
            self._crashes = 0

    def _reap(self) -> None:
        """Collect every child that ended: the server, and what was orphaned below it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._server:
                self._server = None
                # What it leaves holds its port, or its data.
                processes.end_all(self._layout.folder, ancestor=os.getpid(), grace=2.0)
                wait = BACK_OFF[min(self._crashes, len(BACK_OFF) - 1)]
                self._crashes += 1
                self._next_start = time.monotonic() + wait
                if self._answered:
                    self._state = dataclasses.replace(self._state, restarts=self._state.restarts + 1)
                note = f"the server ended ({how(status)}); starting it again in {wait:g} s"
                self._save("restarting" if self._answered else "starting", note)

    def _finish(self, failure: str) -> int:
        self._save("stopping", failure or "asked to stop")
        if self._server is not None:
            terminate(self._server, self._plan.stop_grace)
        stuck = processes.end_all(self._layout.folder, ancestor=os.getpid())
        if failure:
            self._save("failed", self._state.note)
        else:
            self._layout.state.unlink(missing_ok=True)
        if stuck:
            self._say(f"still there after being killed: {stuck}")
        return 1 if failure or stuck else 0

    def _spawn(self) -> int:
        with open(os.open(self._layout.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            try:
                process = subprocess.Popen(
                    self._plan.command, cwd=self._plan.cwd, env=self._plan.env, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
            except OSError as error:  # no such program, or folder
                log.write(f"it cannot be started: {error}\n".encode())
                process = subprocess.Popen(["false"], start_new_session=True)
        process.returncode = 0  # it is waited for in _reap: keep Popen from doing (or warning about) it
        return process.pid

    def _shorten_log(self) -> None:
        """Cut a long log in place: the server goes on to write at its end (it appends)."""
        try:
            if self._layout.log.stat().st_size <= self._plan.log_limit:
                return
            with self._layout.log.open("rb+") as log:
                log.seek(-(self._plan.log_limit // 2), os.SEEK_END)
                kept = log.read()
                older = self._layout.log.with_name(self._layout.log.name + ".1")
                older.touch(mode=0o600)
                older.write_bytes(kept)
                log.truncate(0)
        except FileNotFoundError:
            return

    def _save(self, phase: Phase, note: str) -> None:
        self._state = dataclasses.replace(self._state, phase=phase, server=self._server, note=note)
        if self._layout.plan.exists():
            self._state.save(self._layout.state)
        if note:
            self._say(f"{phase}: {note}")


def main() -> int:
    """Entry point of the detached process."""
    layout = ServiceLayout(Path(sys.argv[1]))
    say = speaker(sys.stdout)
    # Held for its life: a second watcher of one service would start a second server.
    with (layout.folder / "watcher.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process looks after this service already")
            return 3
        return ServiceWatcher(layout, ServicePlan.load(layout.plan), say).run()

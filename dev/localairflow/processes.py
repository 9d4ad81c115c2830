"""Processes that are started, found again by another program, and stopped with all their children."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are not worth a dependency

from dev.localairflow.settings import write_private


@dataclass(frozen=True)
class Process:
    """A process by id *and* time of birth: ids are used again, and nobody wants to stop a stranger.

    :param farewell: the signal by which it is asked to end.
    """

    name: str
    pid: int
    born: float
    farewell: int = signal.SIGTERM

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        cwd: Path,
        farewell: int = signal.SIGTERM,
    ) -> Process:
        """Start `command` in a session of its own, so that Ctrl-C at our terminal leaves it alone."""
        with log.open("ab") as out:
            child = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=cwd,
            )
        return cls(name, child.pid, psutil.Process(child.pid).create_time(), int(farewell))

    def get(self) -> psutil.Process | None:
        """Return the process if it still runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if process.create_time() == self.born and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def family(self) -> list[psutil.Process]:
        """Return the process and all its descendants that still run, parents first."""
        process = self.get()
        with contextlib.suppress(psutil.NoSuchProcess):
            return [process, *process.children(recursive=True)] if process else []
        return []

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Send a signal to the whole family at once: what a crash of this part looks like from outside."""
        for member in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(signum)
        reap(self.pid)


@dataclass(frozen=True)
class Roster:
    """The processes that belong together, in a file by which another program finds them."""

    file: Path

    def running(self) -> list[Process]:
        """Return those that still run, whoever started them."""
        if not self.file.exists():
            return []
        known = [Process(**kept) for kept in json.loads(self.file.read_text())]
        return [process for process in known if process.get()]

    def add(self, process: Process) -> None:
        """Enter a process, in the place of one with the same name."""
        others = [known for known in self.running() if known.name != process.name]
        write_private(self.file, json.dumps([asdict(known) for known in (*others, process)]))

    def stop(self) -> bool:
        """Stop all of them; return False when none was running."""
        running = self.running()
        stop(running)
        self.file.unlink(missing_ok=True)
        return bool(running)


def stop(processes: Iterable[Process], grace: float = 15.0) -> None:
    """Ask all processes to end, wait `grace` seconds, and end what is left of them and of their children."""
    families = {member for process in processes for member in process.family()}
    for process in processes:
        if running := process.get():
            with contextlib.suppress(psutil.NoSuchProcess):
                running.send_signal(process.farewell)
    # Children are waited for, too: Airflow's task processes outlive a parent that was told to stop.
    _, alive = psutil.wait_procs(families, timeout=grace)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=5)
    for process in processes:
        reap(process.pid)


def reap(pid: int) -> None:
    """Take the exit status of a child, if it is ours, so that it does not stay a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def listening_addresses(processes: Iterable[Process]) -> set[tuple[str, int]]:
    """Return (address, port) of every TCP socket on which these processes or their children listen."""
    found: set[tuple[str, int]] = set()
    for process in processes:
        for member in process.family():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                found |= {
                    (c.laddr.ip, c.laddr.port) for c in member.net_connections("tcp") if c.status == psutil.CONN_LISTEN
                }
    return found

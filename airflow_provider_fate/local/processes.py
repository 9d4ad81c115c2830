"""Processes of an instance: recognised by what the kernel knows of them, never by a number alone.

Task workers of FATE-Flow are children of the server, live on when it dies, and have children of their own. They all
inherit the instance's tag in their environment, so that is how they are found: by ``/proc/<pid>/environ``. That and the
start time are all that is needed of a process, two files of Linux, on which FATE runs: psutil would add nothing.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

#: Carries the home of the instance a process belongs to. Not the variable a user sets (``FATE_LOCAL_HOME``): the
#: user's own shell must never be taken for a worker.
TAG = "FATE_LOCAL_INSTANCE"
#: The same for the process that looks after a service, which is not one of the service's own.
WATCHER_TAG = "FATE_LOCAL_WATCHER"


@dataclass(frozen=True)
class Identity:
    """A process that can be told from a later one with the same pid.

    :param pid: process id.
    :param started: its start time in clock ticks since boot, from ``/proc/<pid>/stat``.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this pid now; None when there is none, or only a zombie."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()  # the name in parentheses may hold anything
        if fields[0] in "ZX":
            return None
        return cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Identity.of(self.pid) == self


def without_tag(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process that belongs to no instance, whoever starts it."""
    return {name: value for name, value in environ.items() if name not in (TAG, WATCHER_TAG)}


def of_instance(home: Path, *, exclude: Collection[int] = (), tag: str = TAG) -> list[int]:
    """Pids of all live processes of the instance, this process excluded.

    :param tag: the variable that names the instance.
    """
    mark = f"{tag}={home}".encode()
    skip = {os.getpid(), *exclude}
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in skip:
            continue
        try:
            environ = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:  # gone, or somebody else's
            continue
        if mark in environ.split(b"\0") and Identity.of(int(entry)):
            found.append(int(entry))
    return found


def running_from(root: Path) -> list[int]:
    """Pids of the processes whose program lies below this folder, by their command line."""
    prefix = f"{root}/".encode()
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(f"/proc/{entry}/cmdline").read_bytes().startswith(prefix):
                found.append(int(entry))
        except OSError:
            continue
    return found


def descendants(ancestor: int) -> list[int]:
    """Pids of the live children of a process, of their children, and so on."""
    parents: dict[int, int] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            parents[int(entry)] = int(fields[1])
    found: list[int] = []
    generation = {ancestor}
    while generation := {pid for pid, parent in parents.items() if parent in generation} - set(found):
        found += generation
    return found


def end_all(
    home: Path,
    *,
    exclude: Collection[int] = (),
    grace: float = 5.0,
    ancestor: int | None = None,
    tag: str = TAG,
) -> list[int]:
    """End every process of the instance: ask first, then kill; repeat while new ones appear.

    :param grace: seconds between asking and killing.
    :param ancestor: a process whose descendants belong to it, too: one may have lost the tag with its environment.
    :param tag: the variable that names the instance.
    :returns: pids that are still there (an empty list unless something is stuck in the kernel).
    """

    def there() -> list[int]:
        tagged = of_instance(home, exclude=exclude, tag=tag)
        return sorted({*tagged, *(descendants(ancestor) if ancestor is not None else ())} - set(exclude))

    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while pids := there():
        late = time.monotonic() > deadline
        for pid in pids:
            if late or pid not in asked:
                asked.add(pid)
                _signal(pid, signal.SIGKILL if late else signal.SIGTERM)
        if time.monotonic() > deadline + 10:
            return pids
        time.sleep(0.05)
    return []


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return

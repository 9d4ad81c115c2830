"""What is known of a service: its files, the plan of its start, and its state while it runs."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from airflow_provider_fate.local.ports import LOOPBACK
from airflow_provider_fate.local.processes import Identity
from airflow_provider_fate.local.state import Phase, write_json

__all__ = ["ServiceLayout", "ServicePlan", "ServiceState", "answers"]

#: A proxy set in the environment must not stand between us and our own loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServiceLayout:
    """The files of one service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.work = folder / "work"
        self.log = folder / "log.txt"
        self.watcher_log = folder / "watcher.log"
        self.state = folder / "state.json"
        self.plan = folder / "plan.json"
        self.ports = folder / "ports.json"
        # Beside the folder, which may be deleted while somebody waits for the lock.
        self.lock = folder.parent / f".{folder.name}.lock"

    def create(self) -> None:
        """Make the folders, for nobody else's eyes."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        self.work.mkdir(exist_ok=True)


@dataclass(frozen=True)
class ServicePlan:
    """What the watcher runs; holds secrets.

    :param owner: a process with which the service ends; None when it runs until it is stopped.
    """

    command: list[str]
    env: dict[str, str]
    cwd: str
    ports: dict[str, int]
    health: str | None
    digest: str
    log_limit: int
    stop_grace: float
    owner: Identity | None = None

    def save(self, path: Path) -> None:
        """Hand it over to the watcher."""
        write_json(path, dataclasses.asdict(self), private=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Take it over."""
        data = json.loads(path.read_text())
        owner = data.pop("owner")
        return cls(**data, owner=Identity(**owner) if owner else None)


@dataclass(frozen=True)
class ServiceState:
    """State of a running service, written by its watcher.

    :param name: its name.
    :param watcher: the process that looks after it.
    :param server: the server's pid; None between a crash and the restart.
    :param phase: what is going on; ``"running"``: it has answered.
    :param ports: its ports: ``""`` the main one, and further ones by name.
    :param health: the path that was asked.
    :param digest: of the specification it was started with.
    :param started: time of the start, seconds since 1970.
    :param restarts: how often the server was started again after a crash.
    :param note: the last thing that happened, for a person.
    """

    name: str
    watcher: Identity
    phase: Phase
    ports: Mapping[str, int]
    health: str | None
    digest: str
    started: float
    server: int | None = None
    restarts: int = 0
    note: str = field(default="", compare=False)

    @property
    def port(self) -> int:
        """Its main port."""
        return self.ports[""]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the watcher that wrote it still runs."""
        return self.watcher.alive

    @property
    def answers(self) -> bool:
        """Whether the service answers now."""
        return answers(self.port, self.health)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read it; None when there is none or it is unreadable (a state nobody can read says nothing)."""
        try:
            data: dict[str, Any] = json.loads(path.read_text())
            return cls(**{**data, "watcher": Identity(**data["watcher"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self, path: Path) -> None:
        """Write it so that a reader sees the old or the new one, never half of it."""
        write_json(path, dataclasses.asdict(self))


def answers(port: int, health: str | None, timeout: float = 2.0) -> bool:
    """Whether a service answers on this port of the loopback interface.

    :param health: path to ask for; None: it is enough that it takes connections.
    :param timeout: seconds.
    """
    try:
        if health is None:
            with socket.create_connection((LOOPBACK, port), timeout=timeout):
                return True
        with _OPENER.open(f"http://{LOOPBACK}:{port}{health}", timeout=timeout) as reply:
            return int(reply.status) < 400
    except (OSError, ValueError, http.client.HTTPException):  # URLError is an OSError
        return False

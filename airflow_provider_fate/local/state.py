"""What an instance remembers: its settings between starts, and its state while it runs."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from airflow_provider_fate.local.errors import LocalFateError
from airflow_provider_fate.local.pins import VARIANTS, Variant
from airflow_provider_fate.local.processes import Identity

LISTEN = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - see `Settings.listen`
Phase = Literal["starting", "running", "restarting", "stopping", "failed"]


@dataclass(frozen=True)
class Address:
    """Where an instance answers."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """What can be chosen for an instance; kept in its home, so that the next start needs no arguments.

    :param variant: which installation it runs from.
    :param http_port: port of the API; None before the first start.
    :param grpc_port: port between sites.
    :param party_id: the site's party id. A standalone site plays every party of a job itself.
    :param role: its usual role: whose records of a job are looked at first.
    :param cores: size of the pool that jobs take their cores from (a number for the scheduler, not real cores).
    :param job_cores: what a job takes of the pool, per party, when it does not say.
    :param task_cores: processes that a component uses for its computing, when the job does not say.
    :param log_level: 10 (debug) to 40 (errors only).
    :param speedups: whether workers are forked from a process that has everything imported.
    :param broker_port: port of the site's broker; None for a site that is alone and plays all parties itself.
    :param peers: addresses of the partners' brokers, by party id.
    :param secured: whether the site wants signed requests of clients and partners, and checks what partners may use.
    :param listen: ``127.0.0.1``: nobody reaches it from another machine; ``0.0.0.0``: everybody does, for a container
        whose network lets in only those who may.
    """

    variant: Variant = "full"
    http_port: int | None = None
    grpc_port: int | None = None
    party_id: str = "9999"
    role: Literal["guest", "host", "arbiter"] = "guest"
    cores: int = 32
    job_cores: int = 4
    task_cores: int = min(4, os.cpu_count() or 1)
    log_level: int = 20
    speedups: bool = True
    broker_port: int | None = None
    peers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    secured: bool = False
    listen: Literal["127.0.0.1", "0.0.0.0"] = "127.0.0.1"  # noqa: S104 - a choice, and not the default

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise LocalFateError(f"variant={self.variant!r} is unknown", hint=f"choose one of: {', '.join(VARIANTS)}")
        if not re.fullmatch(r"[1-9][0-9]{0,17}", self.party_id):
            raise LocalFateError(f"party_id={self.party_id!r} is not a party id", hint="use a number such as 9999")
        for field in ("cores", "job_cores", "task_cores"):
            value = getattr(self, field)
            if not 1 <= value <= 4096:
                raise LocalFateError(f"{field}={value} is out of range", hint="use 1 to 4096")
        if self.listen not in LISTEN:
            raise LocalFateError(f"listen={self.listen!r} is unknown", hint=f"choose one of: {', '.join(LISTEN)}")
        for party, address in self.peers.items():
            if not re.fullmatch(r"[^\s:]+:[0-9]{1,5}", address) or not re.fullmatch(r"[1-9][0-9]{0,17}", party):
                raise LocalFateError(
                    f"partner {party}={address!r} is not a party id with an address",
                    hint="use PARTY=HOST:PORT with the partner's broker, such as 10000=fate.example.org:9370",
                )
        if self.job_cores > self.cores:
            raise LocalFateError(
                f"job_cores={self.job_cores} is more than cores={self.cores}: no job could ever start",
                hint="raise cores or lower job_cores",
            )
        if self.log_level not in (10, 20, 30, 40):
            raise LocalFateError(f"log_level={self.log_level} is unknown", hint="use 10, 20, 30 or 40")

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read them; None when there are none. Fields of other versions are ignored.

        :raises LocalFateError: the file is damaged.
        """
        try:
            data = json.loads(path.read_text())
            names = {f.name for f in dataclasses.fields(cls)}
            return cls(**{k: v for k, v in data.items() if k in names})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, AttributeError) as error:
            raise LocalFateError(
                f"{path} cannot be read ({error})", hint="repair or delete it: the defaults are then used"
            ) from error

    def save(self, path: Path) -> None:
        """Write them."""
        write_json(path, dataclasses.asdict(self))


@dataclass(frozen=True)
class RunState:
    """State of a running instance, written by its supervisor.

    :param supervisor: the process that looks after the server.
    :param server: the server's pid; None between a crash and the restart.
    :param phase: what is going on.
    :param host: where the server listens.
    :param http_port: port of the API.
    :param grpc_port: port between sites.
    :param variant: which installation it runs from.
    :param version: FATE-Flow's version.
    :param started: time of the start, seconds since 1970.
    :param restarts: how often the server was started again after a crash.
    :param note: the last thing that happened, for a person.
    :param broker: pid of the broker; None where there is none.
    """

    supervisor: Identity
    server: int | None
    phase: Phase
    host: str
    http_port: int
    grpc_port: int
    variant: Variant
    version: str
    started: float
    restarts: int = 0
    note: str = ""
    broker: int | None = None

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read it; None when there is none or it is unreadable (a state nobody can read says nothing)."""
        try:
            data = json.loads(path.read_text())
            return cls(**{**data, "supervisor": Identity(**data["supervisor"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self, path: Path) -> None:
        """Write it so that a reader sees the old or the new one, never half of it."""
        write_json(path, dataclasses.asdict(self))

    @property
    def alive(self) -> bool:
        """Whether the supervisor that wrote it still runs (a reused pid does not count)."""
        return self.supervisor.alive

    @property
    def address(self) -> Address:
        """Where the server answers."""
        return Address(self.host, self.http_port)


def write_json(path: Path, data: object, *, private: bool = False) -> None:
    """Replace a JSON file in one step.

    :param private: for nobody else's eyes.
    """
    text = json.dumps(data, indent=2) + "\n"
    if private:
        write_private(path, text)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only this user can read."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    temporary.replace(path)

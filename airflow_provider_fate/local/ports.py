"""Choosing the ports of instances, on the loopback interface only."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from airflow_provider_fate.local.errors import StartError
from airflow_provider_fate.local.paths import installations_dir
from airflow_provider_fate.local.processes import Identity
from airflow_provider_fate.local.state import write_json

LOOPBACK = "127.0.0.1"
#: FATE-Flow's own, taken when nothing else is asked for and they are free: what users and docs expect.
USUAL_HTTP, USUAL_GRPC = 9380, 9360
#: Where OSX, FATE's own broker, listens.
USUAL_BROKER = 9370


def claim(port: int, holder: Identity) -> None:
    """Keep a port for a process: nobody here chooses it as long as that lives, also while no server listens on it.

    To be called within :func:`alone`, after the port was chosen.
    """
    folder = _claims()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / str(port), dataclasses.asdict(holder))


def is_claimed(port: int) -> bool:
    """Whether a live process has claimed this port."""
    try:
        return Identity(**json.loads((_claims() / str(port)).read_text())).alive
    except (OSError, ValueError, TypeError):
        return False


def _claims() -> Path:
    return installations_dir() / "claimed-ports"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now, and nobody has claimed it.

    Bound without SO_REUSEPORT, which gRPC sets: it would let two servers share a port and answer each other's calls.
    """
    if is_claimed(port):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will: TIME_WAIT is no obstacle
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let nobody else on this machine choose ports before the servers of this block listen on theirs.

    Two who choose at the same moment find the same port free.
    """
    folder = installations_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ports.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def choose(http: int | None, grpc: int | None, remembered: tuple[int, int] | None = None) -> tuple[int, int]:
    """Choose both ports.

    :param http: wanted HTTP port, or None for: the one of the last start, the usual one, any free one.
    :param grpc: the same for gRPC.
    :param remembered: ports of the last start, so that an Airflow connection stays right.
    :raises StartError: a port that was asked for is taken or impossible.
    """
    before = remembered or (None, None)
    chosen_http = _one("http_port", http, (before[0], USUAL_HTTP), taken=set())
    chosen_grpc = _one("grpc_port", grpc, (before[1], USUAL_GRPC), taken={chosen_http})
    return chosen_http, chosen_grpc


def distinct(preferred: Sequence[int | None]) -> list[int]:
    """Choose as many ports as there are wishes, all different.

    :param preferred: the port that each would like; another one is given where that is taken, or None.
    """
    chosen: list[int | None] = []
    for port in preferred:
        chosen.append(port if port is not None and port not in chosen and is_free(port) else None)
    with contextlib.ExitStack() as held:
        for number, port in enumerate(chosen):
            while chosen[number] is None:
                probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                probe.bind((LOOPBACK, 0))
                port = int(probe.getsockname()[1])
                chosen[number] = port if port not in chosen and not is_claimed(port) else None
    return [port for port in chosen if port is not None]


def _one(field: str, wanted: int | None, preferred: tuple[int | None, ...], taken: set[int]) -> int:
    if wanted is not None:
        if not 1 <= wanted <= 65535:
            raise StartError(f"{field}={wanted} is not a port", hint="ports go from 1 to 65535")
        if wanted in taken or not is_free(wanted):
            raise StartError(
                f"{field}={wanted} is in use on {LOOPBACK}",
                hint="choose another, or leave it out to get a free one",
            )
        return wanted
    for port in preferred:
        if port is not None and port not in taken and is_free(port):
            return port
    with contextlib.ExitStack() as held:
        for _ in range(50):
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
            if port not in taken and not is_claimed(port):
                return port
    raise StartError("no free port was found on the loopback interface")

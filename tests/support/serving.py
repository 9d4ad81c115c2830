"""Fixture: a real local server on this machine, started on first use; models for it; and a client that never rests."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_fate.models.convert.graph import Graph
from airflow_provider_fate.serving import ChangeMark, ServedModel, Service, ServicePhase, ServingSpec
from airflow_provider_fate.serving.local import LocalBackend

ROW = {"a": 0.5, "b": 1.0}


def write_graph(path: Path, weight: float, inputs: tuple[str, ...] = ("a", "b")) -> Path:
    """A model that gives ``sigmoid(weight * sum of the columns)``."""
    graph = Graph()
    columns = graph.columns([(name, ()) for name in inputs])
    score = graph.node("Sigmoid", [graph.node("MatMul", [columns, graph.constant([[weight]] * len(inputs))])])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph.finish(score, 1, {"fate.job_id": "1"}))
    return path


def score_of(weight: float, row: dict[str, float] = ROW) -> float:
    """What :func:`write_graph` gives."""
    return 1 / (1 + math.exp(-weight * sum(row.values())))


@dataclass
class LocalServing:
    """A local server and its folder."""

    root: Path

    @property
    def place(self) -> str:
        """As a DAG names it."""
        return f"local://{self.root}"

    @property
    def backend(self) -> LocalBackend:
        """Opened as another process would."""
        return LocalBackend(str(self.root))

    def model(self, version: str, weight: float | None = None, **more: Any) -> ServedModel:
        """A version whose weight is its number."""
        path = write_graph(self.root.parent / "graphs" / f"{version}.onnx", weight or float(version), **more)
        return ServedModel(version=version, uri=str(path))

    def get(self, name: str) -> Service:
        """A service that is there."""
        service = asyncio.run(self.backend.get(name))
        assert service is not None
        return service

    def change(self, name: str, make: Callable[[Service | None], ServingSpec], mark: ChangeMark | None = None) -> int:
        """Write the next spec."""
        backend = self.backend
        service = asyncio.run(backend.get(name))
        expected = service.generation if service is not None else None
        return asyncio.run(backend.apply(name, make(service), expected=expected, mark=mark))

    def checked(self, name: str, model: ServedModel) -> ServedModel:
        """As the backend has seen it."""
        return asyncio.run(self.backend.check(name, model))

    def settled(self, name: str, patience: float = 180) -> Service:
        """The service when its newest spec has come true, or cannot."""
        end = time.monotonic() + patience
        while (service := self.get(name)).phase is ServicePhase.STARTING:
            assert time.monotonic() < end, f"{service.reason}\n{self.log}"
            time.sleep(0.02)
        return service

    @property
    def log(self) -> str:
        """The end of what router and model server have written."""
        return self.backend.server.log.read_text()[-3000:]

    def pids(self, program: str) -> list[int]:
        """Processes of this server that run a program of it."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                here = Path(f"/proc/{entry}/cwd").resolve() == self.root or str(self.root).encode() in words
                if here and any(word.endswith(f"fate_serving_{program}.py".encode()) for word in words):
                    found.append(int(entry))
        return found

    def kill(self, program: str) -> None:
        """Kill it, as the machine would without memory."""
        pids = self.pids(program)
        assert pids, f"no {program} runs"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServing]:
    """A running server; tests share it, and have services of their own."""
    made = LocalServing(tmp_path_factory.mktemp("s") / "serving")
    yield made
    made.backend.server.stop()
    assert made.pids("router") == made.pids("model_server") == []


def ask(url: str, row: dict[str, float] = ROW) -> dict[str, Any]:
    """Ask once, and give the whole answer.

    :raises AssertionError: it is not 200.
    """
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=120)
    try:
        inputs = [{"name": name, "shape": [1, 1], "datatype": "FP32", "data": [value]} for name, value in row.items()]
        connection.request("POST", place.path, json.dumps({"inputs": inputs}))
        reply = connection.getresponse()
        body = reply.read()
        assert reply.status == 200, (reply.status, body)
        told: dict[str, Any] = json.loads(body)
        return told
    finally:
        connection.close()


@dataclass(frozen=True)
class Asked:
    """One question of a client."""

    began: float
    version: str
    error: str = ""


@dataclass
class RestlessClient:
    """Asks all the time, and keeps every answer; a context manager.

    Each version's score is known, so one that is marked with another version's number is an error, too.
    """

    url: str
    asked: list[Asked] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> RestlessClient:
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                told = ask(self.url)
                version, score = told["model_version"], told["outputs"][0]["data"][0]
                wrong = abs(score - score_of(float(version))) > 1e-5
                self.asked.append(Asked(began, version, f"score {score}" if wrong else ""))
            except (AssertionError, OSError, http.client.HTTPException) as error:
                self.asked.append(Asked(began, "", repr(error)))
                time.sleep(0.01)

    def wait_for(self, number: int) -> None:
        """Go on when so many more questions were answered."""
        wanted = len(self.asked) + number
        end = time.monotonic() + 120
        while len(self.asked) < wanted:
            assert time.monotonic() < end
            time.sleep(0.01)

    @property
    def errors(self) -> list[Asked]:
        """What was no good answer."""
        return [one for one in self.asked if one.error]

    def versions(self, since: float) -> set[str]:
        """Who has answered what was asked since then."""
        return {one.version for one in self.asked if one.began >= since and not one.error}

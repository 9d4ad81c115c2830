"""Services of split scoring as DAGs start them: operators, connections, and processes of their own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.split.messages import (
    DirectionsAnswer,
    DirectionsQuestion,
    PartAnswer,
    SumsAnswer,
    SumsQuestion,
)
from airflow_provider_fate.local.ports import distinct
from airflow_provider_fate.operators.split_features import FateSplitFeaturesOperator
from airflow_provider_fate.operators.split_part import FateSplitPartOperator
from airflow_provider_fate.operators.split_serve import FateSplitServeOperator
from tests.support.task import Task
from tests.support.wire import Wire


def run(operator: type[Any], **arguments: Any) -> Any:
    """Run a task."""
    return Task(lambda: operator(task_id="task", **arguments)).run()


def connect(
    monkeypatch: pytest.MonkeyPatch, conn_id: str, port: int, secret: str | None, host: str = "127.0.0.1", **extra: Any
) -> None:
    """Give Airflow a connection to a service."""
    made = {"conn_type": "fate_split", "host": host, "port": port, "password": secret, "extra": extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(made))


_HEADERS = {
    *("host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type"),
    *("authorization", "date"),
}
_DOCUMENTED = {
    b"GET /v1/part HTTP/1.1": (None, PartAnswer),
    b"POST /v1/sums HTTP/1.1": (SumsQuestion, SumsAnswer),
    b"POST /v1/directions HTTP/1.1": (DirectionsQuestion, DirectionsAnswer),
}


def require_documented(wire: Wire, secret: str) -> list[Any]:
    """Check that nothing has gone over a wire but what the documentation lists; give the questions.

    Each message of ours refuses what it does not know, so that it is enough to read it.
    """
    questions = []
    for (asked, question), (answered, answer) in zip(wire.questions, wire.answers, strict=True):
        line, *headers = asked.split(b"\r\n")
        status, *more = answered.split(b"\r\n")
        assert status == b"HTTP/1.1 200 OK"
        names = {header.partition(b":")[0].decode().lower() for header in headers + more}
        assert names <= _HEADERS
        assert f"Bearer {secret}".encode() in asked
        kinds = _DOCUMENTED[line]
        if kinds[0] is not None:
            kinds[0].model_validate(question)
        questions.append((question, kinds[1].model_validate(answer)))
    return questions


class Parties:
    """A model's parties: each makes its part and its rows, and opens its service.

    :param folder: where files go.
    :param monkeypatch: for connections and the home of services.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        monkeypatch.setenv("FATE_LOCAL_SERVICES", str(folder / "services"))
        self.ports: dict[str, int] = {}
        self.secrets: dict[str, str] = {}

    def part(self, package: Path, terms: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Make a part of a package, in a folder of its own."""
        target = self.folder / f"part-{package.stem}-{len(list(self.folder.glob('part-*')))}"
        made: dict[str, Any] = run(FateSplitPartOperator, package=str(package), target=str(target), terms=terms, **more)
        return made

    def rows(self, part: Mapping[str, Any], source: Path, **more: Any) -> dict[str, Any]:
        """Write the rows of a party."""
        target = self.folder / f"{part['role']}-{part['party_id']}.features"
        made: dict[str, Any] = run(
            FateSplitFeaturesOperator, part=dict(part), source=str(source), target=str(target), **more
        )
        return made

    def address(self, who: str) -> str:
        """Make a connection of a service that will be opened at a free port; its id."""
        conn_id = f"split_{who}"
        if who not in self.ports:
            (self.ports[who],) = distinct([None])
            self.secrets[who] = secrets.token_urlsafe(32)
            connect(self.monkeypatch, conn_id, self.ports[who], self.secrets[who])
        return conn_id

    def way(self, who: str, port: int) -> str:
        """Make a connection by which the guest reaches a service at another port, such as that of a wire; its id."""
        conn_id = f"way_to_{who}"
        connect(self.monkeypatch, conn_id, port, self.secrets[who])
        return conn_id

    def serve(self, part: Mapping[str, Any], rows: Any = None, **more: Any) -> dict[str, Any]:
        """Open the service of a party."""
        who = f"{part['role']}_{part['party_id']}"
        made: dict[str, Any] = run(
            FateSplitServeOperator,
            part=dict(part),
            split_conn_id=self.address(who),
            features=rows,
            **{"signed_off": part["sha256"], "name": who.replace("_", "-"), **more},
        )
        return made

    def close(self) -> None:
        """Leave nothing running."""
        from airflow_provider_fate.local.services import all_services

        for service in all_services():
            service.remove()

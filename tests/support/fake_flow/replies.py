"""Answers of the fake server: FATE-Flow's envelope and its refusals."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A request that the fake has seen."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    file: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def arg(self, name: str) -> str | None:
        """Return a parameter of the query string; the last, if it is repeated."""
        values = self.query.get(name)
        return values[-1] if values else None

    def number(self, name: str) -> int:
        """Return a number of the query string, 0 if it is absent."""
        return int(self.arg(name) or 0)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body; anything else counts as empty."""
        return self.json if isinstance(self.json, dict) else {}


@dataclass(frozen=True)
class Answer:
    """What goes out."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    filename: str | None = None


class Refusal(Exception):
    """An answer with a code other than 0."""

    def __init__(self, code: int, message: str, **rest: Any) -> None:
        super().__init__(code, message)
        self.answer = envelope(code=code, message=message, **rest)


def bare(content: object) -> Answer:
    """Answer JSON without an envelope."""
    return Answer(json.dumps(content, sort_keys=True).encode() + b"\n")


def envelope(data: Any = None, *, code: int = 0, message: str = "success", job_id: str | None = None) -> Answer:
    """Answer in the envelope, which leaves out what is null."""
    content = {"code": code, "message": message, "data": data, "job_id": job_id}
    return bare({key: value for key, value in content.items() if value is not None})


def missing(text: str, code: int, **named: str | None) -> Refusal:
    """Return a refusal in FATE-Flow's words: ``No found job: job_id[1],role[guest]``."""
    details = ",".join(f"{key}[{value}]" for key, value in named.items() if value is not None)
    return Refusal(code, f"{text}: {details}" if details else text)


def archive(files: Mapping[str, bytes], *, filename: str, compressed: bool = True) -> Answer:
    """Answer a tar, compressed or not."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz" if compressed else "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    kind = "application/gzip" if compressed else "application/x-tar"
    return Answer(target.getvalue(), kind, filename=filename)

"""What an upload's job carries, so that it is known again: whose it is, of what it was made, and what was in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["UNKNOWN", "UploadMark", "columns_digest", "digest", "local_tasks"]

_WORD = "airflow"
UNKNOWN = "-"
"""Stands for a version that the source cannot tell."""


@dataclass(frozen=True)
class UploadMark:
    """Travels in the meta data of an upload's job; FATE-Flow keeps it as long as the job.

    :param key: identity of the task that has uploaded.
    :param epoch: which clear of that task it was.
    :param version: digest of the source's version and of all arguments that shape the table; :data:`UNKNOWN` where the
        source has none.
    :param content: digest of the CSV that was sent, and of how FATE was told to read it.
    :param rows: how many rows were sent.
    :param columns: digest of the columns' names, in order.
    """

    key: str
    epoch: int
    version: str
    content: str
    rows: int
    columns: str

    @property
    def text(self) -> str:
        """As one line."""
        return " ".join((_WORD, *(str(part) for part in astuple(self))))

    @classmethod
    def parse(cls, text: object) -> Self | None:
        """From the line; ``None`` if it is none."""
        match str(text).split(" "):
            case [word, key, epoch, version, content, rows, columns] if word == _WORD:
                try:
                    return cls(key, int(epoch), version, content, int(rows), columns)
                except ValueError:
                    return None
        return None

    @classmethod
    def of_job(cls, record: JobRecord) -> Self | None:
        """The mark of an upload's job; ``None`` if another client has uploaded, or it is no upload."""
        for task in local_tasks(record.dag).values():
            meta = (task.get("parameters") or {}).get("meta") or {}
            if mark := cls.parse(meta.get("tag_value_delimiter")):
                return mark
        return None


def local_tasks(dag: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tasks of an upload's job, by name."""
    tasks = ((dag.get("dag") or {}).get("party_tasks") or {}).get("local_0", {}).get("tasks") or {}
    return tasks if isinstance(tasks, Mapping) else {}


def columns_digest(columns: Iterable[str]) -> str:
    """Digest of the names of columns, in order, without the one that FATE adds."""
    names = [name for name in columns if name != "extend_sid"]
    return digest(*names)


def digest(*parts: str) -> str:
    """What tells one list of texts from another, in 32 characters."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode()
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()[:32]

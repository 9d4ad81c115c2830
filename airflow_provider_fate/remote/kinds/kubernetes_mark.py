"""Who has asked for an object, written into its metadata: labels to find it by, annotations for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["KEY", "ObjectMark", "digest_of", "names_of"]

_OURS = "airflow-provider-fate/"
KEY = f"{_OURS}key"
"""Label of all objects that this package has applied."""
_EPOCH, _DIGEST, _CREATED = f"{_OURS}epoch", f"{_OURS}digest", f"{_OURS}created-by"


@dataclass(frozen=True)
class ObjectMark:
    """A task instance, and what it has applied.

    :param key: digest of the task instance; the same in each try.
    :param epoch: which clear of it.
    :param digest: of the manifest.
    :param created_by: key of the task instance that the object was made by; empty: it was there before.
    :param names: DAG, run and task, for people.
    """

    key: str
    epoch: int
    digest: str
    created_by: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self | None:
        """The mark of an object; ``None``: somebody else has made it."""
        metadata = body.get("metadata") or {}
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        key, epoch = labels.get(KEY), str(labels.get(_EPOCH))
        if not key or not epoch.isdigit():
            return None
        names = {name: str(annotations.get(_OURS + name)) for name in NAMES if _OURS + name in annotations}
        return cls(key, int(epoch), str(annotations.get(_DIGEST)), str(annotations.get(_CREATED) or ""), names)

    def on(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A manifest with this mark."""
        metadata = dict(body.get("metadata") or {})
        metadata["labels"] = {**(metadata.get("labels") or {}), KEY: self.key, _EPOCH: str(self.epoch)}
        written = {_OURS + name: value for name, value in self.names.items()} | {_DIGEST: self.digest}
        if self.created_by:
            written[_CREATED] = self.created_by
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **written}
        return {**body, "metadata": metadata}

    @property
    def words(self) -> str:
        """Who it is, for people."""
        return ", ".join(f"{name} {value}" for name, value in self.names.items()) or f"key {self.key}"


NAMES = ("dag", "run", "task", "map-index")


def names_of(context: Context) -> dict[str, str]:
    """Name the task instance that runs in this context."""
    ti = context["ti"]
    index = -1 if ti.map_index is None else ti.map_index
    mapped = {"map-index": str(index)} if index >= 0 else {}
    return {"dag": ti.dag_id, "run": ti.run_id, "task": ti.task_id} | mapped


def digest_of(body: Mapping[str, Any]) -> str:
    """Of a manifest: it is the same as long as the manifest says the same."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]

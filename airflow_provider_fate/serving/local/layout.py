"""The files of a local server, and what stands in them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_fate.local.state import write_json
from airflow_provider_fate.serving.records import ChangeMark, ServingSpec

__all__ = ["LocalRecord", "ServerLayout"]

UNUSED_AFTER = 600.0
"""Seconds for which a model is kept that no spec names: a task may be about to write one."""


class LocalRecord(BaseModel):
    """What stands in the file of a service.

    :param generation: from 1; each change makes the next one.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    generation: int
    spec: ServingSpec
    mark: ChangeMark | None = None


class ServerLayout:
    """The folder of a local server.

    :param root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.services = root / "services"
        self.state = root / "state"
        self.models = root / "models"
        self.run = root / "run"

    def create(self) -> None:
        """Make the folders, for this user only: models may be a secret."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.services, self.state, self.models, self.run):
            folder.mkdir(exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else change specs meanwhile."""
        self.create()
        with (self.root / "specs.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def names(self) -> list[str]:
        """Names of all services."""
        return sorted(path.stem for path in self.services.glob("*.json"))

    def record(self, name: str) -> LocalRecord | None:
        """What a service shall be; ``None``: there is none."""
        try:
            return LocalRecord.model_validate_json((self.services / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            msg = f"{self.services / name}.json is damaged: {error.errors()[0]['msg']}; delete the service"
            raise ValueError(msg) from None

    def write(self, name: str, record: LocalRecord) -> None:
        """Say what a service shall be; the router follows."""
        write_json(self.services / f"{name}.json", record.model_dump(mode="json"))

    def stands(self, name: str) -> dict[str, Any]:
        """What the router tells of a service; empty: nothing yet."""
        try:
            data = json.loads((self.state / f"{name}.json").read_text())
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def model(self, sha256: str) -> Path:
        """Where a model is kept, by its checksum."""
        return self.models / f"{sha256}.onnx"

    def clean(self) -> None:
        """Delete the models that no spec has named for a while."""
        used = set()
        for name in self.names():
            if (record := self.record(name)) is not None:
                spec = record.spec
                used |= {one.sha256 for one in (spec.stable, spec.canary, spec.previous) if one is not None}
        for path in self.models.glob("*.onnx"):
            with contextlib.suppress(FileNotFoundError):
                if path.stem not in used and time.time() - path.stat().st_mtime > UNUSED_AFTER:
                    path.unlink()

"""What a registry keeps."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_fate.errors import FateInputError

__all__ = ["AliasMove", "ModelVersion", "RegisteredModel", "check_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")


def check_name(what: str, name: str) -> str:
    """Check the name of a model or an alias.

    :raises FateInputError: it could not be a part of a path.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise FateInputError(
            f"{what}={name!r} is not a name.",
            hint="Use letters, digits, '_', '-' and '.', at most 100 characters, such as 'credit_risk'.",
        )
    return name


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class RegisteredModel(_Record):
    """What is registered: where it is, and what it was made of.

    :param package: where the package is.
    :param sha256: its checksum, by which a second registration is recognized.
    :param content_sha256: digest of what was trained, whatever it is called.
    :param card: where its card is.
    :param onnx: where it is as ONNX, if it was converted.
    :param onnx_sha256: checksum of that.
    :param adapter: folder of the adapter, if it is one of a language model.
    :param adapter_sha256: checksum of its weights.
    :param base_model: name of the language model that it belongs to.
    :param base_revision: its revision.
    :param measured: where all is that its job has measured, with curves and tables.
    :param job_id: the job that has trained it.
    :param model_id: FATE's id of the model.
    :param model_version: FATE's version.
    :param role: role of the party whose part it is.
    :param party_id: that party.
    :param metrics: what was measured, one number each.
    :param tags: whatever people want to find it by.
    :param run: the run of Airflow that has registered it: ``dag_id``, ``run_id``, ``task_id``, and ``url``, where
        Airflow shows it.
    """

    package: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    content_sha256: str | None = None
    card: str | None = None
    onnx: str | None = None
    onnx_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    adapter: str | None = None
    adapter_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    base_model: str | None = None
    base_revision: str | None = None
    measured: str | None = None
    job_id: str
    model_id: str
    model_version: str
    role: str
    party_id: str
    metrics: dict[str, float | int | str | bool] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    run: dict[str, str] = Field(default_factory=dict)


class ModelVersion(_Record):
    """A version of a model, which never changes.

    :param name: of the model.
    :param version: from 1.
    :param registered: when.
    """

    name: str
    version: int = Field(ge=1)
    registered: datetime
    model: RegisteredModel

    def to_json(self) -> dict[str, Any]:
        """As JSON, flat: what XComs and events hold."""
        return {
            "name": self.name,
            "version": self.version,
            "registered": self.registered.isoformat(),
            **self.model.model_dump(mode="json"),
        }


class AliasMove(_Record):
    """An alias that was pointed at another version; the newest one counts.

    :param version: at which it points; ``None``: at none, it was taken away.
    :param previous: at which it pointed before.
    :param reason: why, for people.
    :param run: the run of Airflow that has moved it.
    """

    name: str
    alias: str
    version: int | None
    previous: int | None
    moved: datetime
    reason: str = ""
    run: dict[str, str] = Field(default_factory=dict)

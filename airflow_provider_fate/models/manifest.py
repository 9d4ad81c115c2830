"""What a model package says of itself: whose part of which model it holds, and the checksum of each file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from airflow_provider_fate.models.names import wrong_id, wrong_path

__all__ = ["FORMAT", "LeftOutFile", "ModelManifest", "ModelPart", "ModelParty", "PartFile", "content_digest"]

FORMAT: Literal["airflow-provider-fate/model"] = "airflow-provider-fate/model"
"""First thing in each manifest: what kind of file this is."""


def _path(text: str) -> str:
    if reason := wrong_path(text):
        msg = f"{text!r} {reason}"
        raise ValueError(msg)
    return text


def _id(text: str) -> str:
    if reason := wrong_id(text):
        msg = f"{text!r} {reason}"
        raise ValueError(msg)
    return text


FilePath = Annotated[str, AfterValidator(_path)]
FateId = Annotated[str, AfterValidator(_id)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class PartFile(_Strict):
    """A file of a part.

    :param path: as FATE names it within the part.
    :param size: bytes.
    :param sha256: checksum of its bytes.
    """

    path: FilePath
    size: int = Field(ge=0)
    sha256: Sha256


class LeftOutFile(_Strict):
    """A file that FATE stores with the model and that was not taken over.

    :param path: as FATE names it within the part.
    :param reason: why not.
    """

    path: str
    reason: str


class ModelPart(_Strict):
    """What one task has trained.

    :param task: name of the task.
    :param component: what it ran.
    :param provider: the code that ran it, such as ``fate:2.2.0@local``; ``None`` where FATE does not say.
    :param output_key: name of the output that holds the model.
    :param kind: ``json_model`` or ``model_directory``.
    :param files: in the order of their paths.
    :param left_out: what was not taken over.
    """

    task: FateId
    component: FateId
    provider: str | None = None
    output_key: FateId
    kind: str
    files: tuple[PartFile, ...]
    left_out: tuple[LeftOutFile, ...] = ()

    def member(self, file: PartFile) -> str:
        """Where a file stands in the package."""
        return f"parts/{self.task}/{self.output_key}/{file.path}"


class ModelParty(_Strict):
    """A party of the job.

    :param role: its role.
    :param party_id: its id.
    """

    role: FateId
    party_id: FateId


class ModelManifest(_Strict):
    """What stands in ``manifest.json``. It holds nothing that changes from one export to the next.

    :param format: :data:`FORMAT`.
    :param format_version: of this layout.
    :param role: role of the party whose part this is.
    :param party_id: that party.
    :param job_id: the job that has trained the model.
    :param model_id: id of the model, on all sites of the job.
    :param model_version: its version.
    :param parties: all parties of the job.
    :param schema_version: of FATE's description of the job.
    :param job: what the job does, without what belongs to that one run, so that a site which does not know the job can
        score with the model; ``None`` in packages that were written without it.
    :param parts: one for each task that has trained something, in the order of their names.
    :param content_sha256: digest of tasks, paths and checksums of the files; equal for the same model under another id.
    """

    format: Literal["airflow-provider-fate/model"] = FORMAT
    format_version: Literal[1] = 1
    role: FateId
    party_id: FateId
    job_id: FateId
    model_id: str
    model_version: str
    parties: tuple[ModelParty, ...]
    schema_version: str | None = None
    job: dict[str, Any] | None = None
    parts: tuple[ModelPart, ...] = Field(min_length=1)
    content_sha256: Sha256

    @model_validator(mode="after")
    def _hangs_together(self) -> ModelManifest:
        members = [part.member(file) for part in self.parts for file in part.files]
        if len(set(members)) != len(members):
            msg = "it names a file twice"
            raise ValueError(msg)
        if content_digest(self.parts) != self.content_sha256:
            msg = "content_sha256 is not that of the parts"
            raise ValueError(msg)
        return self

    @property
    def who(self) -> str:
        """The party, for people: ``guest 9999``."""
        return f"{self.role} {self.party_id}"

    def to_bytes(self) -> bytes:
        """As it stands in the package: the same bytes for the same model."""
        return (json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode()


def content_digest(parts: Iterable[ModelPart]) -> str:
    """Digest of what was trained, whatever it is called and wherever it is stored."""
    lines = [
        json.dumps([part.task, part.component, part.output_key, file.path, file.sha256])
        for part in parts
        for file in part.files
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

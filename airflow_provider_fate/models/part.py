"""A part of a model on its way: from FATE's archive to files, and back."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from airflow_provider_fate.data.tar import ArchiveLimits, read_tar
from airflow_provider_fate.errors import FateArchiveError
from airflow_provider_fate.models.manifest import LeftOutFile, ModelPart, PartFile
from airflow_provider_fate.models.names import wrong_path
from airflow_provider_fate.models.pickles import foreign_names

__all__ = ["UnpackedPart", "find_described", "pack_part", "unpack_part"]

_CHUNK = 1 << 20
_META = ".meta.yaml"
_LARGEST_META = 16 << 20
_WEIGHTS = ("pytorch_model.bin", "adapter_model.bin")
"""Files without which the model is none: they are refused rather than left out."""


@dataclass(frozen=True)
class UnpackedPart:
    """A part whose files lie in a folder, under names of ours.

    :param part: what it is.
    :param places: where each file lies, by its path.
    """

    part: ModelPart
    places: Mapping[str, Path]


def unpack_part(archive: BinaryIO, folder: Path, *, task: str, component: str, provider: str | None) -> UnpackedPart:
    """Read what FATE-Flow has sent, look at each file, and keep those that run no code.

    :param archive: the tar of ``output/model/download``.
    :param folder: an empty folder; files lie there under numbers, never under names of the archive.
    :param task: name of the task.
    :param component: its component.
    :param provider: the provider that has run it.
    :raises FateArchiveError: it is damaged, holds what FATE does not put there, or weights that would run code.
    """
    files: dict[str, PartFile] = {}
    places: dict[str, Path] = {}
    left_out: list[LeftOutFile] = []
    metas: list[dict[str, Any]] = []
    for entry in read_tar(archive, ArchiveLimits(), wrong_path, compressed=False):
        place = folder / str(len(files) + len(left_out))
        file = _kept(entry.name, entry.data, place)
        if foreign := foreign_names(place, entry.name):
            names = ", ".join(sorted(foreign)[:5])
            if entry.name.rpartition("/")[2] in _WEIGHTS:
                raise FateArchiveError(
                    f"The model of task {task} is refused: {entry.name} would run code when it is loaded ({names}).",
                    member=entry.name,
                    hint="Weights need nothing of the kind. Ask who runs the FATE site where the file comes from.",
                )
            left_out.append(LeftOutFile(path=entry.name, reason=f"pickled code, never loaded: {names}"))
            place.unlink()
            continue
        files[entry.name], places[entry.name] = file, place
        if entry.name.endswith(_META):
            metas.append(_meta(place, entry.name, task))
    if not metas:
        raise FateArchiveError(
            f"The model of task {task} is refused: FATE's description of it (a file ending in {_META}) is missing.",
            hint="Ask who runs the FATE site.",
        )
    source = metas[0].get("source") or {}
    part = ModelPart(
        task=task,
        component=component,
        provider=provider,
        output_key=str(source.get("output_artifact_key") or "output_model"),
        kind=str(metas[0].get("type_name") or "unknown"),
        files=tuple(files[name] for name in sorted(files)),
        left_out=tuple(sorted(left_out, key=lambda one: one.path)),
    )
    return UnpackedPart(part, places)


def _kept(name: str, data: BinaryIO, place: Path) -> PartFile:
    digest, size = hashlib.sha256(), 0
    with place.open("wb") as file:
        while piece := data.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    return PartFile(path=name, size=size, sha256=digest.hexdigest())


def _meta(place: Path, name: str, task: str) -> dict[str, Any]:
    """FATE's own description of the model."""
    if place.stat().st_size <= _LARGEST_META:
        try:
            found = yaml.safe_load(place.read_bytes())
        except (yaml.YAMLError, UnicodeDecodeError):
            found = None
        if isinstance(found, dict):
            return found
    raise FateArchiveError(
        f"The model of task {task} is refused: {name} cannot be read.", member=name, hint="Ask who runs the FATE site."
    )


def pack_part(part: ModelPart, read: Mapping[str, BinaryIO], target: BinaryIO) -> None:
    """Write a part as FATE stores it: the same bytes for the same files.

    :param part: what it is.
    :param read: its files, open for reading, by path.
    :param target: where the tar goes.
    """
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in part.files:
            header = tarfile.TarInfo(file.path)
            header.size, header.mode = file.size, 0o644
            tar.addfile(header, read[file.path])


def find_described(described: Any, name: str) -> Any:
    """What stands under a name, however deep; FATE nests its description of a model."""
    if isinstance(described, Mapping):
        if name in described:
            return described[name]
        return next((found for value in described.values() if (found := find_described(value, name)) is not None), None)
    return None

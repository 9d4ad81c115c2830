"""The file that holds one party's part of a model.

It is a zip, so that it is one object: it is there whole or not at all, has one checksum, and any tool opens it. Its
files are stored and not compressed, in the order of their names and without times, so that the same model gives the
same bytes on every machine. That also leaves no room for a bomb: what is compressed is refused.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import ValidationError

from airflow_provider_fate.errors import FateModelPackageError
from airflow_provider_fate.models.manifest import ModelManifest, ModelPart, PartFile
from airflow_provider_fate.models.part import UnpackedPart, pack_part

__all__ = ["ModelPackage", "open_package", "sha256_of", "write_package"]

MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
_LARGEST_MANIFEST = 16 << 20
_MEMBERS = 100_000
_ASK = "Nothing of it was used. Export the model again, or get the package from its source again."


@dataclass(frozen=True)
class ModelPackage:
    """A package on this machine whose files have the checksums that its manifest says.

    :param path: where it is.
    :param manifest: what it says of itself.
    :param sha256: checksum of the whole file.
    :param size: bytes of the whole file.
    """

    path: Path
    manifest: ModelManifest
    sha256: str
    size: int

    def part(self, task: str) -> ModelPart:
        """What a task has trained.

        :raises FateModelPackageError: nothing of this task is in the package; names those that are.
        """
        for part in self.manifest.parts:
            if part.task == task:
                return part
        there = ", ".join(part.task for part in self.manifest.parts)
        raise FateModelPackageError(f"{self.path.name} holds no model of task {task!r}.", hint=f"It holds {there}.")

    @contextmanager
    def open(self, part: ModelPart, file: PartFile) -> Iterator[BinaryIO]:
        """Give a file of a part, open for reading."""
        with zipfile.ZipFile(self.path) as archive, archive.open(part.member(file)) as opened:
            yield cast("BinaryIO", opened)

    def write_part(self, part: ModelPart, target: BinaryIO) -> None:
        """Write a part as FATE stores it."""
        with zipfile.ZipFile(self.path) as archive, ExitStack() as stack:
            read = {file.path: stack.enter_context(archive.open(part.member(file))) for file in part.files}
            pack_part(part, cast("dict[str, BinaryIO]", read), target)


def write_package(manifest: ModelManifest, parts: Iterable[UnpackedPart], path: Path) -> ModelPackage:
    """Write a package.

    :param manifest: what it holds.
    :param parts: its parts, unpacked.
    :param path: where it goes.
    """
    places = {one.part.member(file): one.places[file.path] for one in parts for file in one.part.files}
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_STORED) as archive:
        archive.writestr(_header(MANIFEST), manifest.to_bytes())
        for name in sorted(places):
            header = _header(name)
            header.file_size = places[name].stat().st_size
            with places[name].open("rb") as source, archive.open(header, "w") as member:
                while piece := source.read(_CHUNK):
                    member.write(piece)
    return ModelPackage(path, manifest, sha256_of(path), path.stat().st_size)


def _header(name: str) -> zipfile.ZipInfo:
    header = zipfile.ZipInfo(name, _EPOCH)
    header.create_system = 3  # the same on each system
    header.external_attr = (stat.S_IFREG | 0o644) << 16
    return header


def sha256_of(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_package(path: Path, sha256: str | None = None, name: str | None = None) -> ModelPackage:
    """Look through a package from end to end.

    :param path: where it is.
    :param sha256: checksum that it must have as a whole; ``None``: any.
    :param name: what it is called in messages; default: its path.
    :raises FateModelPackageError: it is no package, was changed since it was written, or is not the one that is meant.
    """
    what = f"Model package {name or path}"
    found = sha256_of(path)
    if sha256 is not None and found != sha256.lower():
        raise FateModelPackageError(f"{what} has sha256 {found}, and not {sha256}.", hint=_ASK)
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _checked(archive, what, path.stat().st_size)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise FateModelPackageError(f"{what} is not a zip, or a damaged one: {error}.", hint=_ASK) from None
    return ModelPackage(path, manifest, found, path.stat().st_size)


def _checked(archive: zipfile.ZipFile, what: str, size: int) -> ModelManifest:
    members = archive.infolist()
    by_name = {member.filename: member for member in members}
    if len(by_name) != len(members) or len(members) > _MEMBERS:
        raise _refused(what, "it names a file twice" if len(members) <= _MEMBERS else f"it has {len(members)} files")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1:
            raise _refused(what, f"{member.filename!r} is compressed or encrypted", member.filename)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG) or member.is_dir():
            raise _refused(what, f"{member.filename!r} is a link, a folder or a device", member.filename)
    if sum(member.file_size for member in members) > size:
        raise _refused(what, "its files overlap")
    if MANIFEST not in by_name:
        raise FateModelPackageError(f"{what} has no {MANIFEST}: it is another zip.", hint=_ASK)
    manifest = _manifest(archive, by_name[MANIFEST], what)
    wanted = {part.member(file): file for part in manifest.parts for file in part.files}
    for stray in by_name.keys() - wanted.keys() - {MANIFEST}:
        raise _refused(what, f"{stray!r} stands in it, and not in its manifest", stray)
    for name, file in wanted.items():
        if name not in by_name:
            raise _refused(what, f"{name!r} is missing", name)
        with archive.open(by_name[name]) as opened:
            digest = hashlib.file_digest(cast("Any", opened), "sha256").hexdigest()
        if by_name[name].file_size != file.size or digest != file.sha256:
            raise _refused(what, f"{name!r} has another checksum than its manifest says", name)
    return manifest


def _manifest(archive: zipfile.ZipFile, member: zipfile.ZipInfo, what: str) -> ModelManifest:
    if member.file_size > _LARGEST_MANIFEST:
        raise _refused(what, f"its manifest has {member.file_size:,} bytes", MANIFEST)
    try:
        return ModelManifest.model_validate_json(archive.read(member))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _refused(what, f"its manifest cannot be right ({place}: {first['msg']})", MANIFEST) from None


def _refused(what: str, why: str, member: str | None = None) -> FateModelPackageError:
    return FateModelPackageError(f"{what} is refused: {why}.", member=member, hint=_ASK)

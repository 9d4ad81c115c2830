"""Parts of models, as FATE-Flow sends them, and packages of them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from airflow_provider_fate.models.manifest import ModelManifest, ModelParty, content_digest
from airflow_provider_fate.models.package import ModelPackage, write_package
from airflow_provider_fate.models.part import UnpackedPart, unpack_part

META = json.dumps({"type_name": "json_model", "source": {"output_artifact_key": "output_model"}}).encode()
JSON_MODEL = b'{"param": {"coef": [0.25]}}'


def tar(files: Mapping[str, bytes], mtime: float = 1795524633.26) -> io.BytesIO:
    """An archive as FATE-Flow sends it: bare, and with fractions of seconds."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), mtime
            archive.addfile(entry, io.BytesIO(content))
    return io.BytesIO(target.getvalue())


def unpacked(folder: Path, files: Mapping[str, bytes], task: str = "lr_0", mtime: float = 0.5) -> UnpackedPart:
    """A part whose files lie in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {**files, "json_model.meta.yaml": META}
    return unpack_part(tar(given, mtime), folder, task=task, component="homo_lr", provider="fate:2.2.0@local")


def package(folder: Path, parts: list[UnpackedPart] | None = None, name: str = "model.zip") -> ModelPackage:
    """A package, by default of one task."""
    parts = parts or [unpacked(folder / "lr_0", {"json_model": JSON_MODEL})]
    described = tuple(one.part for one in parts)
    manifest = ModelManifest(
        role="guest",
        party_id="9999",
        job_id="2026112716",
        model_id="2026112716",
        model_version="0",
        parties=(ModelParty(role="guest", party_id="9999"), ModelParty(role="host", party_id="10000")),
        schema_version="2.2.0",
        parts=described,
        content_sha256=content_digest(described),
    )
    return write_package(manifest, parts, folder / name)


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None], **options: object) -> Path:
    """The same zip with other files in it."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(target, "w", **options) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            archive.writestr(name, content)
    return target

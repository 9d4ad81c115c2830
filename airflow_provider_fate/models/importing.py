"""A model package, brought to a site, and compared with what the site has then."""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import (
    FateError,
    FateInputError,
    FateModelExists,
    FateModelNotFound,
    FateServerError,
)
from airflow_provider_fate.models.part import unpack_part

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.models.manifest import ModelPart
    from airflow_provider_fate.models.package import ModelPackage

__all__ = ["import_package", "require_imported"]

log = logging.getLogger(__name__)

_FIRST = "="
"""First folder in the archive. FATE-Flow takes the name of its temporary folder off each path letter by letter, and
goes on into the path; no such folder has this sign in its name. What stands there it replaces by the model's id."""
_LONGEST = {"model_id": 100, "model_version": 10, "task": 50, "output_key": 20, "storage key": 100}
"""Letters that FATE-Flow's database has room for. MySQL refuses more, SQLite does not look."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.#\-]*")


def import_package(flow: FlowClient, package: ModelPackage, model_id: str, model_version: str) -> bool:
    """Store the parts of a package at a site, and read them back.

    FATE-Flow answers ``success`` whatever has become of the files, and writes over a model that has the same id and
    version without a word. So each part is looked for before, and compared file by file after.

    :param model_id: id that the model gets there.
    :param model_version: its version there.
    :returns: whether anything was done: ``False`` where the site has exactly this model already.
    :raises FateInputError: FATE-Flow has no room for such a name.
    :raises FateModelExists: the site has another model of this id and version.
    :raises FateServerError: what the site has afterwards is not what was sent; it was removed again.
    """
    manifest = package.manifest
    _require_room(package, model_id, model_version)
    before = [_compare(flow, package, part, model_id, model_version) for part in manifest.parts]
    if all(before):
        return False
    if other := [part.task for part, state in zip(manifest.parts, before, strict=True) if state is False]:
        raise FateModelExists(
            f"The site has another model {model_id}, version {model_version}, already ({manifest.who}: "
            f"{', '.join(other)}).",
            hint="Nothing was imported: FATE would have written over it. Give another model_version or model_id.",
        )
    new = [part for part, state in zip(manifest.parts, before, strict=True) if state is None]
    with TemporaryDirectory(prefix="fate-import-") as folder:
        sent = Path(folder) / "model.zip"
        _pack_for_fate(package, sent, model_version)
        try:
            flow.model.import_(sent, model_id=model_id, model_version=model_version)
            wrong = [part.task for part in new if not _compare(flow, package, part, model_id, model_version)]
        except FateError:
            _remove(flow, package, new, model_id, model_version)
            raise
    if wrong:
        _remove(flow, package, new, model_id, model_version)
        raise FateServerError(
            f"FATE-Flow has said 'success', but what it has stored of {', '.join(wrong)} is not what it was sent.",
            hint="What was imported has been removed. FATE-Flow 2.2 strips letters from paths: tell its operators.",
        )
    return True


def require_imported(
    flow: FlowClient, package: ModelPackage, model_id: str, model_version: str, tasks: Collection[str]
) -> None:
    """Check that a site has these parts of a package under an id and a version.

    :raises FateModelNotFound: one is not there.
    :raises FateInputError: another model is, or the package has no such part.
    """
    who = package.manifest.who
    parts = {part.task: part for part in package.manifest.parts}
    for task in tasks:
        if task not in parts:
            raise FateInputError(f"The package of {who} has no model of task {task}.", hint="Export the model again.")
        found = _compare(flow, package, parts[task], model_id, model_version)
        if found is None:
            raise FateModelNotFound(
                f"The site has no part of {who} of model {model_id}, version {model_version}, for task {task}.",
                party=who,
                hint="Import the package first (FateModelImportOperator), at each party under the same id and version.",
            )
        if not found:
            raise FateInputError(
                f"The site has another model {model_id}, version {model_version}, for task {task} than the package.",
                hint="Give the package that was imported under this id and version.",
            )


def _require_room(package: ModelPackage, model_id: str, model_version: str) -> None:
    for name, value in (("model_id", model_id), ("model_version", model_version)):
        if not _NAME.fullmatch(value):
            raise FateInputError(
                f"{name}={value!r} cannot name a model.", hint="Use letters, digits, '_', '-', '.' and '#'."
            )
        _require_length(name, value)
    manifest = package.manifest
    for part in manifest.parts:
        _require_length("task", part.task)
        _require_length("output_key", part.output_key)
        whole = [model_id, model_version, manifest.role, manifest.party_id, part.task, part.output_key]
        _require_length("storage key", "/".join(whole))


def _require_length(name: str, value: str) -> None:
    if len(value) > _LONGEST[name]:
        raise FateInputError(
            f"{name} {value!r} has {len(value)} letters; FATE-Flow has room for {_LONGEST[name]}.",
            hint="Give a shorter model_id or model_version." if name != "task" else "Train with shorter task names.",
        )


def _compare(
    flow: FlowClient, package: ModelPackage, part: ModelPart, model_id: str, model_version: str
) -> bool | None:
    """Whether the site has exactly this part; ``None``: it has none."""
    manifest = package.manifest
    with TemporaryDirectory(prefix="fate-compare-") as folder:
        archive = Path(folder) / "model.tar"
        try:
            flow.model.download(
                model_id, model_version, manifest.role, manifest.party_id, part.task, part.output_key, archive
            )
        except FateModelNotFound:
            return None
        with archive.open("rb") as file:
            found = unpack_part(file, Path(folder), task=part.task, component=part.component, provider=None).part
    return found.files == part.files


def _pack_for_fate(package: ModelPackage, path: Path, model_version: str) -> None:
    """Write the zip that FATE-Flow's import reads: a tar for each part, under its storage key."""
    manifest = package.manifest
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_STORED) as archive:
        for part in manifest.parts:
            tar = path.with_suffix(".tar")
            with tar.open("wb") as file:
                package.write_part(part, file)
            key = [_FIRST, model_version, manifest.role, manifest.party_id, part.task, part.output_key]
            archive.write(tar, "/".join(key))
            tar.unlink()


def _remove(
    flow: FlowClient, package: ModelPackage, parts: Sequence[ModelPart], model_id: str, model_version: str
) -> None:
    """Take away what an import has left. Nothing of that name was there before."""
    manifest = package.manifest
    for part in parts:
        try:
            flow.model.delete(
                model_id,
                model_version,
                role=manifest.role,
                party_id=manifest.party_id,
                task_name=part.task,
                output_key=part.output_key,
            )
        except FateModelNotFound:
            continue
        except FateError as error:
            log.warning("What was imported of %s could not be removed: %s", part.task, error)

"""What is sent to a registry that keeps more than where things are: files, parameters, and words for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.metrics import JobMetrics
from airflow_provider_fate.models.card import ModelCard
from airflow_provider_fate.models.card_text import card_markdown
from airflow_provider_fate.models.registry.interface import package_differs
from airflow_provider_fate.models.registry.records import RegisteredModel
from airflow_provider_fate.storage.folder import fetch_file

__all__ = ["MODEL_FOLDER", "ModelContents", "model_contents", "summary"]

MODEL_FOLDER = "model"
"""Folder of the files in a run's artifacts."""
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json", "README.md", "fate_prompt.json")
"""What the folder of an adapter holds beside the card; the last one only where the layout of prompts is known."""


@dataclass(frozen=True)
class ModelContents:
    """Copies of a model's files on this machine.

    :param files: by the names that they get.
    :param text: the card as Markdown; empty where there is none.
    :param measured: all that its job has measured, where that is known.
    """

    files: Mapping[str, Path]
    card: ModelCard | None = None
    text: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    measured: JobMetrics | None = None


@contextmanager
def model_contents(model: RegisteredModel) -> Iterator[ModelContents]:
    """Fetch a model's package, card and ONNX; they are gone when the block ends.

    :raises FateInputError: one is not there, or the package is another one.
    """
    with TemporaryDirectory(prefix="fate-register-") as temporary:
        folder = Path(temporary)
        files = {"model.zip": _fetch("package", model.package, folder / "model.zip")}
        with files["model.zip"].open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 != model.sha256:
            raise package_differs(model.package, sha256)
        card, text = None, ""
        if model.card is not None:
            files["card.json"] = _fetch("card", model.card, folder / "card.json")
            try:
                card = ModelCard.model_validate_json(files["card.json"].read_bytes())
            except ValidationError as error:
                first = error.errors()[0]
                raise FateInputError(
                    f"card={model.card!r} is no model card ({'.'.join(map(str, first['loc']))}: {first['msg']}).",
                    hint="Export the model again.",
                ) from None
            text = card_markdown(card)
            files["card.md"] = folder / "card.md"
            files["card.md"].write_text(text)
        if model.onnx is not None:
            files["model.onnx"] = _fetch("onnx", model.onnx, folder / "model.onnx")
        files |= _adapter(model, folder)
        measured = None
        if model.measured is not None:
            files["metrics.json"] = _fetch("measured", model.measured, folder / "metrics.json")
            measured = JobMetrics.read(folder / "metrics.json")
        yield ModelContents(files, card, text, dict(_parameters(card)) if card else {}, measured)


def summary(model: RegisteredModel) -> str:
    """What a version is, in a sentence for people."""
    by = "/".join(model.run[key] for key in ("dag_id", "run_id", "task_id") if key in model.run)
    made = f"Part of {model.role} {model.party_id} of the model that FATE job {model.job_id} has trained"
    return f"{made}; registered by {by}." if by else f"{made}."


def _adapter(model: RegisteredModel, folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of an adapter, which lie beside the package."""
    if model.adapter is None:
        return
    (folder / "adapter").mkdir()
    for name in ADAPTER_FILES:
        place, to = f"{model.adapter.rstrip('/')}/{name}", folder / "adapter" / name
        try:
            yield f"adapter/{name}", _fetch("adapter", place, to)
        except FateInputError:
            if name != ADAPTER_FILES[-1]:
                raise
    with (folder / "adapter" / ADAPTER_FILES[0]).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != model.adapter_sha256:
        raise FateInputError(
            f"adapter={model.adapter!r} holds other weights (sha256 {sha256}).",
            hint="Another task has written into the same folder meanwhile: give each adapter a folder of its own.",
        )


def _fetch(what: str, place: str, to: Path) -> Path:
    try:
        fetch_file(place, to)
    except FileNotFoundError:
        raise FateInputError(f"{what}={place!r} is not there.", hint="Export the model again.") from None
    return to


def _parameters(card: ModelCard) -> Iterator[tuple[str, str]]:
    for task in card.tasks:
        yield from _flat(task.task, task.parameters)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif value is not None:
        yield name, str(value)

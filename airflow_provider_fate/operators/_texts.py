"""What operators of language models are given: a base model, an adapter, rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.llm.base import BaseModelFolder
    from airflow_provider_fate.models.card import ModelCard

__all__ = ["adapter_place", "base_folder", "card_of_adapter", "fetch_adapter", "fetch_texts", "require_same_base"]

_WEIGHTS, _CONFIG, _PROMPT, _CARD = (
    "adapter_model.safetensors", "adapter_config.json", "fate_prompt.json", "card.json",
)  # fmt: skip


def adapter_place(given: Any) -> str:
    """Folder of an adapter.

    :param given: the result of ``FateAdapterOperator``, a registered version, or the folder.
    :raises FateInputError: it names none.
    """
    from airflow_provider_fate.storage.folder import require_no_password

    place = given.get("adapter") if isinstance(given, Mapping) else given
    if not isinstance(place, str) or not place.strip():
        raise FateInputError(
            f"adapter={given!r} names no adapter.",
            hint="Give adapter.output of a FateAdapterOperator, or the folder that it has written.",
        )
    require_no_password("adapter", place)
    return place.rstrip("/")


def fetch_adapter(given: Any, to: Path) -> str:
    """Copy an adapter to this machine.

    :param given: as for :func:`adapter_place`.
    :param to: an empty folder.
    :returns: checksum of its weights.
    :raises FateInputError: it is not there, or another one than the result says.
    :raises FateModelPackageError: its weights are damaged.
    """
    from airflow_provider_fate.llm.tensor_file import read_tensor_file
    from airflow_provider_fate.models.package import sha256_of
    from airflow_provider_fate.storage.folder import StoredFolder

    place = adapter_place(given)
    folder = StoredFolder(place)
    for name in (_WEIGHTS, _CONFIG, _PROMPT, _CARD):
        try:
            folder.fetch(name, to / name)
        except (FileNotFoundError, NotADirectoryError):
            if name in (_WEIGHTS, _CONFIG):
                raise FateInputError(
                    f"adapter: there is no {name} in {place}.", hint="Give the target of a FateAdapterOperator."
                ) from None
    read_tensor_file(to / _WEIGHTS)
    sha256 = sha256_of(to / _WEIGHTS)
    wanted = given.get("adapter_sha256") if isinstance(given, Mapping) else None
    if wanted not in (None, sha256):
        raise FateInputError(
            f"The adapter in {place} has sha256 {sha256}, and not {wanted}.",
            hint="Another task has written into the same folder meanwhile: give each adapter a folder of its own.",
        )
    return sha256


def card_of_adapter(folder: Path) -> ModelCard | None:
    """The card beside an adapter on this machine, if there is one of this adapter."""
    from pydantic import ValidationError

    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.models.package import sha256_of

    try:
        card = ModelCard.model_validate_json((folder / _CARD).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    known = card.adapter is not None and card.adapter.sha256 == sha256_of(folder / _WEIGHTS)
    return card if known else None


def base_folder(given: Any, adapter: Any) -> BaseModelFolder:
    """The base model on this worker.

    :param given: its folder; ``None``: that of the adapter.
    :raises FateInputError: it is not there.
    """
    from airflow_provider_fate.llm.base import open_base

    known = adapter.get("base_folder") if isinstance(adapter, Mapping) else None
    place = given or known
    if not isinstance(place, str | Path) or not str(place):
        raise FateInputError(
            "base_model is not given, and the adapter does not say where its base model is on the worker.",
            hint="Give the folder of the base model: base_model='/srv/models/qwen2-0.5b'.",
        )
    return open_base("base_model", place)


def require_same_base(card: ModelCard | None, base: BaseModelFolder) -> bool:
    """Check that a base model is that of the adapter.

    :returns: whether it could be compared.
    :raises FateInputError: weights or tokenizer are others.
    """
    known = card and card.adapter
    if not known or known.base_sha256 is None:
        return False
    for what, ours, wanted in (
        ("weights", base.weights_sha256, known.base_sha256),
        ("tokenizer", base.tokenizer_sha256, known.tokenizer_sha256),
    ):
        if wanted is not None and ours != wanted:
            raise FateInputError(
                f"The {what} in {base.path} are not those that the adapter was made for (sha256 {ours}, and not "
                f"{wanted}).",
                hint=f"Give {known.base_model}"
                + (f", revision {known.base_revision}." if known.base_revision else "."),
            )
    return True


def fetch_texts(given: Any, to: Path) -> tuple[str, str]:
    """Copy rows of text to this machine.

    :param given: a path or URL, or a result that names one under ``held_out``.
    :param to: a file.
    :returns: where they are, and their checksum.
    :raises FateInputError: none are named, or they are not there.
    """
    from airflow_provider_fate.models.package import sha256_of
    from airflow_provider_fate.storage.folder import fetch_file, require_no_password

    place = given.get("held_out") if isinstance(given, Mapping) else given
    if not isinstance(place, str) or not place:
        raise FateInputError(
            f"texts={given!r} names no rows.",
            hint="Give the held-out rows, a file of JSON lines with content and summary, or texts.output of a "
            "FateTextOperator that holds some out.",
        )
    require_no_password("texts", place)
    try:
        fetch_file(place, to)
    except FileNotFoundError:
        raise FateInputError(f"texts={place!r} is not there.", hint="Hold rows out before the training.") from None
    return place, sha256_of(to)

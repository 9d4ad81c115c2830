"""A base model in a folder of this machine: what it is, and whether an adapter fits it. No weight is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.llm.tensor_file import read_tensor_file

__all__ = ["BaseModelFolder", "open_base"]

_CONFIG = "config.json"
_TOKENS = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "spiece.model",
           "added_tokens.json")  # fmt: skip
"""Files that decide which number a text becomes; others hold names and settings that versions of a library rewrite."""


@dataclass(frozen=True)
class BaseModelFolder:
    """A base model, as ``transformers`` stores it.

    :param path: its folder.
    :param config: its ``config.json``.
    """

    path: Path
    config: Mapping[str, Any]

    @property
    def architecture(self) -> str:
        """The kind of model: ``gpt2``."""
        return str(self.config.get("model_type") or "unknown")

    @property
    def weights(self) -> list[Path]:
        """Its files of weights, in order."""
        return sorted(self.path.glob("*.safetensors"))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor, by its name."""
        return {
            name: facts.shape for file in self.weights for name, facts in read_tensor_file(file).tensors.items()
        }  # fmt: skip

    @cached_property
    def weights_sha256(self) -> str:
        """Digest of all its weights."""
        return _digest(self.weights)

    @cached_property
    def tokenizer_sha256(self) -> str | None:
        """Digest of what decides which numbers a text becomes; ``None``: there is no tokenizer in the folder."""
        files = [place for name in _TOKENS if (place := self.path / name).is_file()]
        return _digest(files) if files else None

    def shape_of(self, module: str) -> tuple[int, ...] | None:
        """Shape of the weights of a module; ``None``: there is none of this name.

        :param module: its name within the model that generates text: ``transformer.h.0.attn.c_attn``. Files of some
            models leave the first part out.
        """
        for name in (module, module.partition(".")[2]):
            if name and (shape := self.shapes.get(f"{name}.weight")) is not None:
                return shape
        return None


def open_base(argument: str, folder: str | Path) -> BaseModelFolder:
    """Look at a base model.

    :param argument: how it was given, for messages.
    :param folder: its folder on this machine.
    :raises FateInputError: there is none, or its weights are pickles, which are never loaded here.
    """
    path = Path(folder)
    if not path.is_absolute() or not path.is_dir():
        raise FateInputError(
            f"{argument}={str(folder)!r} is not a folder on this worker.",
            hint="Give the absolute path of the base model, as transformers stores it (config.json, *.safetensors). "
            "Nothing is fetched from a hub.",
        )
    try:
        config = json.loads((path / _CONFIG).read_text())
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise FateInputError(
            f"{argument}={str(folder)!r} holds no {_CONFIG} that can be read.",
            hint="Give the folder that save_pretrained has written.",
        )
    base = BaseModelFolder(path, config)
    if not base.weights:
        pickled = any(path.glob("*.bin"))
        raise FateInputError(
            f"{argument}={str(folder)!r} holds no weights as safetensors" + (", only pickles." if pickled else "."),
            hint="Pickles run code when they are loaded, so none is. Save the model once with safe_serialization=True."
            if pickled
            else "Is the model whole? Files of Git LFS have to be fetched.",
        )
    return base


def _digest(files: list[Path]) -> str:
    whole = hashlib.sha256()
    for place in files:
        with place.open("rb") as file:
            whole.update(f"{place.name}\n{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()

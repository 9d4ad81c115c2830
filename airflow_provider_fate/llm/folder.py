"""A language model in a folder, as far as it can be looked at without loading it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ModelFolder", "TokenizerFolder"]

_POSITIONS = ("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length", "n_ctx")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.pt")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_POINTER = b"version https://git-lfs.github.com/"
_TOKENIZERS = (
    ("tokenizer.json",),
    ("tokenizer.model",),
    ("spiece.model",),
    ("vocab.json", "merges.txt"),
    ("vocab.txt",),
    ("ice_text.model",),
)
"""Files that make a tokenizer, one set of them or another."""


def _read(file: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@dataclass(frozen=True)
class TokenizerFolder:
    """A tokenizer.

    :param path: its folder.
    """

    path: Path

    def problems(self) -> Iterator[str]:
        """Why nothing can be read with it."""
        if not any(all((self.path / name).is_file() for name in names) for names in _TOKENIZERS):
            yield f"{self.path} has no tokenizer (tokenizer.json, tokenizer.model, or vocab.json and merges.txt)"

    def size(self) -> int | None:
        """How many tokens it has, up to the highest number; ``None``: its files do not say it simply."""
        found = _read(self.path / "tokenizer.json")
        if found is None:
            return None
        model, added = found.get("model"), found.get("added_tokens")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        numbers = list(vocabulary.values()) if isinstance(vocabulary, dict) else []
        numbers += [one.get("id") for one in added or () if isinstance(one, dict)]
        if isinstance(vocabulary, list):  # of Unigram models: pairs of token and score
            numbers.append(len(vocabulary) - 1)
        known = [number for number in numbers if type(number) is int]
        return max(known) + 1 if known else None


@dataclass(frozen=True)
class ModelFolder:
    """A model, as ``transformers`` stores it.

    :param path: its folder.
    :param config: its ``config.json``; ``None``: there is none.
    """

    path: Path
    config: Mapping[str, Any] | None

    @classmethod
    def at(cls, path: Path) -> ModelFolder:
        """Look at a folder."""
        return cls(path, _read(path / "config.json"))

    @property
    def kind(self) -> str:
        """Which architecture it is: ``gpt2``."""
        return str((self.config or {}).get("model_type") or "unknown")

    @property
    def positions(self) -> int | None:
        """The longest row in tokens that it takes; ``None``: it does not say."""
        numbers = (self._number(name) for name in _POSITIONS)
        return next((number for number in numbers if number is not None), None)

    @property
    def vocabulary(self) -> int | None:
        """How many tokens it has numbers for."""
        return self._number("vocab_size") or self._number("padded_vocab_size")

    def problems(self) -> Iterator[str]:
        """Why it cannot be loaded."""
        if self.config is None:
            yield f"{self.path} has no config.json that can be read"
        weights = [file for pattern in _WEIGHTS for file in sorted(self.path.glob(pattern))]
        if not weights:
            yield f"{self.path} has no weights (*.safetensors or pytorch_model.bin)"
        for file in weights:
            with file.open("rb") as start:
                if start.read(len(_POINTER)) == _POINTER:
                    yield f"{file} is a pointer of Git LFS, not the weights"
        for name in _INDEXES:
            index = _read(self.path / name)
            shards = index.get("weight_map") if index else None
            for shard in sorted(set(shards.values())) if isinstance(shards, dict) else ():
                if not (self.path / str(shard)).is_file():
                    yield f"{self.path / str(shard)} is missing, which {name} names"

    def _number(self, name: str) -> int | None:
        found = (self.config or {}).get(name)
        return found if type(found) is int and found > 0 else None

"""How many tokens a text has: counted with the model's own tokenizer where that can be, else estimated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from airflow_provider_fate.errors import FateConfigError, FateInputError

__all__ = ["CountedTokens", "EstimatedTokens", "TokenCounter", "counter_of"]


class TokenCounter(Protocol):
    """Counts the tokens of texts.

    :ivar exact: whether it is the model's tokenizer that counts.
    :ivar how: for people: with what it counts.
    :ivar sha256: of the tokenizer's file; ``None`` where there is none.
    """

    @property
    def exact(self) -> bool: ...  # noqa: D102
    @property
    def how(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str | None: ...  # noqa: D102

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text."""


@dataclass(frozen=True)
class EstimatedTokens:
    """No tokenizer: four characters of ASCII make a token, and each other character one.

    English has about four characters to a token of GPT-2 or LLaMA, German and French some three, Chinese about one.
    Code, numbers and tables have more tokens than this says.

    :param because: why nothing is counted, for people.
    """

    because: str
    exact: bool = field(default=False, init=False)
    sha256: str | None = field(default=None, init=False)

    @property
    def how(self) -> str:
        """What was done instead, and why."""
        return f"estimated from the number of characters ({self.because})"

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, about."""
        return [_estimate(text) for text in texts]


def _estimate(text: str) -> int:
    size = len(text)
    others = 0 if text.isascii() else sum(1 for letter in text if ord(letter) > 0x7F)
    return others + -(-(size - others) // 4)


@dataclass(frozen=True)
class CountedTokens:
    """The tokenizer of a model, as Hugging Face's ``tokenizers`` reads it: ``tokenizer.json``, which holds no code.

    As FATE-LLM does, a special token at the end of a text is not counted: it takes it away.
    """

    tokenizer: Any = field(repr=False)
    path: Path
    sha256: str
    exact: bool = field(default=True, init=False)

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read a tokenizer.

        :param file: ``tokenizer.json``.
        :raises FateConfigError: the library is not installed.
        :raises FateInputError: the file is no tokenizer.
        """
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise FateConfigError(
                "the library that reads a tokenizer is not installed on this worker",
                hint="pip install 'airflow-provider-fate[texts]'",
            ) from None
        content = file.read_bytes()
        try:
            tokenizer = Tokenizer.from_str(content.decode("utf-8"))
        except Exception as error:  # the library raises nothing more precise
            raise FateInputError(
                f"tokenizer={str(file)!r} cannot be read: {' '.join(str(error).split())[:200]}",
                hint="Give the folder of the base model, as AutoTokenizer.save_pretrained writes it.",
            ) from None
        # What a tokenizer cuts off or fills up is not what there is.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer, file, hashlib.sha256(content).hexdigest())

    @property
    def how(self) -> str:
        """With what."""
        return f"counted with {self.path}"

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text."""
        return [
            len(found.ids) - (1 if found.ids and found.special_tokens_mask[-1] else 0)
            for found in self.tokenizer.encode_batch(list(texts))
        ]


def counter_of(tokenizer: str | Path | None) -> TokenCounter:
    """What counts best of what there is.

    :param tokenizer: folder of the model, or its ``tokenizer.json``, where this machine may see it.
    :raises FateInputError: it is there, and is no tokenizer.
    """
    if not tokenizer:
        return EstimatedTokens("no tokenizer was named")
    if (file := _tokenizer_file(tokenizer)) is None:
        return EstimatedTokens(f"this worker sees no tokenizer.json at {tokenizer}")
    try:
        return CountedTokens.of(file)
    except FateConfigError as error:
        return EstimatedTokens(f"{error.message}: {error.hint}")


def _tokenizer_file(path: str | Path) -> Path | None:
    """The ``tokenizer.json`` of a model's folder, or the file itself; ``None``: this machine does not see it."""
    place = Path(path)
    file = place / "tokenizer.json" if place.is_dir() else place
    return file if file.is_file() else None

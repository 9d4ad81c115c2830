"""The file that FATE-LLM reads texts from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

__all__ = ["ANSWER", "PROMPT", "TextFile"]

PROMPT, ANSWER = "content", "summary"
"""Names that FATE-LLM's PromptDataset gives to the two, where it is told no others."""


@dataclass
class TextFile:
    """JSON Lines, one object with ``content`` and ``summary`` in each.

    Nothing but ASCII: FATE-LLM opens the file in the encoding of the server's locale, whatever that is.

    :ivar rows: so many were written.
    :ivar size: bytes.
    """

    path: Path
    rows: int = 0
    size: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    @property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, sink: BinaryIO, prompt: str, answer: str) -> None:
        """Write a row."""
        line = json.dumps({PROMPT: prompt, ANSWER: answer}).encode() + b"\n"
        sink.write(line)
        self._hash.update(line)
        self.rows += 1
        self.size += len(line)

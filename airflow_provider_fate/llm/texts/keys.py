"""When two texts are the same, and on which side of a split a text falls."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["alike", "is_held_out", "number_of", "same"]

_NO_LETTERS = re.compile(r"[\W_]+")


def same(text: str) -> str:
    """What is left of a text when case, white space and the writing of characters do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def alike(text: str) -> str:
    """What is left when punctuation does not count either: texts that are alike fall on the same side of a split."""
    plain = same(text)
    return _NO_LETTERS.sub(" ", plain).strip() or plain


def number_of(*parts: str) -> int:
    """64 bits that stand for texts. That two different ones of a set have the same is taken for impossible."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return int.from_bytes(digest.digest(), "big")


def is_held_out(key: str, share: float, seed: str) -> bool:
    """Whether what has this key is kept from the training.

    It depends on nothing but these three: in the next run, in a set that has grown, and at a partner who has the same
    text, it falls on the same side.

    :param share: of all keys, 0 to 1.
    """
    return number_of(seed, key) < share * 2**64

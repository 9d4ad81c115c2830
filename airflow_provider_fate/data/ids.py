"""How the ids of rows are made alike at all parties before they are matched."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["IdRule"]

Case = Literal["keep", "lower", "upper"]
Floats = Literal["refuse", "strip", "keep"]


@dataclass(frozen=True)
class IdRule:
    """What becomes of an id on its way into FATE, in this order: white space, ``.0``, case, hash.

    Parties match ids letter by letter, so all of them have to use the same rule.

    :param strip: take white space from both ends.
    :param floats: what to do about ids that end in ``.0`` because pandas took them for numbers: ``refuse``, ``strip``
        the ``.0``, or ``keep``.
    :param case: ``keep``, ``lower`` or ``upper``.
    :param salt: agreed with the partners in secret; with it, an id becomes the 64 lower-case hexadecimal digits of
        SHA-256 over the bytes of the salt followed by those of the id, both in UTF-8. ``None``: ids are not hashed.
    """

    strip: bool = False
    case: Case = "keep"
    salt: str | None = field(default=None, repr=False)
    floats: Floats = "refuse"

    @property
    def name(self) -> str:
        """The rule in a word, without its secret: what makes two uploads of the same rows differ."""
        salt = self.salt.encode() if self.salt is not None else None
        # Of the salt only so much that another salt is seen to be another.
        mark = hashlib.sha256(b"airflow-provider-fate salt\0" + salt).hexdigest()[:8] if salt is not None else "none"
        floats = "" if self.floats == "refuse" else f" floats={self.floats}"
        return f"strip={self.strip} case={self.case} salt={mark}{floats}"

    def like_floats(self, ids: pa.Array) -> pa.Array:
        """Which ids are whole numbers with ``.0`` behind them."""
        if self.strip:
            ids = pc.utf8_trim_whitespace(ids)
        if not pc.any(pc.ends_with(ids, ".0")).as_py():  # much faster than an expression
            return pa.array([], pa.bool_())
        return pc.match_substring_regex(ids, r"^-?[0-9]+\.0+$")

    def apply(self, ids: pa.Array) -> pa.Array:
        """Return the ids as FATE gets them; none of them is null."""
        if self.strip:
            ids = pc.utf8_trim_whitespace(ids)
        if self.floats == "strip":
            ids = pc.replace_substring_regex(ids, r"^(-?[0-9]+)\.0+$", r"\1")
        if self.case == "lower":
            ids = pc.utf8_lower(ids)
        elif self.case == "upper":
            ids = pc.utf8_upper(ids)
        if self.salt is None:
            return ids
        salt = self.salt.encode()
        return pa.array([hashlib.sha256(salt + value.encode()).hexdigest() for value in ids.to_pylist()], pa.string())

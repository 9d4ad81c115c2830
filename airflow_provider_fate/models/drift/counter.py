"""How often each text occurs, with a bound on how many texts are remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nlargest

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.models.drift.values import LONGEST

__all__ = ["TextCounter"]

_REMEMBERED = 10_000


class TextCounter:
    """Counts texts. Where there are too many different ones, the rarest are forgotten.

    :param always: texts that are never forgotten: their counts are exact, as all are as long as nothing is forgotten.
    :param remembered: so many others stay, and up to twice as many for a while.
    :ivar count: texts, missing ones not among them.
    :ivar missing: missing ones.
    :ivar forgot: whether anything was forgotten, so that the counts of the others may be too low.
    """

    def __init__(self, always: Iterable[str] = (), remembered: int = _REMEMBERED) -> None:
        self.count = 0
        self.missing = 0
        self.forgot = False
        self._always = dict.fromkeys(always, 0)
        self._others: dict[str, int] = {}
        self._remembered = remembered

    @property
    def always(self) -> Mapping[str, int]:
        """Counts of the texts that are never forgotten."""
        return self._always

    @property
    def different(self) -> int:
        """How many other texts are remembered."""
        return len(self._others)

    def most(self, number: int) -> list[tuple[str, int]]:
        """The most frequent of the others, with their counts."""
        return nlargest(number, self._others.items(), key=lambda item: (item[1], item[0]))

    def add(self, texts: pa.Array) -> None:
        """Count these."""
        self.missing += texts.null_count
        self.count += len(texts) - texts.null_count
        found = pc.value_counts(pc.drop_null(texts))
        for text, count in zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True):
            if text in self._always:
                self._always[text] += count
            elif len(text) <= LONGEST:
                self._others[text] = self._others.get(text, 0) + count
        if len(self._others) > 2 * self._remembered:
            self.forgot = True
            self._others = dict(self.most(self._remembered))

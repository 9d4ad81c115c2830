"""What the rows of the reference show of a column: whether it holds numbers or categories, and which."""

from __future__ import annotations

import pyarrow as pa

from airflow_provider_fate.errors import FateDataError
from airflow_provider_fate.models.drift.counter import TextCounter
from airflow_provider_fate.models.drift.values import Floats, Stored, categories, numbers, stored, whole

__all__ = ["ColumnLook"]

_FEW_INTEGERS = 20
"""Whole numbers that take no more values than these are taken for categories."""


class ColumnLook:
    """A column, seen batch by batch.

    :param name: of the column.
    :param forced: whether somebody has said that it holds categories.
    :ivar other: its type, where nothing is made of that; else empty.
    """

    def __init__(self, name: str, forced: bool = False) -> None:
        self.name = name
        self.other = ""
        self._seen: set[Stored] = set()
        self._numeric = not forced
        self._integers = True
        self._texts: TextCounter | None = TextCounter()

    def add(self, array: pa.Array) -> Floats | None:
        """Look at the next values.

        :returns: them, if the column may be one of numbers.
        :raises FateDataError: a text is not UTF-8.
        """
        kind = stored(array.type)
        if kind == "other":
            self.other = str(array.type)
            return None
        self._seen.add(kind)
        values = numbers(array) if self._numeric and kind not in ("text", "bool") else None
        self._numeric = self._numeric and (values is not None)
        self._integers = self._integers and (
            kind in ("integer", "nothing") or (kind == "bytes" and self._numeric and whole(array))
        )
        if not self._numeric or self._integers:
            self._count(array)
        return values

    def _count(self, array: pa.Array) -> None:
        if self._texts is None:
            self._texts = TextCounter()
        texts = categories(array)
        if texts is None:
            raise not_utf8(self.name)
        self._texts.add(texts)
        if self._numeric and self._texts.different > _FEW_INTEGERS:
            self._texts, self._integers = None, False

    @property
    def is_category(self) -> bool:
        """Whether it has categories; else it has numbers."""
        return not self._numeric or self._seen <= {"nothing"} or self._integers

    def names(self, most: int, min_count: int) -> tuple[str, ...]:
        """The most frequent categories that so many rows have."""
        if self._texts is None:
            return ()
        return tuple(text for text, count in self._texts.most(most) if count >= min_count)

    @property
    def holds_texts(self) -> bool:
        """Whether there are texts in it that are no numbers."""
        return bool(not self._numeric and self._seen & {"text", "bytes"} and self._texts and self._texts.count)


def not_utf8(name: str) -> FateDataError:
    """A text cannot be read."""
    return FateDataError(
        f"Column {name!r} holds bytes that are not UTF-8.", hint="Set encoding='latin-1' or what it was written in."
    )

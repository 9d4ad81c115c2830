"""A sample of the rows of a table, in memory that does not depend on their number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from airflow_provider_fate.models.drift.values import Floats

__all__ = ["RowSample"]

_SEED = 20260101
_VALUES = 1 << 21
"""About so many values are kept, of all columns together; twice as many now and then."""
_MOST, _LEAST = 16_384, 2_048


class RowSample:
    """Rows drawn evenly: each row of the table is in it with the same probability.

    Each row gets a random number, and those with the lowest stay. The same rows in the same order give the same sample.

    :param columns: how many columns the table has.
    :param most: rows of the sample; default: 16,384, and fewer for a table of more than 128 columns.
    :ivar rows: rows that have come by.
    """

    def __init__(self, columns: int, most: int | None = None) -> None:
        self.rows = 0
        self._most = most or max(_LEAST, min(_MOST, _VALUES // max(1, columns)))
        self._draw = np.random.default_rng(_SEED)
        self._below = np.inf
        self._ranks: list[Floats] = []
        self._kept: dict[str, list[Floats]] = {}
        self._size = 0

    @property
    def complete(self) -> bool:
        """Whether all rows are in it."""
        return self.rows <= self._most

    @property
    def size(self) -> int:
        """Rows that are in it."""
        self._thin_out()
        return self._size

    def drop(self, column: str) -> None:
        """Keep no values of a column any more."""
        self._kept.pop(column, None)

    def add(self, rows: int, columns: Mapping[str, Floats]) -> None:
        """Let rows come by.

        :param columns: their values; a column that comes later than others is missing in the rows before.
        """
        ranks = self._draw.random(rows)
        self.rows += rows
        taken = np.flatnonzero(ranks < self._below)
        if not taken.size:
            return
        before = self._size
        self._size += taken.size
        self._ranks.append(ranks[taken])
        for name, values in columns.items():
            if name not in self._kept:
                self._kept[name] = [np.full(before, np.nan)] if before else []
            self._kept[name].append(values[taken])
        for name in self._kept.keys() - columns.keys():
            self._kept[name].append(np.full(taken.size, np.nan))
        if self._size > 2 * self._most:
            self._thin_out()

    def sorted(self, column: str) -> Floats:
        """The finite values of a column in the sample, ascending."""
        self._thin_out()
        values = np.concatenate(self._kept.get(column) or [np.empty(0)])
        finite: Floats = values[np.isfinite(values)]
        finite.sort()
        return finite

    def _thin_out(self) -> None:
        if self._size <= self._most:
            return
        ranks = np.concatenate(self._ranks)
        self._below = float(np.partition(ranks, self._most - 1)[self._most - 1])
        stay = ranks <= self._below
        self._ranks = [ranks[stay]]
        self._kept = {name: [np.concatenate(values)[stay]] for name, values in self._kept.items()}
        self._size = int(stay.sum())

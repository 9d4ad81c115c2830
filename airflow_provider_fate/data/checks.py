"""What only a whole table can show: equal ids, a label without variety, too few rows, too much that is missing."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pyarrow.compute as pc

from airflow_provider_fate.data.column import INTEGERS, Column
from airflow_provider_fate.data.duplicates import SeenIds
from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.writer import Written
from airflow_provider_fate.errors import FateDataError

__all__ = ["TableChecks"]

log = logging.getLogger(__name__)


class TableChecks:
    """Gathers what is needed, batch by batch.

    :ivar rows: rows so far.
    """

    def __init__(self, columns: Sequence[Column], shape: Shape, *, unique_ids: bool, varied_label: bool) -> None:
        self.rows = 0
        self._columns = columns
        self._limits = shape.contract.rows if shape.contract else None
        self._missing = [0] * len(columns)
        # FATE keeps one of several rows with the same sample id.
        self._unique = {
            index: SeenIds()
            for index, column in enumerate(columns)
            if column.what == "sample id" or (column.what == "match id" and unique_ids)
        }
        self._label = next((i for i, c in enumerate(columns) if c.what == "label"), None) if varied_label else None
        self._labels: set[str] = set()

    @property
    def unique(self) -> Sequence[int]:
        """Positions of the columns whose values may not repeat."""
        return tuple(self._unique)

    @property
    def label(self) -> int | None:
        """Position of the label, as long as there has been one value only."""
        return self._label if len(self._labels) < 2 else None

    def add(self, written: Written) -> None:
        """Take in a batch."""
        self.rows += written.rows
        for index, missing in written.missing.items():
            self._missing[index] += missing
        for index, ids in written.ids.items():
            self._unique[index].add(ids)
        if written.labels is not None:
            self._labels.update(pc.unique(written.labels).to_pylist())
        if self._limits and self._limits.max is not None and self.rows > self._limits.max:
            raise FateDataError(f"there are more than {self._limits.max:,} rows, which the contract allows")

    def close(self) -> None:
        """Forget the ids."""
        for seen in self._unique.values():
            seen.close()

    def warn_of_labels(self) -> None:
        """Say so where the classes seen are none that FATE trains on; a constant label is refused elsewhere."""
        if self._label is None or self._columns[self._label].kind not in INTEGERS:
            return
        seen = sorted(map(int, self._labels))
        # Looked at until there were two: more may follow, but none of them makes 0 and 1 of others.
        if seen[0] < 0 or (len(seen) == 2 and seen != [0, 1] and seen[0] > 0):
            log.warning(
                "The label %r has the values %s, and FATE's classes count from 0: a job with two classes refuses "
                "all but 0 and 1, or learns nonsense. Say what they stand for: label_values={%s}.",
                self._columns[self._label].source,
                ", ".join(map(str, seen[:10])),
                ", ".join(f"{value}: {number}" for number, value in enumerate(seen[:10])),
            )

    def finish(self, name: str) -> None:
        """Judge the whole.

        :param name: of the source.
        :raises FateDataError: something is wrong with it.
        """
        if not self.rows:
            raise FateDataError(f"{name} has no rows", hint="FATE cannot make a table of nothing.")
        if self._limits and self.rows < self._limits.min:
            raise FateDataError(
                f"{name} has {self.rows:,} rows, and the contract wants at least {self._limits.min:,}",
                hint="Is the export complete?",
            )
        for index, seen in self._unique.items():
            if twice := seen.first_twice():
                column = self._columns[index]
                raise FateDataError(
                    f"rows {twice[0]:,} and {twice[1]:,} have the same id in column {column.source!r}",
                    hint="Keep one row for each id: of rows with the same sample id FATE keeps one, and with the same "
                    "match id at a host the intersection fails."
                    + (" A guest may say unique_ids=False." if column.what == "match id" else ""),
                    row=twice[1],
                    column=column.source,
                )
        if self._label is not None and len(self._labels) < 2:
            column = self._columns[self._label]
            raise FateDataError(
                f"the label {column.source!r} is {next(iter(self._labels))} in all {self.rows:,} rows",
                hint="Nothing can be learned from that. Where it is meant so, say varied_label=False.",
                column=column.source,
            )
        for column, missing in zip(self._columns, self._missing, strict=True):
            allowed = column.rule.max_missing if column.rule else None
            if allowed is not None and missing > allowed * self.rows:
                raise FateDataError(
                    f"{missing:,} of {self.rows:,} values of column {column.source!r} are missing "
                    f"({missing / self.rows:.1%}), and the contract allows {allowed:.1%}",
                    hint="Is the export complete?",
                    column=column.source,
                )

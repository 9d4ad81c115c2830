"""A party's rows by id: a file of its own, which holds the columns of its part and nothing else.

It is an SQLite database, which is searched on disk: a look-up takes no more memory where there are millions of rows,
and a new file can take the place of the old one while the service answers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateDataError, FateInputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from airflow_provider_fate.data.source import Source

__all__ = ["LONGEST_ID", "FeatureFile", "ids_of", "write_features"]

LONGEST_ID = 200
"""Characters of an id."""
_MAGIC = 0x46415445
"""``application_id`` of the files, so that no other database is taken for one."""
_ASKED_AT_ONCE = 500
"""SQLite takes 999 values in a query, in its older builds."""


def write_features(
    source: Source,
    target: Path,
    columns: Sequence[str],
    *,
    id_column: str,
    may_miss: bool,
    only_ids: Collection[str] | None = None,
) -> int:
    """Write the file; the target is there when all rows are in.

    :param source: the raw rows of the party: CSV, Parquet, Arrow, or a query.
    :param target: where it goes, on a disk of this machine.
    :param columns: the names that the part takes; all others are left out.
    :param id_column: name of the ids, which are those of the training: hashed, where those were.
    :param may_miss: whether a value may be missing.
    :param only_ids: the ids that may be asked for; ``None``: all of the source.
    :returns: how many rows it has.
    :raises FateDataError: a column is missing, a value is no number, an id is empty, too long or there twice.
    """
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    names = ", ".join(f"c{number} REAL" for number in range(len(columns)))
    try:
        with closing(sqlite3.connect(temporary)) as database, database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute(f"PRAGMA application_id = {_MAGIC}")
            database.execute("CREATE TABLE columns (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            database.executemany("INSERT INTO columns VALUES (?, ?)", enumerate(columns))
            database.execute(f"CREATE TABLE rows (id TEXT PRIMARY KEY{', ' if names else ''}{names}) WITHOUT ROWID")
            places = ", ".join("?" * (len(columns) + 1))
            insert = f"INSERT INTO rows VALUES ({places})"  # noqa: S608  # numbers of columns only
            count = _insert(database, insert, _rows(source, columns, id_column, may_miss, only_ids), source.name)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _insert(database: sqlite3.Connection, insert: str, rows: Iterator[tuple[Any, ...]], name: str) -> int:
    count = 0
    for row in rows:
        try:
            database.execute(insert, row)
        except sqlite3.IntegrityError:
            raise FateDataError(
                f"{name} has the id of row {count + 1} twice.", row=count + 1, hint="Give each row once."
            ) from None
        count += 1
    return count


def _rows(
    source: Source, columns: Sequence[str], id_column: str, may_miss: bool, only_ids: Collection[str] | None
) -> Iterator[tuple[Any, ...]]:
    import numpy as np

    row = 0
    for batch in _batches(source, [id_column, *columns]):
        there = batch.schema.names
        if missing := [name for name in (id_column, *columns) if name not in there]:
            raise FateDataError(
                f"{source.name} has no column {', '.join(missing)}.",
                column=missing[0],
                hint=f"It has {', '.join(map(str, there[:20]))}. Columns are those of the training, raw.",
            )
        ids = [_id(value) for value in batch.column(there.index(id_column)).to_pylist()]
        values = [_numbers(batch.column(there.index(name)), name, source.name, row, may_miss) for name in columns]
        for number, who in enumerate(ids):
            row += 1
            if only_ids is not None and who not in only_ids:
                continue
            if not 0 < len(who) <= LONGEST_ID:
                raise FateDataError(
                    f"{source.name} has an id of {len(who)} characters in row {row}.",
                    row=row,
                    column=id_column,
                    hint=f"Ids have 1 to {LONGEST_ID}.",
                )
            # As FATE stores values: in 32 bits. SQLite takes NaN for NULL.
            yield (who, *(float(np.float32(column[number])) for column in values))


def _batches(source: Source, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    from airflow_provider_fate.data.source import Lines

    before = 0
    for given in source.batches(wanted):
        batch = given.parse(before) if isinstance(given, Lines) else given
        before += batch.num_rows
        yield batch


def _id(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _numbers(column: Any, name: str, source: str, before: int, may_miss: bool) -> list[float]:
    found: list[float] = []
    for number, value in enumerate(column.to_pylist()):
        text = value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else value
        absent = text is None or text == ""
        try:
            read = float("nan") if absent else float(text)
        except (TypeError, ValueError):
            raise _no_number(name, source, before + number + 1, "no number") from None
        if (read != read and not may_miss) or abs(read) > 3.4028234663852886e38:
            raise _no_number(name, source, before + number + 1, "missing" if read != read else "too large for FATE")
        found.append(read)
    return found


def _no_number(column: str, source: str, row: int, what: str) -> FateDataError:
    # The value itself is of a person, and stays out of logs.
    return FateDataError(
        f"{source}: column {column} is {what} in row {row}.",
        row=row,
        column=column,
        hint="Give the raw values of the training's columns; a linear model has to have each.",
    )


def ids_of(source: Source, id_column: str) -> frozenset[str]:
    """All ids of a table, such as that of a PSI.

    :raises FateDataError: it has no such column.
    """
    found: set[str] = set()
    for batch in _batches(source, [id_column]):
        if id_column not in batch.schema.names:
            raise FateDataError(
                f"{source.name} has no column {id_column}.",
                column=id_column,
                hint=f"It has {', '.join(map(str, batch.schema.names[:20]))}.",
            )
        found.update(_id(value) for value in batch.column(batch.schema.names.index(id_column)).to_pylist())
    return frozenset(found)


class FeatureFile:
    """The file, for look-ups.

    :param path: where it is.
    :param columns: what it has to have, in this order.
    :raises FateInputError: it is not there, is none, or has other columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self.count = self._check()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)

    def _check(self) -> int:
        hint = "Write it with FateSplitFeaturesOperator, for the part that is served."
        try:
            with closing(self._open()) as database:
                magic = database.execute("PRAGMA application_id").fetchone()[0]
                if magic != _MAGIC:
                    raise FateInputError(f"{self.path} is no file of features.", hint=hint)
                there = tuple(name for (name,) in database.execute("SELECT name FROM columns ORDER BY number"))
                if there != self.columns:
                    raise FateInputError(
                        f"{self.path} has other columns than the part takes: {', '.join(there) or 'none'}.", hint=hint
                    )
                return int(database.execute("SELECT count(*) FROM rows").fetchone()[0])
        except sqlite3.Error as error:
            raise FateInputError(f"{self.path} cannot be read as a file of features: {error}.", hint=hint) from None

    def look_up(self, ids: Sequence[str]) -> tuple[npt.NDArray[np.float64], list[int]]:
        """Values of rows, and the positions of ids that are not there.

        :param ids: in any order, each once.
        :returns: one row for each id, NaN where a value is missing; and the positions of those that are unknown.
        """
        import numpy as np

        values = np.full((len(ids), len(self.columns)), np.nan)
        place = {who: number for number, who in enumerate(ids)}
        with closing(self._open()) as database:  # anew each time, so that a file that was replaced counts at once
            for begin in range(0, len(ids), _ASKED_AT_ONCE):
                asked = ids[begin : begin + _ASKED_AT_ONCE]
                marks = ", ".join("?" * len(asked))
                query = f"SELECT * FROM rows WHERE id IN ({marks})"  # noqa: S608  # question marks only
                for who, *row in database.execute(query, list(asked)):
                    values[place.pop(who)] = [np.nan if value is None else value for value in row]
        return values, sorted(place.values())

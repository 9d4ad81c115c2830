"""Batches of Arrow as rows of a database table, over any DB-API connection: all of them, or none.

Not by SQLAlchemy Core, which would know the dialects: Airflow's hooks give a DB-API connection for every database, and
an engine only where its dialect is installed, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, cast

import pyarrow as pa

from airflow_provider_fate.errors import FateConflictError, FateDataError, FateInputError

__all__ = ["Database", "IfExists", "check_sql_target", "if_exists_of", "write_rows"]

IfExists = Literal["fail", "append", "replace"]

_PARAMETERS = 2000
"""Values of one statement; SQL Server takes 2100."""
_ROWS = 500
"""Rows of one statement; SQL Server takes 1000."""
_QUOTES = {"mysql": ("`", "`"), "mariadb": ("`", "`"), "mssql": ("[", "]")}
_MANY_ROWS = frozenset({"postgresql", "mysql", "mariadb", "mssql", "sqlite"})
_UNDOES_DDL = frozenset({"postgresql", "mssql", "sqlite"})
"""Databases in which a rollback takes back that a table was made."""

_TYPES: dict[pa.DataType, str] = {
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "REAL",
    pa.float64(): "DOUBLE PRECISION",
    pa.bool_(): "BOOLEAN",
    pa.string(): "TEXT",
}
_OWN_TYPES: dict[str, dict[pa.DataType, str]] = {
    "mssql": {pa.float64(): "FLOAT(53)", pa.bool_(): "BIT", pa.string(): "NVARCHAR(MAX)"},
    "mysql": {pa.float32(): "FLOAT", pa.string(): "LONGTEXT"},
    "mariadb": {pa.float32(): "FLOAT", pa.string(): "LONGTEXT"},
}


def if_exists_of(value: str) -> IfExists:
    """Check what is to become of rows that are there.

    :raises FateInputError: it is none of the three.
    """
    if value not in ("fail", "append", "replace"):
        raise FateInputError(f"if_exists={value!r} is not known", hint="Write 'fail', 'append' or 'replace'.")
    return cast("IfExists", value)


@dataclass(frozen=True, slots=True)
class Database:
    """A connection, and how its database speaks.

    :ivar connection: of DB-API, not in autocommit.
    :ivar placeholder: for a value: ``%s`` or ``?``.
    :ivar dialect: SQLAlchemy's name of it: ``postgresql``, ``mysql``, ``sqlite`` ...
    """

    connection: Any
    placeholder: str
    dialect: str

    def quoted(self, name: str) -> str:
        """A name that stays as it is, whatever it holds."""
        begin, end = _QUOTES.get(self.dialect, ('"', '"'))
        return f"{begin}{name.replace(end, end * 2)}{end}"

    def table(self, name: str) -> str:
        """A table, with or without its schema: ``schema.table``."""
        parts = name.split(".")
        if not all(parts) or len(parts) > 3:
            raise FateInputError(
                f"sql_table={name!r} is not the name of a table", hint="Write 'table' or 'schema.table'."
            )
        return ".".join(map(self.quoted, parts))

    def column(self, field: pa.Field) -> str:
        """A column, as in ``CREATE TABLE``."""
        kind = _OWN_TYPES.get(self.dialect, {}).get(field.type) or _TYPES[field.type]
        return f"{self.quoted(field.name)} {kind}"


def check_sql_target(database: Database, name: str, columns: Sequence[str], if_exists: IfExists) -> None:
    """Check that rows could be written, before the time is spent to fetch them.

    :raises FateConflictError: the table is there, and ``if_exists`` is ``fail``.
    :raises FateDataError: it lacks a column.
    """
    table = database.table(name)
    with contextlib.closing(database.connection.cursor()) as cursor:
        there = _columns(database, cursor, table)
    database.connection.rollback()
    _check_table(name, there, columns, if_exists)


def write_rows(
    database: Database, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], if_exists: IfExists
) -> int:
    """Write batches into a table, in one transaction, and return the number of rows.

    A table that is not there is made. One that is there keeps its definition: ``append`` adds rows to it, ``replace``
    deletes those of before.

    :param name: of the table, with or without its schema.
    :raises FateConflictError: the table is there, and ``if_exists`` is ``fail``.
    :raises FateDataError: it lacks a column, or the database has kept fewer rows than it was sent.
    """
    table = database.table(name)
    cursor = database.connection.cursor()
    made = False
    try:
        there = _columns(database, cursor, table)
        _check_table(name, there, schema.names, if_exists)
        if database.dialect == "sqlite":
            # Its driver begins by itself only before rows are changed, so a table would stay after a rollback.
            cursor.execute("BEGIN")
        if there is None:
            cursor.execute(f"CREATE TABLE {table} ({', '.join(map(database.column, schema))})")
            made = True
        elif if_exists == "replace":
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 -- the name is quoted
        rows = _insert(database, cursor, table, schema.names, _tuples(batches))
        database.connection.commit()
    except BaseException:
        _undo(database, table if made else None)
        raise
    finally:
        with contextlib.suppress(Exception):
            cursor.close()
    return rows


def _undo(database: Database, made: str | None) -> None:
    """Take everything back. What went wrong before is what has to be told, so nothing is raised here."""
    with contextlib.suppress(Exception):
        database.connection.rollback()
    if made is not None and database.dialect not in _UNDOES_DDL:
        with contextlib.suppress(Exception):
            database.connection.cursor().execute(f"DROP TABLE {made}")
            database.connection.commit()


def _columns(database: Database, cursor: Any, table: str) -> list[str] | None:
    """Names of the columns of a table; ``None`` where there is no such table."""
    # Each database has a catalogue of its own, but all of them refuse to read from a table that is not there. If they
    # refuse for another reason, CREATE TABLE tells it next.
    try:
        cursor.execute(f"SELECT * FROM {table} WHERE 1 = 0")  # noqa: S608 -- the name is quoted
    except Exception:
        database.connection.rollback()
        return None
    names = [column[0] for column in cursor.description]
    cursor.fetchall()
    return names


def _check_table(name: str, there: Sequence[str] | None, wanted: Sequence[str], if_exists: IfExists) -> None:
    if there is None:
        return
    if if_exists == "fail":
        raise FateConflictError(
            f"sql_table {name!r} exists already.",
            hint="Take another name, or say what is to happen: if_exists='append' or 'replace'.",
        )
    if missing := [column for column in wanted if column not in there]:
        raise FateDataError(
            f"sql_table {name!r} has no column {', '.join(map(repr, missing))}; it has {', '.join(there)}",
            hint="Choose `columns` that it has, or write into another table. Upper and lower case count.",
            column=missing[0],
        )


def _tuples(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        # In slices, because Python's objects take many times the memory of Arrow's.
        for start in range(0, batch.num_rows, 10_000):
            part = batch.slice(start, 10_000)
            yield from zip(*(column.to_pylist() for column in part.columns), strict=True)


def _insert(database: Database, cursor: Any, table: str, names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> int:
    """Insert rows, many at a time, and return their number."""
    one = f"({', '.join([database.placeholder] * len(names))})"
    insert = f"INSERT INTO {table} ({', '.join(map(database.quoted, names))}) VALUES "  # noqa: S608 -- quoted
    if database.placeholder == "%s":
        insert = insert.replace("%", "%%")  # in a name; alone it would begin a placeholder
    # executemany of some drivers sends each row for itself; one statement with many rows does not.
    at_once = max(1, min(_ROWS, _PARAMETERS // len(names))) if database.dialect in _MANY_ROWS else 1
    number = 0
    while chunk := list(islice(rows, at_once if at_once > 1 else _ROWS)):
        if at_once > 1:
            cursor.execute(insert + ", ".join([one] * len(chunk)), [value for row in chunk for value in row])
        else:
            cursor.executemany(insert + one, chunk)
        # Triggers and rules may do something else with rows than to keep them. A driver that does not know says -1.
        if cursor.rowcount not in (-1, None, len(chunk)):
            raise FateDataError(
                f"the database has kept {cursor.rowcount} of {len(chunk)} rows",
                hint="Nothing was written. Look for triggers and rules of the table.",
            )
        number += len(chunk)
    return number

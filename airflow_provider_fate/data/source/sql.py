"""Rows of a database, through any DB-API connection, in chunks that the server keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from airflow_provider_fate.errors import FateDataError

__all__ = ["SqlSource"]

_FIRST = 100
"""Rows that are fetched before it is known how wide they are."""
_VALUES = 128 * 1024
"""About so many values are fetched at a time: each is an object of some 60 bytes."""


@dataclass(frozen=True)
class SqlSource:
    """What a query returns.

    :param connect: opens a connection; called for each reading, in the thread that reads.
    :param sql: the query.
    :param name: what to call it in logs.
    :param parameters: for the query's placeholders.
    :param chunk: at most so many rows are fetched at a time; fewer of a wide table.
    """

    connect: Callable[[], Any]
    sql: str
    name: str
    parameters: Sequence[Any] | Mapping[str, Any] | None = None
    chunk: int = 10_000

    def version(self) -> str | None:
        """``None``: what a query returns today may be something else than yesterday."""

    def size(self) -> int | None:
        """Not known before everything has been read."""

    @property
    def digest(self) -> str:
        """What tells one query from another."""
        return hashlib.sha256(f"{self.sql}\0{self.parameters!r}".encode()).hexdigest()[:16]

    def batches(self, wanted: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        """Run the query and read its rows."""
        with closing(self.connect()) as connection:
            cursor = server_side_cursor(connection)
            try:
                cursor.execute(self.sql, *([self.parameters] if self.parameters else []))
                # A cursor of the server describes itself only after that.
                rows = cursor.fetchmany(min(_FIRST, self.chunk))
                if cursor.description is None:
                    raise FateDataError(f"{self.name} returns no rows", hint="Write a query that begins with SELECT.")
                names = [str(column[0]) for column in cursor.description]
                yield pa.RecordBatch.from_arrays([pa.array([], pa.null()) for _ in names], names=names)
                chunk = max(1, min(self.chunk, _VALUES // max(1, len(names))))
                while rows:
                    yield pa.RecordBatch.from_arrays([_column(values) for values in zip(*rows, strict=True)], names)
                    rows = cursor.fetchmany(chunk)
            finally:
                with suppress(Exception):
                    cursor.close()


def server_side_cursor(connection: Any) -> Any:
    """A cursor whose result stays on the server, where the driver would bring all of it at once otherwise."""
    driver = type(connection).__module__.partition(".")[0]
    if driver in ("psycopg2", "psycopg"):
        return connection.cursor(name="fate_upload")
    if driver == "pymysql":
        from pymysql.cursors import SSCursor  # type: ignore[import-untyped,unused-ignore]

        return connection.cursor(SSCursor)
    if driver == "MySQLdb":
        from MySQLdb.cursors import SSCursor as ClassicSSCursor  # type: ignore[import-not-found,unused-ignore]

        return connection.cursor(ClassicSSCursor)
    # mysql-connector, oracledb, pyodbc, snowflake, trino, sqlite3 and most others fetch what is asked for.
    return connection.cursor()


def _column(values: tuple[Any, ...]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # SQLite mixes types within a column, and some drivers have types of their own, such as UUIDs.
        return pa.array([None if value is None else str(value) for value in values], pa.string())

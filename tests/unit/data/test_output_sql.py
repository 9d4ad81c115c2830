import sqlite3

import pyarrow as pa
import pytest

from airflow_provider_fate.data.output_sql import Database, check_sql_target, if_exists_of, write_rows
from airflow_provider_fate.errors import FateConflictError, FateDataError, FateInputError

SCHEMA = pa.schema([("id", pa.string()), ("predict score", pa.float64()), ('a"b%s', pa.int32()), ("ok", pa.bool_())])


def batch(*ids, schema=SCHEMA):
    rows = [{"id": i, "predict score": None if i == "none" else 0.5, 'a"b%s': 7, "ok": True} for i in ids]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:")
    yield Database(connection, "?", "sqlite")
    connection.close()


def content(database, table="t"):
    return [row[0] for row in database.connection.execute(f'SELECT id FROM "{table}" ORDER BY 1')]


def write(database, *batches, if_exists="fail", schema=SCHEMA, table="t"):
    return write_rows(database, table, schema, iter(batches), if_exists)


def test_a_new_table_keeps_names_and_types(database):
    assert write(database, batch("a", "b"), batch("none")) == 3
    columns = database.connection.execute("SELECT name, type FROM pragma_table_info('t')").fetchall()
    assert columns == [("id", "TEXT"), ("predict score", "DOUBLE PRECISION"), ('a"b%s', "INTEGER"), ("ok", "BOOLEAN")]
    assert database.connection.execute("SELECT * FROM t WHERE id = 'none'").fetchall() == [("none", None, 7, 1)]


def test_many_rows_travel_in_many_statements(database):
    ids = [f"{i:05}" for i in range(25_001)]
    assert write(database, batch(*ids)) == 25_001
    assert content(database) == ids


def test_a_table_without_rows_is_made_all_the_same(database):
    assert write(database) == 0
    assert content(database) == []


def test_a_table_that_is_there_is_left_alone_unless_it_was_said(database):
    write(database, batch("a"))
    with pytest.raises(FateConflictError, match="'t' exists already"):
        write(database, batch("b"))
    assert content(database) == ["a"]


def test_rows_are_added_or_replaced(database):
    write(database, batch("a"))
    write(database, batch("b"), if_exists="append")
    assert content(database) == ["a", "b"]
    assert write(database, batch("c"), if_exists="replace") == 1
    assert content(database) == ["c"]


def failing():
    yield batch("x", "y")
    raise KeyboardInterrupt


@pytest.mark.parametrize("if_exists", ["append", "replace"])
def test_rows_that_do_not_all_come_leave_the_table_as_it_was(database, if_exists):
    write(database, batch("a"))
    with pytest.raises(KeyboardInterrupt):
        write_rows(database, "t", SCHEMA, failing(), if_exists)
    assert content(database) == ["a"]


def test_rows_that_do_not_all_come_leave_no_table(database):
    with pytest.raises(KeyboardInterrupt):
        write_rows(database, "t", SCHEMA, failing(), "fail")
    assert database.connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_a_table_without_a_column_is_not_written_into(database):
    database.connection.execute("CREATE TABLE t (id TEXT, ok BOOLEAN)")
    for call in (
        lambda: write(database, batch("a"), if_exists="append"),
        lambda: check_sql_target(database, "t", SCHEMA.names, "append"),
    ):
        with pytest.raises(FateDataError, match=r"has no column 'predict score'.*it has id, ok"):
            call()
    assert content(database) == []


def test_a_table_with_more_columns_is_written_into(database):
    write(database, batch("a"))
    narrow = pa.schema([("id", pa.string())])
    write_rows(database, "t", narrow, [pa.record_batch([pa.array(["b"])], schema=narrow)], "append")
    assert content(database) == ["a", "b"]


def test_a_database_that_drops_rows_is_found_out(database):
    write(database, batch("a"))
    wrapped = Database(Forgetful(database.connection), "?", "oracle")
    with pytest.raises(FateDataError, match="kept 1 of 2 rows"):
        write_rows(wrapped, "t", SCHEMA, [batch("b", "c")], "append")
    assert content(database) == ["a"]


def test_a_database_that_keeps_new_tables_after_a_rollback_has_them_dropped(database):
    wrapped = Database(database.connection, "?", "oracle")  # not "sqlite": no BEGIN, so the table is made at once
    with pytest.raises(KeyboardInterrupt):
        write_rows(wrapped, "t", SCHEMA, failing(), "fail")
    assert database.connection.execute("SELECT name FROM sqlite_master").fetchall() == []


@pytest.mark.parametrize(
    ("dialect", "quoted"), [("postgresql", '"a""b"."c]`d"'), ("mysql", '`a"b`.`c]``d`'), ("mssql", '[a"b].[c]]`d]')]
)
def test_names_cannot_break_out_of_their_quotes(dialect, quoted):
    assert Database(None, "%s", dialect).table('a"b.c]`d') == quoted


@pytest.mark.parametrize("name", ["", "a..b", ".a", "a.b.c.d"])
def test_what_is_no_name_of_a_table_is_refused(name):
    with pytest.raises(FateInputError, match="sql_table"):
        Database(None, "%s", "postgresql").table(name)


def test_if_exists_is_one_of_three():
    assert if_exists_of("append") == "append"
    with pytest.raises(FateInputError, match="'fail', 'append' or 'replace'"):
        if_exists_of("truncate")


class Forgetful:
    """A connection of a database with a trigger that drops a row."""

    def __init__(self, connection):
        self._connection = connection

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def cursor(self):
        return ForgetfulCursor(self._connection.cursor())


class ForgetfulCursor:
    def __init__(self, cursor):
        self._cursor = cursor

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def executemany(self, sql, rows):
        self._cursor.executemany(sql, list(rows)[1:])

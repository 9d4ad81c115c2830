import sqlite3

import psycopg
import pytest

from dev.localairflow import database
from dev.localairflow.database import Postgres, Sqlite


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request, tmp_path, monkeypatch):
    """Makes databases that do not exist yet, of one kind, with a cache of their own."""
    monkeypatch.setattr(database, "_cache", lambda name: tmp_path / "cache" / name)

    def make(name):
        if request.param == "sqlite":
            return Sqlite(tmp_path / f"{name}.db")
        server = request.getfixturevalue("postgres")
        request.addfinalizer(lambda: server.drop_database(name))
        return Postgres(server, name)

    return make


def connect(of):
    """Connect to a database."""
    return sqlite3.connect(of.file) if isinstance(of, Sqlite) else psycopg.connect(of.server.url_of(of.name))


def migration(of, calls):
    """Return what makes the tables."""

    def migrate():
        calls.append(of)
        with connect(of) as db:
            db.execute("CREATE TABLE dag (id text)")

    return migrate


def test_tables_are_made_once_and_copied_afterwards(empty):
    first, second = empty("first_one"), empty("second_one")
    calls: list[object] = []

    first.prepare(migration(first, calls))
    first.prepare(migration(first, calls))
    second.prepare(migration(second, calls))

    assert calls == [first]
    for one in (first, second):
        with connect(one) as db:
            assert db.execute("SELECT count(*) FROM dag").fetchone() == (0,)


def test_a_migration_that_fails_leaves_nothing_behind(empty):
    broken = empty("broken_one")

    def migrate():
        migration(broken, [])()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        broken.prepare(migrate)

    assert not broken.exists()
    assert not broken.kept.exists()


def test_airflow_finds_its_driver_whatever_sqlalchemy_prefers(postgres):
    assert Postgres(postgres, "airflow").url.startswith("postgresql+psycopg2://")

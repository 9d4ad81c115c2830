"""Where a local Airflow keeps its metadata, and how it gets an empty database quickly.

Making the tables takes Airflow as long as all the rest of its start. So they are made once per release, and kept in the
cache: as a file of SQLite, as a dump of PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from dev.postgres import LocalPostgres


class Database(ABC):
    """A database for Airflow's metadata."""

    @property
    @abstractmethod
    def url(self) -> str:
        """For ``[database] sql_alchemy_conn``."""

    @property
    @abstractmethod
    def kept(self) -> Path:
        """The cached tables of this release of Airflow."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is one already."""

    @abstractmethod
    def create(self) -> None:
        """Make one without tables."""

    @abstractmethod
    def load(self, file: Path) -> None:
        """Make one with the tables of a file."""

    @abstractmethod
    def save(self, file: Path) -> None:
        """Write the tables into a file."""

    @abstractmethod
    def remove(self) -> None:
        """Remove it."""

    def prepare(self, migrate: Callable[[], None]) -> None:
        """Create the database with Airflow's tables; does nothing where it exists.

        :param migrate: makes the tables; called where none are kept.
        """
        if self.exists():
            return
        try:
            if self.kept.exists():
                self.load(self.kept)
                return
            self.create()
            migrate()
        except BaseException:
            self.remove()
            raise
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        partial = self.kept.with_name(f"{self.kept.name}.{os.getpid()}")
        self.save(partial)
        partial.replace(self.kept)  # never half a file, even if two start at the same time


@dataclass(frozen=True)
class Sqlite(Database):
    """A file. Needs nothing, but has one writer at a time, and refuses those who come too late."""

    file: Path

    @property
    def url(self) -> str:
        """A writer waits its turn for so many seconds; with the usual 5, a busy machine shows errors."""
        return f"sqlite:///{self.file}?timeout=60"

    @property
    def kept(self) -> Path:
        """An empty database."""
        return _cache(f"airflow-{version('apache-airflow')}-empty.db")

    def exists(self) -> bool:
        """Whether there is the file."""
        return self.file.exists()

    def create(self) -> None:
        """SQLite does so by itself."""

    def load(self, file: Path) -> None:
        """Copy the file."""
        shutil.copyfile(file, self.file)

    def save(self, file: Path) -> None:
        """Copy the file."""
        shutil.copyfile(self.file, file)

    def remove(self) -> None:
        """Remove the file."""
        self.file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Postgres(Database):
    """A database of a PostgreSQL server that runs as long as the Airflow does: what deployments have.

    :param server: a server that runs.
    :param name: of the database on it.
    """

    server: LocalPostgres
    name: str = "airflow"

    @property
    def url(self) -> str:
        """With the driver named: SQLAlchemy 2.0 and 2.1 have different ones by default."""
        return self.server.url_of(self.name, "postgresql+psycopg2")

    @property
    def kept(self) -> Path:
        """A dump of an empty database, as statements of SQL."""
        from dev.postgres import version as postgres_version

        return _cache(f"airflow-{version('apache-airflow')}-empty-postgres-{postgres_version()}.sql")

    def exists(self) -> bool:
        """Whether the server has it."""
        return self.name in self.server.databases()

    def create(self) -> None:
        """An empty one."""
        self.server.create_database(self.name)

    def load(self, file: Path) -> None:
        """Run the statements."""
        self.create()
        how = ("--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1")
        self.server.run("psql", *how, "--file", str(file), self.name)

    def save(self, file: Path) -> None:
        """Dump all tables."""
        self.server.run("pg_dump", "--no-owner", "--file", str(file), self.name)

    def remove(self) -> None:
        """Drop it."""
        self.server.drop_database(self.name)

    def copy(self, name: str) -> Postgres:
        """Return a copy; nobody may be connected to this one meanwhile."""
        self.server.create_database(name, template=self.name)
        return Postgres(self.server, name)


def _cache(name: str) -> Path:
    return user_cache_path("airflow-provider-fate") / name

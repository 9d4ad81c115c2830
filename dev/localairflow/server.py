"""Start, find again and stop a whole local Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx

from dev.guard import Guard
from dev.localairflow.api import AirflowApi
from dev.localairflow.database import Database, Sqlite
from dev.localairflow.processes import Process, Roster, listening_addresses, stop
from dev.localairflow.settings import ADMIN, LocalSettings

# The log servers of scheduler and triggerer listen on all interfaces, and on one machine nobody needs them.
PARTS: Mapping[str, tuple[str, ...]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
HEALTH_NAMES = ("scheduler", "triggerer", "dag_processor")


class AirflowStartError(Exception):
    """A part of Airflow did not come up; the message holds the end of its log."""


class LocalAirflow:
    """A whole Airflow below one folder.

    As a context manager it lives as long as the block, or this process if that is killed within it. `start` without the
    block leaves it running, detached from this process; another process finds it by the same `home` and can `stop` it.

    :param home: its ``AIRFLOW_HOME``: logs, secrets, and the database where that is SQLite.
    :param dags: folder with DAG files.
    :param database: where it keeps its metadata; SQLite, in its home, when None.
    :param port: of UI and API; any free one, and the same at the next start, when None.
    :param parallelism: tasks that may run at the same time; each takes about 200 MB.
    :param env: more environment for all parts, such as ``AIRFLOW_CONN_FATE_DEFAULT``.
    :param log: is told in one line what happens.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        *,
        database: Database | None = None,
        port: int | None = None,
        parallelism: int = 4,
        env: Mapping[str, str] | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = home.resolve()
        self.dags = dags.resolve()
        self.database = database or Sqlite(self.home / "airflow.db")
        self.roster = Roster(self.home / "processes.json")
        self.parallelism = parallelism
        self._port = port
        self.extra_env = dict(env or {})
        self._log = log
        self._settings: LocalSettings | None = None
        self._api: AirflowApi | None = None
        self._guard: Guard | None = None

    @property
    def settings(self) -> LocalSettings:
        """Port, password and secrets: made at the first use, kept in the home."""
        if self._settings is None:
            file = self.home / "local_settings.json"
            running = self.processes and file.exists()
            # A running Airflow occupies its port: do not look for another one.
            port = int(json.loads(file.read_text())["port"]) if running else self._port
            self._settings = LocalSettings.of(self.home, port)
        return self._settings

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return self.settings.url

    @property
    def api(self) -> AirflowApi:
        """A logged-in client of its REST API."""
        if self._api is None:
            self._api = AirflowApi(self.url, ADMIN, self.settings.password)
        return self._api

    # --- processes -------------------------------------------------------------------------------------------

    @property
    def processes(self) -> list[Process]:
        """The parts that run now, whoever started them."""
        return self.roster.running()

    @property
    def is_up(self) -> bool:
        """Whether all parts run and say that they are healthy."""
        if {p.name for p in self.processes} != set(PARTS):
            return False
        with suppress(httpx.HTTPError):
            health = self.api.health()
            return all(health.get(name) == "healthy" for name in HEALTH_NAMES)
        return False

    def listening(self) -> set[tuple[str, int]]:
        """Return every (address, port) on which it listens."""
        return listening_addresses(self.processes)

    def log_file(self, part: str) -> Path:
        """Where the output of a part goes."""
        return self.home / "logs" / f"{part}.log"

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes, to run an ``airflow`` command beside them."""
        return self.settings.environment(self.dags, self.database.url, self.parallelism, self.extra_env)

    def command(self, *args: str, timeout: float = 600.0) -> subprocess.CompletedProcess[str]:
        """Run ``airflow ARGS`` against this Airflow's database and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "airflow", *args],
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    # --- life ------------------------------------------------------------------------------------------------

    def start(self, timeout: float = 180.0) -> None:
        """Start what does not run, and wait until all parts are healthy.

        :raises AirflowStartError: a part ended, or is not healthy within `timeout` seconds.
        """
        if self.is_up:
            self._log("Airflow is running already")
            return
        began = time.monotonic()
        self.stop()
        self._settings = None
        self._api = None
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        self.prepare()
        for part in PARTS:
            self.start_part(part)
        try:
            self._wait_until_healthy(timeout)
        except BaseException:
            self.stop()
            raise
        self._log(f"Airflow is up after {time.monotonic() - began:.0f} s at {self.url}")

    def start_part(self, part: str) -> Process:
        """Start one part: all of them at first, and later one that was killed."""
        command = [sys.executable, "-m", "airflow", part, *PARTS[part]]
        process = Process.start(part, command, self.environment(), self.log_file(part), self.home)
        self.roster.add(process)
        return process

    def kill_part(self, part: str) -> None:
        """Kill one part with all its children and without a warning, for tests of what survives that."""
        for process in self.processes:
            if process.name == part:
                process.kill()

    def stop_part(self, part: str) -> None:
        """Stop one part as a deployment does, which lets it say good-bye."""
        stop([process for process in self.processes if process.name == part])

    def stop(self) -> bool:
        """Stop all parts; return False when none was running."""
        stopped = self.roster.stop()
        if stopped:
            self._log("Airflow is stopped")
        return stopped

    def __enter__(self) -> LocalAirflow:
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
        if self._guard:
            self._guard.dismiss()
        if self._api:
            self._api.close()

    def _wait_until_healthy(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not self.is_up:
            missing = set(PARTS) - {p.name for p in self.processes}
            if missing:
                part = missing.pop()
                raise AirflowStartError(f"Airflow's {part} ended at its start:\n{self._tail(part)}")
            if time.monotonic() > end:
                tails = "\n".join(f"--- {part}\n{self._tail(part, 8)}" for part in PARTS)
                raise AirflowStartError(f"Airflow is not healthy after {timeout:.0f} s.\n{tails}")
            time.sleep(0.3)

    def _tail(self, part: str, lines: int = 25) -> str:
        file = self.log_file(part)
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.exists() else ""

    def prepare(self) -> None:
        """Create the database; enough for commands such as ``airflow dags test``, which need no running parts."""
        self.database.prepare(self._migrate)

    def _migrate(self) -> None:
        self._log("preparing Airflow's database (the first time only)")
        result = self.command("db", "migrate")
        if result.returncode:
            raise AirflowStartError(f"`airflow db migrate` failed:\n{(result.stdout + result.stderr)[-3000:]}")

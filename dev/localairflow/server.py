"""Start, find again and stop a whole local Airflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import httpx
from platformdirs import user_cache_path

from dev.localairflow.api import AirflowApi
from dev.localairflow.processes import Process, listening_addresses, stop
from dev.localairflow.settings import ADMIN, LocalSettings, write_private

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

    As a context manager it lives as long as the block. `start` without the block leaves it running, detached from this
    process; another process finds it by the same `home` and can `stop` it.

    :param home: its ``AIRFLOW_HOME``: database, logs, secrets.
    :param dags: folder with DAG files.
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
        port: int | None = None,
        parallelism: int = 4,
        env: Mapping[str, str] | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = home.resolve()
        self.dags = dags.resolve()
        self.parallelism = parallelism
        self._port = port
        self.extra_env = dict(env or {})
        self._log = log
        self._settings: LocalSettings | None = None
        self._api: AirflowApi | None = None

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
    def _state_file(self) -> Path:
        return self.home / "processes.json"

    @property
    def processes(self) -> list[Process]:
        """The parts that run now, whoever started them."""
        if not self._state_file.exists():
            return []
        known = [Process(**kept) for kept in json.loads(self._state_file.read_text())]
        return [process for process in known if process.get()]

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
        return self.settings.environment(self.dags, self.parallelism, self.extra_env)

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
        running = [p for p in self.processes if p.name != part]
        write_private(self._state_file, json.dumps([vars(p) for p in (*running, process)]))
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
        running = self.processes
        if running:
            stop(running)
            self._log("Airflow is stopped")
        self._state_file.unlink(missing_ok=True)
        return bool(running)

    def __enter__(self) -> LocalAirflow:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
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
        """Create the database; enough for commands such as ``airflow dags test``, which need no running parts.

        An empty one is kept per version of Airflow: making it takes as long as all the rest.
        """
        database = self.settings.database
        kept = user_cache_path("airflow-provider-fate") / f"airflow-{version('apache-airflow')}-empty.db"
        if database.exists():
            return
        if kept.exists():
            shutil.copyfile(kept, database)
            return
        self._log("preparing Airflow's database (the first time only)")
        result = self.command("db", "migrate")
        if result.returncode:
            database.unlink(missing_ok=True)
            raise AirflowStartError(f"`airflow db migrate` failed:\n{(result.stdout + result.stderr)[-3000:]}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{self.settings.port}")
        shutil.copyfile(database, partial)
        partial.replace(kept)  # never half a file, even if two start at the same time

"""An MLflow of our own on this machine: the real server, in an environment of its own, as its own process and database.

MLflow wants other versions of libraries than Airflow does, so it lives apart; the environment (600 MB) is made once in
the user's cache. The server listens on loopback only, and tells nobody that it runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx
from uv import find_uv_bin

from airflow_provider_fate.jobs.pipeline.environment import installer_environment, minimal_environment
from dev.guard import Guard
from dev.localairflow.processes import Process, Roster
from dev.localairflow.settings import free_port

VERSION = "3.17.2"
REQUIREMENTS = (f"mlflow=={VERSION}", "psycopg2-binary>=2.9")
HOST = "127.0.0.1"
_READY = "ready"


class MlflowError(Exception):
    """The environment could not be made, or the server did not come up; the message holds what it said."""


@dataclass(frozen=True)
class MlflowEnvironment:
    """The environment, made when it is asked for.

    :param extra: more packages, such as ``("onnxruntime",)``: each set has an environment of its own.
    """

    extra: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """Where it is, or will be: named after what is in it."""
        wanted = "\n".join([*REQUIREMENTS, *sorted(self.extra), sys.version])
        cache = os.environ.get("XDG_CACHE_HOME")
        home = (Path(cache) if cache else Path.home() / ".cache") / "airflow-provider-fate" / "mlflow"
        return home / f"{VERSION}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"

    def python(self) -> Path:
        """Return its interpreter, after making it if it is not there.

        :raises MlflowError: it cannot be made.
        """
        interpreter = self.directory / "bin" / "python"
        with _only_one(self.directory):
            if not (self.directory / _READY).is_file() or not interpreter.exists():
                shutil.rmtree(self.directory, ignore_errors=True)  # half of one, from a start that was interrupted
                uv = str(find_uv_bin())
                _run([uv, "venv", "--quiet", "--python", sys.executable, str(self.directory)])
                install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(interpreter)]
                _run([*install, *REQUIREMENTS, *self.extra])
                (self.directory / _READY).touch()
        return interpreter


class LocalMlflow:
    """A server below one folder, which lives as long as the block, or this process if that is killed within it.

    :param home: its files, log, and database, if no other is given.
    :param database: URL of its database; ``None``: a file in `home`.
    """

    def __init__(self, home: Path, database: str | None = None, environment: MlflowEnvironment | None = None) -> None:
        self.home = home.resolve()
        self.port = 0
        self.environment = environment or MlflowEnvironment()
        self._database = database or f"sqlite:///{self.home / 'mlflow.db'}"
        self._guard: Guard | None = None

    @property
    def url(self) -> str:
        """Of the server."""
        return f"http://{HOST}:{self.port}"

    @property
    def connection(self) -> dict[str, object]:
        """An Airflow connection to it."""
        return {"conn_type": "fate_mlflow", "host": HOST, "port": self.port}

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self.home / "mlflow.log"

    def start(self, timeout: float = 180.0) -> None:
        """Start it, and wait until it answers.

        :raises MlflowError: it ended, or does not answer within `timeout` seconds.
        """
        python = self.environment.python()
        self.port = self.port or free_port()
        command = [
            *(str(python), "-m", "mlflow", "server", "--host", HOST, "--port", str(self.port), "--workers", "1"),
            *("--backend-store-uri", self._database, "--artifacts-destination", str(self.home / "artifacts")),
        ]
        quiet = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        env = {**minimal_environment(), **quiet, "HOME": str(self.home)}
        process = Process.start(f"mlflow:{self.port}", command, env, self.log_file, self.home)
        self.roster.add(process)
        end = time.monotonic() + timeout
        while not self.is_up:
            if process.get() is None or time.monotonic() > end:
                tail = "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])
                self.stop()
                raise MlflowError(f"MLflow does not answer:\n{tail}")
            time.sleep(0.2)

    @property
    def roster(self) -> Roster:
        """Its process."""
        return Roster(self.home / "processes.json")

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).status_code == 200
        return False

    def kill(self) -> None:
        """End it as a crash would; `start` brings it back on the same port."""
        for process in self.roster.running():
            process.kill()
        self.roster.stop()

    def stop(self) -> None:
        """End it."""
        self.roster.stop()

    def __enter__(self) -> LocalMlflow:
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


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Let one process at a time make an environment; the lock ends with the process, however it ends."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str], env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, env=dict(env or installer_environment()), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise MlflowError(f"The environment of MLflow could not be made: {' '.join(command[:4])} ... failed\n{said}")

"""The virtual environment in which fate-client lives: made on first use, kept, and made again if it is broken."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_fate.jobs.pipeline.errors import FatePipelineError
from airflow_provider_fate.local.pins.client import FATE_CLIENT, REQUIREMENTS

__all__ = ["PipelineEnvironment"]

log = logging.getLogger(__name__)

_CHECK = "import fate_client.pipeline.components.fate, fate_client.pipeline.utils.test_utils, pandas"
_READY = "ready.json"
_LAST_LINES = 15


@dataclass(frozen=True)
class PipelineEnvironment:
    """An environment that has fate-client.

    :param python: interpreter of an environment of your own that has fate-client 2.2, ``pydantic<2`` and
        ``ruamel.yaml<0.18``; nothing is installed then.
    :param extra_requirements: more packages for the environment that is made, such as ``["torch"]`` for the
        neural-network components. Each set of packages gets an environment of its own.
    :param home: directory of the environments; by default ``fate-pipelines`` in the user's cache directory.
    :param python_version: Python of the environment that is made, such as ``"3.11"``; by default that of this process.
    """

    python: str | None = None
    extra_requirements: Sequence[str] = ()
    home: Path | None = None
    python_version: str | None = None

    def interpreter(self) -> Path:
        """Return the interpreter, after making the environment if it is not there yet (some seconds).

        :raises FatePipelineError: it cannot be made, or the interpreter named is not there.
        """
        if self.python is not None:
            named = shutil.which(os.path.expanduser(self.python))
            if named is None:
                raise FatePipelineError(
                    f"there is no Python interpreter at {self.python!r}",
                    hint="Name the interpreter of an environment that has fate-client, or none to have one made.",
                )
            return Path(named)
        directory = self.directory
        interpreter = directory / "bin" / "python"
        if not _is_ready(directory):
            with _only_one(directory):
                # Another process may have made it while this one waited.
                if not _is_ready(directory):
                    self._make(directory, interpreter)
        return interpreter

    @property
    def directory(self) -> Path:
        """Where the environment is, or will be: named after what is in it."""
        wanted = json.dumps([FATE_CLIENT, *self._requirements(), self._version()])
        name = f"py{self._version()}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
        return (self.home or _cache_home()) / name

    def _requirements(self) -> list[str]:
        # The neural-network components describe their training by classes of transformers.
        extra = list(self.extra_requirements)
        names = {requirement.replace("=", " ").replace("<", " ").replace(">", " ").split()[0] for requirement in extra}
        if "torch" in names:
            extra += [name for name in ("transformers", "accelerate") if name not in names]
        return [*REQUIREMENTS, *sorted(extra)]

    def _version(self) -> str:
        return self.python_version or f"{sys.version_info.major}.{sys.version_info.minor}"

    def _make(self, directory: Path, interpreter: Path) -> None:
        if directory.exists():
            log.info("%s was not finished: making it again", directory)
            shutil.rmtree(directory)
        uv = _uv()
        log.info("making the environment of fate-client in %s (once)", directory)
        self._run([uv, "venv", "--quiet", "--python", self._python_for_uv(), str(directory)])
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(interpreter)]
        # Without its dependencies: it declares torch, transformers and pandas, two gigabytes that are not needed.
        self._run([*install, "--no-deps", FATE_CLIENT])
        self._run([*install, *self._requirements()])
        self._run([str(interpreter), "-I", "-c", _CHECK])
        (directory / _READY).write_text(json.dumps({"fate_client": FATE_CLIENT, "with": self._requirements()}))

    def _python_for_uv(self) -> str:
        return self.python_version or sys.executable

    def _run(self, command: list[str]) -> None:
        # Airflow's variables (connections, keys) are nothing for installers; proxies and indexes are.
        done = subprocess.run(command, env=installer_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            shown = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])
            raise FatePipelineError(
                f"the environment of fate-client could not be made: {' '.join(command[:4])} ... failed\n{shown}",
                hint="It needs the package index once. Without network, make one elsewhere and name its interpreter: "
                f"pip install --no-deps {FATE_CLIENT}; pip install {' '.join(map(repr, self._requirements()))}",
            )


def _is_ready(directory: Path) -> bool:
    # Written last: an environment without it was interrupted while it was made.
    return (directory / _READY).is_file() and (directory / "bin" / "python").exists()


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Let one process at a time make an environment; the lock ends with the process, however it ends."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        lock = (directory.parent / f"{directory.name}.lock").open("w")
    except OSError as error:
        raise FatePipelineError(
            f"cannot write to {directory.parent}: {error.strerror}",
            hint="Give PipelineEnvironment(home=...) a directory that can be written to.",
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cache_home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "airflow-provider-fate" / "fate-pipelines"


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        pass
    if found := shutil.which("uv"):
        return found
    raise FatePipelineError(
        "uv is needed to make the environment of fate-client, and it is not installed",
        hint="pip install 'airflow-provider-fate[local]', or name an interpreter that has fate-client.",
    )


_KEPT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


def minimal_environment() -> dict[str, str]:
    """Return the variables that code from elsewhere may see; none of Airflow's, which hold connections and keys."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def installer_environment() -> dict[str, str]:
    """Return what an installer needs besides: where the packages come from."""
    settings = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "XDG_"))}
    return {**minimal_environment(), **settings}

"""One service by its name: start, look, stop, remove."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from airflow_provider_fate.local import ports, processes
from airflow_provider_fate.local.errors import LocalFateError, StartError, StopError
from airflow_provider_fate.local.logs import tail
from airflow_provider_fate.local.paths import import_path, services_home
from airflow_provider_fate.local.progress import Progress, silent
from airflow_provider_fate.local.services.spec import ServiceSpec, checked_name
from airflow_provider_fate.local.services.state import ServiceLayout, ServicePlan, ServiceState
from airflow_provider_fate.local.state import write_json, write_private

__all__ = ["LocalService", "all_services"]

_WATCH = "from airflow_provider_fate.local.services.watch import main; raise SystemExit(main())"
_KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
#: Seconds after which a live one that does not answer is taken for stuck, and replaced.
PATIENCE = 10.0


class LocalService:
    """A server on this machine, known by its name. All methods may be called from several processes at once.

    :param name: its name: small letters, digits and ``. _ -``.
    :param home: folder of all services; default: ``FATE_LOCAL_SERVICES``, else in the user's data directory.
    :raises LocalFateError: the name cannot be one.
    """

    def __init__(self, name: str, home: Path | None = None) -> None:
        self.name = checked_name(name)
        self._layout = ServiceLayout((home or services_home()).absolute() / self.name)

    @property
    def folder(self) -> Path:
        """Its folder, kept until :meth:`remove`: log, working folder, files."""
        return self._layout.folder

    @property
    def log(self) -> Path:
        """What it has written."""
        return self._layout.log

    def file(self, name: str) -> str | None:
        """One of the ``files`` of its last start: a token that is to be kept, for one. None if there is none."""
        with contextlib.suppress(FileNotFoundError):
            return (self._layout.files / name).read_text()
        return None

    def status(self) -> ServiceState | None:
        """Its state; None when it does not run (a state file left by a dead watcher does not count)."""
        state = ServiceState.load(self._layout.state)
        return state if state is not None and state.alive else None

    def start(
        self, spec: ServiceSpec, progress: Progress = silent, *, timeout: float = 120.0, owner: int | None = None
    ) -> ServiceState:
        """Start it and wait until it answers; one that runs with the same specification is left as it is.

        :param spec: what to run; one that runs with another specification is replaced.
        :param progress: called with a line of text per step.
        :param timeout: seconds to wait for the first answer.
        :param owner: pid of a process with which it shall end, whatever ends that; by default it runs until ``stop``.
        :raises StartError: it did not come up; carries the end of its log, without the secrets. Nothing is left.
        """
        with self._exclusive(progress):
            running = self.status()
            if running is not None and running.digest == spec.digest:
                patience = PATIENCE if running.phase == "running" else timeout
                if (adopted := self._wait(patience)) is not None:
                    progress(f"{self.name} runs already at {adopted.url}")
                    return adopted
                progress(f"{self.name} does not answer: starting it anew")
            elif running is not None:
                progress(f"{self.name} runs with other settings: replacing it")
            self._stop_locked()
            watcher, chosen = self._launch(spec, owner)
            progress(f"starting {self.name} on {ports.LOOPBACK}:{chosen['']}")
            state = self._wait(timeout, watcher)
            if state is None:
                self._stop_locked()
                raise StartError(
                    f"{self.name} did not answer within {timeout:g} s; the end of {self.log}:\n"
                    + spec.hidden(tail(self.log, 25)),
                    hint="a busy machine may need longer: raise the timeout",
                )
            if state.phase == "failed":
                self._stop_locked()
                raise StartError(
                    f"{self.name} does not come up; the end of {self.log}:\n" + spec.hidden(tail(self.log, 25))
                )
            progress(f"{self.name} answers at {state.url}")
            return state

    def stop(self) -> bool:
        """Stop it with everything that descends from it; its folder stays.

        :returns: whether there was anything to stop.
        :raises StopError: something survived.
        """
        if not self.folder.exists():
            return False
        with self._exclusive():
            return self._stop_locked()

    def remove(self) -> bool:
        """Stop it and delete its folder.

        :returns: whether there was anything to remove.
        :raises StopError: something survived.
        """
        if not self.folder.exists():
            return False
        with self._exclusive():
            self._stop_locked()
            shutil.rmtree(self.folder)
            return True

    # -- how ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _exclusive(self, progress: Progress = silent) -> Iterator[None]:
        self._layout.folder.parent.mkdir(parents=True, exist_ok=True)
        with self._layout.lock.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that starts or stops {self.name}")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _launch(self, spec: ServiceSpec, owner: int | None) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
        self._layout.create()
        self._write_files(spec.files)
        with self.log.open("ab") as log:
            log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} start\n".encode())
        self.log.chmod(0o600)
        with ports.alone():
            chosen = self._ports(spec)
            self._plan(spec, chosen, owner).save(self._layout.plan)
            with self._layout.watcher_log.open("ab") as said:
                watcher = subprocess.Popen(
                    [sys.executable, "-c", _WATCH, str(self.folder)],
                    env={**_environment(), "PYTHONPATH": import_path(), processes.WATCHER_TAG: str(self.folder)},
                    cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
            holder = processes.Identity.of(watcher.pid)
            if holder is not None:  # else it has ended, which is noticed below
                for port in chosen.values():
                    ports.claim(port, holder)
        return watcher, chosen

    def _write_files(self, files: Mapping[str, str]) -> None:
        shutil.rmtree(self._layout.files, ignore_errors=True)
        self._layout.files.mkdir(mode=0o700)
        for name, text in files.items():
            write_private(self._layout.files / name, text)

    def _ports(self, spec: ServiceSpec) -> dict[str, int]:
        names = ["", *spec.more_ports]
        try:
            remembered = json.loads(self._layout.ports.read_text())
        except (OSError, ValueError):
            remembered = {}
        if spec.port is not None and not ports.is_free(spec.port):
            raise StartError(
                f"port={spec.port} is in use on {ports.LOOPBACK}",
                hint="choose another, or leave it out to get a free one",
            )
        wishes = [spec.port or remembered.get(""), *(remembered.get(name) for name in spec.more_ports)]
        chosen = dict(zip(names, ports.distinct(wishes), strict=True))
        write_json(self._layout.ports, chosen)
        return chosen

    def _plan(self, spec: ServiceSpec, chosen: Mapping[str, int], owner: int | None) -> ServicePlan:
        known = {
            "{host}": ports.LOOPBACK,
            "{port}": str(chosen[""]),
            "{folder}": str(self.folder),
            "{files}": str(self._layout.files),
            **{f"{{port.{name}}}": str(port) for name, port in chosen.items() if name},
        }

        def filled(text: str) -> str:
            for placeholder, value in known.items():
                text = text.replace(placeholder, value)
            return text

        env = {**_environment(), **{name: filled(value) for name, value in spec.env.items()}, **spec.secret_env}
        for name in ("NO_PROXY", "no_proxy"):  # whatever proxy there is, it is not for this machine
            env[name] = ",".join(filter(None, (env.get(name), "127.0.0.1,localhost")))
        return ServicePlan(
            command=[filled(word) for word in spec.command],
            env={**env, processes.TAG: str(self.folder)},
            cwd=str(spec.cwd or self._layout.work),
            ports=dict(chosen),
            health=spec.health,
            digest=spec.digest,
            log_limit=spec.log_limit,
            stop_grace=spec.stop_grace,
            owner=processes.Identity.of(owner) if owner else None,
        )

    def _wait(self, timeout: float, watcher: subprocess.Popen[bytes] | None = None) -> ServiceState | None:
        """Its state once it answers or has failed; None when neither comes in time."""
        deadline = time.monotonic() + timeout
        while True:
            state = ServiceState.load(self._layout.state)
            if state is not None and state.alive and state.phase == "running" and state.answers:
                return state
            if watcher is not None and watcher.poll() is not None:
                if state is not None and state.phase == "failed":
                    return state
                raise StartError(
                    f"what looks after {self.name} has ended; the end of {self._layout.watcher_log}:\n"
                    + tail(self._layout.watcher_log, 10)
                )
            if watcher is None and (state is None or not state.alive):
                return None
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)

    def _stop_locked(self) -> bool:
        # By its tag: one that has only just been started has not written its state yet.
        watchers = processes.of_instance(self.folder, tag=processes.WATCHER_TAG)
        something = bool(watchers or processes.of_instance(self.folder))
        grace = ServicePlan.load(self._layout.plan).stop_grace if self._layout.plan.exists() else 0.0
        processes.end_all(self.folder, grace=grace + 20.0, tag=processes.WATCHER_TAG)
        # Of a watcher that was killed, its server may be left.
        stuck = processes.end_all(self.folder)
        if stuck:
            raise StopError(f"processes of {self.name} cannot be ended: {stuck}")
        for path in (self._layout.state, self._layout.plan):
            path.unlink(missing_ok=True)
        return something


def all_services(home: Path | None = None) -> list[LocalService]:
    """The services that have a folder, running or not, by name."""
    folder = home or services_home()
    found = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        with contextlib.suppress(LocalFateError):
            if (entry / "ports.json").is_file():
                found.append(LocalService(entry.name, folder))
    return found


def _environment() -> dict[str, str]:
    """What every process needs of the caller's environment, and nothing of its secrets."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}

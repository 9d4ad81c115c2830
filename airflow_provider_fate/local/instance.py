"""A FATE on this machine: install, start, watch, stop."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_fate.local import config, health, pins, ports, processes
from airflow_provider_fate.local.connection import AirflowConnection
from airflow_provider_fate.local.credentials import Credentials
from airflow_provider_fate.local.errors import LocalFateError, StartError, StopError
from airflow_provider_fate.local.installation import Installation
from airflow_provider_fate.local.logs import tail
from airflow_provider_fate.local.paths import HomeLayout, import_path, resolve_home
from airflow_provider_fate.local.processes import without_tag
from airflow_provider_fate.local.progress import Progress, silent
from airflow_provider_fate.local.state import Address, RunState, Settings
from airflow_provider_fate.local.supervisor import LaunchPlan, Supervisor, speaker

_SUPERVISE = "from airflow_provider_fate.local.supervisor import main; raise SystemExit(main())"


class LocalFate:
    """One FATE site on this machine, on the loopback interface only.

    Several instances, each with its own home, can run at once from one installation. All methods may be called from
    several processes: start, stop and reset of an instance exclude each other.

    :param home: folder of the instance's data; by default ``FATE_LOCAL_HOME``, else in the user's data directory.
    :param variant: ``"full"``, or ``"server"``: FATE-Flow alone, without torch and algorithms, quick to install;
        every endpoint is there, uploads run, federated components fail. ``"llm"``: with FATE-LLM, for the tuning of
        language models. Default: what the home was started with last.
    :param settings: all choices at once; by default those of the last start.
    :raises LocalFateError: a value that cannot work; says which.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        variant: pins.Variant | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        self._layout = HomeLayout(resolve_home(home))
        chosen = settings or Settings.load(self._layout.settings) or Settings()
        self._settings = dataclasses.replace(chosen, variant=variant) if variant else chosen

    # -- what is known --------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The instance's folder."""
        return self._layout.home

    @property
    def logs_dir(self) -> Path:
        """Its logs: ``server.out``, ``supervisor.log``, ``fate_flow/`` and one folder per job."""
        return self._layout.logs

    @property
    def layout(self) -> HomeLayout:
        """All of its files."""
        return self._layout

    @property
    def settings(self) -> Settings:
        """What was chosen for it; what is set here holds from the next start on."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def installation(self) -> Installation:
        """The environment it runs from (may not exist yet)."""
        return Installation.locate(self._settings.variant)

    @property
    def address(self) -> Address:
        """Where it answers.

        :raises LocalFateError: it does not run.
        """
        state = self.status()
        if state is None:
            raise LocalFateError(f"FATE is not running in {self.home}", hint="start it with: fate-local start")
        return state.address

    def status(self) -> RunState | None:
        """Its state; None when it does not run (a state file left by a dead supervisor does not count)."""
        state = RunState.load(self._layout.state)
        return state if state is not None and state.alive else None

    @property
    def airflow_connection(self) -> AirflowConnection:
        """The Airflow connection to it, also when it is stopped (once it has run)."""
        port = self._settings.http_port
        state = self.status()
        address = state.address if state else Address(ports.LOOPBACK, port) if port else self.address
        chosen = self._settings
        credentials = Credentials.load(self._layout.credentials)
        return AirflowConnection(address, chosen.party_id, chosen.cores, chosen.role, credentials)

    def airflow_connection_uri(self) -> str:
        """The Airflow connection as a URI."""
        return self.airflow_connection.uri()

    def airflow_connection_json(self) -> str:
        """The Airflow connection as JSON, for ``AIRFLOW_CONN_<ID>``."""
        return self.airflow_connection.json()

    # -- what can be done -----------------------------------------------------------------------------------------

    def install(self, progress: Progress = silent, *, thorough: bool = False) -> Installation:
        """Make FATE's environment, or repair it; does nothing when it is well.

        :param progress: called with a line of text per step.
        :param thorough: look at every installed file.
        :raises InstallError: says what is missing.
        """
        return self.installation.ensure(progress, thorough=thorough)

    def start(self, progress: Progress = silent, *, timeout: float = 120.0, owner: int | None = None) -> Address:
        """Start it (installing it before, if need be) and wait until it answers. Does nothing when it runs.

        :param timeout: seconds to wait for the first answer.
        :param owner: pid of a process with which it shall end, whatever ends that; by default it runs until ``stop``.
        :raises StartError: it did not come up; carries the end of its log.
        """
        if (address := self._answering()) is not None:
            return address
        self.install(progress)  # it may take minutes, in which others can start
        with ports.alone():
            return self.start_alone(progress, timeout=timeout, owner=owner)

    def start_alone(self, progress: Progress = silent, *, timeout: float = 120.0, owner: int | None = None) -> Address:
        """As :meth:`start`, for whoever has seen to it that no other instance starts meanwhile."""
        with self._exclusive():
            if (address := self._answering()) is not None:
                return address
            if self.status() is not None:
                self._stop_locked(timeout=30.0)
            plan = self._prepare(progress, owner)
            with self._layout.supervisor_log.open("ab") as log:
                supervisor = subprocess.Popen(
                    [sys.executable, "-c", _SUPERVISE, str(self.home)],
                    # Started from a notebook, it must not end with that.
                    env={**without_tag(os.environ), "PYTHONPATH": import_path()},
                    cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
            progress(f"starting FATE-Flow on {plan.state['host']}:{plan.state['http_port']}")
            address = self._wait_until_it_answers(supervisor, timeout)
            progress(f"FATE-Flow answers at {address}")
            return address

    def run_foreground(self, progress: Progress = silent) -> int:
        """Run it in this process until SIGINT or SIGTERM.

        :returns: an exit status.
        """
        self.install(progress)
        with ports.alone(), self._exclusive():
            running = self.status()
            if running is not None:
                raise StartError(f"FATE is running already at {running.address}", hint="stop it with: fate-local stop")
            plan = self._prepare(progress)
        return Supervisor(self._layout, plan, speaker(sys.stderr)).run()

    def stop(self, *, timeout: float = 60.0) -> bool:
        """Stop it and every task worker of it. Running jobs are lost: they read ``failed`` after the next start.

        :returns: whether there was anything to stop.
        :raises StopError: something survived.
        """
        if not self.home.exists():
            return False
        with self._exclusive():
            return self._stop_locked(timeout)

    def reset(self) -> None:
        """Stop it and delete its data: tables, models, jobs, logs, settings. The installation stays."""
        if not self.home.exists():
            return
        with self._exclusive():
            self._stop_locked(60.0)
            for path in self._layout.owned:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.home.rmdir()  # only if nothing of somebody else's lies in it

    def _answering(self) -> Address | None:
        """Where it answers, if it does."""
        running = self.status()
        answers = running is not None and running.phase == "running" and health.version(running.address)
        return running.address if running is not None and answers else None

    # -- how ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        self._layout.create()
        with self._layout.lock.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _prepare(self, progress: Progress, owner: int | None = None) -> LaunchPlan:
        installation = self.install(progress)
        # What a supervisor that was killed has left: two servers on one database would ruin it.
        if processes.end_all(self.home):
            raise StartError(f"processes of an earlier run in {self.home} cannot be ended")
        stored = Settings.load(self._layout.settings)
        remembered = None
        if stored and stored.http_port and stored.grpc_port:
            remembered = (stored.http_port, stored.grpc_port)
        wanted = self._settings
        if stored and (wanted.http_port, wanted.grpc_port) == remembered:
            wanted = dataclasses.replace(wanted, http_port=None, grpc_port=None)  # remembered, not asked for
        http, grpc = ports.choose(wanted.http_port, wanted.grpc_port, remembered)
        if remembered and remembered[0] != http and wanted.http_port is None:
            progress(
                f"port {remembered[0]} of the last start is in use: taking {http} (Airflow connections must follow)"
            )
        self._settings = dataclasses.replace(self._settings, http_port=http, grpc_port=grpc)
        self._settings.save(self._layout.settings)
        config.write(self._layout, self._settings, installation)
        config.copy_payload(self._layout)
        env = config.environment(self._layout, self._settings, installation, os.environ)
        state: dict[str, object] = {
            "server": None, "phase": "starting", "host": ports.LOOPBACK, "http_port": http, "grpc_port": grpc,
            "variant": self._settings.variant, "version": "", "started": time.time(),
        }  # fmt: skip
        python = str(installation.interpreter)
        zygote = [python, str(self._layout.payload / "fate_local_zygote.py")] if self._settings.speedups else []
        plan = LaunchPlan(
            server=[python, "-u", str(installation.server_script)],
            zygote=zygote,
            broker=config.broker_command(self._layout, self._settings, installation),
            env=env,
            state=state,
            owner=processes.Identity.of(owner) if owner else None,
        )
        plan.save(self._layout.run / "plan.json")
        self._layout.state.unlink(missing_ok=True)
        _rotate(self._layout.server_log)
        return plan

    def _wait_until_it_answers(self, supervisor: subprocess.Popen[bytes], timeout: float) -> Address:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            state = RunState.load(self._layout.state)
            if state is not None and state.alive and state.phase == "running":
                return state.address
            if supervisor.poll() is not None:
                raise StartError(
                    f"FATE-Flow did not come up in {self.home}; the end of {self._layout.server_log}:\n"
                    + tail(self._layout.server_log, 25),
                    hint="if this looks like a damaged environment: fate-local install --repair",
                )
            time.sleep(0.05)
        self._stop_locked(30.0)
        raise StartError(
            f"FATE-Flow did not answer within {timeout:g} s; the end of {self._layout.server_log}:\n"
            + tail(self._layout.server_log, 25),
            hint="a busy machine may need longer: fate-local start --timeout 300",
        )

    def _stop_locked(self, timeout: float) -> bool:
        state = self.status()
        something = state is not None or bool(processes.of_instance(self.home))
        if state is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.supervisor.pid, signal.SIGTERM)
            deadline = time.monotonic() + timeout
            while state.alive and time.monotonic() < deadline:
                time.sleep(0.05)
            if state.alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(state.supervisor.pid, signal.SIGKILL)
        stuck = processes.end_all(self.home)
        if stuck:
            raise StopError(f"processes of {self.home} cannot be ended: {stuck}")
        self._layout.state.unlink(missing_ok=True)
        return something


def _rotate(log: Path, keep_above: int = 5_000_000) -> None:
    if log.exists() and log.stat().st_size > keep_above:
        log.replace(log.with_name(log.name + ".1"))

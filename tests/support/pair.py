"""Two real FATE sites on this machine that see nothing of each other, and the means to do harm to either.

``fate_pair``  the guest 9999 and the host 10000, each with a table, for all tests of a run that need them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_fate.clients.fate_flow import AppId, FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import JobRecord, TaskRecord, UploadMeta
from airflow_provider_fate.local import LocalFate, LocalFederation, Membership, RunState
from airflow_provider_fate.local.federation import Route
from airflow_provider_fate.local.progress import PlainLines
from airflow_provider_fate.site.records import UNFINISHED
from tests.support.evidence import watch

NAMESPACE = "pair"
ENDED = frozenset({"success", "failed", "canceled", "timeout"})


@dataclass
class PairSite:
    """One of the sites."""

    party: str
    role: str
    fate: LocalFate
    flow: FlowClient

    @property
    def conn_id(self) -> str:
        return f"fate_{self.party}"

    def _state(self) -> RunState:
        state = self.fate.status()
        assert state is not None, f"the site of {self.party} does not run"
        return state

    # -- harm -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def frozen(self, *, broker: bool = False) -> Iterator[None]:
        """FATE-Flow, or the broker, takes connections, and answers nothing until the end."""
        state = self._state()
        victim = state.broker if broker else state.server
        assert victim is not None
        os.kill(victim, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(victim, signal.SIGCONT)

    @contextlib.contextmanager
    def down(self, *, broker: bool = False) -> Iterator[None]:
        """FATE-Flow, or the broker, is killed, and comes back at the end; tasks live on."""
        state = self._state()
        victim = state.broker if broker else state.server
        assert victim is not None
        os.kill(state.supervisor.pid, signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        try:
            yield
        finally:
            os.kill(state.supervisor.pid, signal.SIGCONT)
            self.until_it_answers()

    def until_it_answers(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(Exception):
                self.flow.job.list(limit=1)
                return
            time.sleep(0.2)
        raise TimeoutError(f"the site of {self.party} does not come back")

    # -- what is there --------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> JobRecord | None:
        """The site's own record of a job."""
        return next(iter(self.flow.job.query(job_id=job_id)), None)

    def status(self, job_id: str) -> str:
        record = self.job(job_id)
        return str(record.status) if record else "unknown"

    def tasks(self, job_id: str) -> dict[str, TaskRecord]:
        return {task.task_name: task for task in self.flow.task.query(job_id=job_id)}

    def unfinished(self) -> list[JobRecord]:
        return list(self.flow.job.list(statuses=UNFINISHED, limit=0).jobs)

    def until(self, job_id: str, *statuses: str, task: str = "", patience: float = 200) -> str:
        """Wait until a job, or one of its tasks, has one of these states here."""
        end, seen = time.monotonic() + patience, ""
        while time.monotonic() < end:
            if task:
                record = self.tasks(job_id).get(task)
                seen = str(record.party_status) if record else ""
            else:
                seen = self.status(job_id)
            if seen in statuses:
                return seen
            time.sleep(0.2)
        raise TimeoutError(f"{task or 'job'} {job_id} at {self.party} is {seen}, not {' or '.join(statuses)}")

    def upload(self, path: Path, name: str, *, label: str | None = None) -> None:
        meta = UploadMeta(match_id_name="id", label_name=label)
        job_id = self.flow.data.upload_file(path, namespace=NAMESPACE, name=name, meta=meta).job_id
        assert self.until(job_id, *ENDED) == "success"


@dataclass
class Pair:
    """Both of them."""

    federation: LocalFederation
    guest: PairSite
    host: PairSite

    @property
    def sites(self) -> tuple[PairSite, PairSite]:
        return self.guest, self.host

    def settle(self) -> None:
        """Stop what a test has left, on both sides: the next one must not wait behind it."""
        for site in self.sites:
            for record in site.unfinished():
                with contextlib.suppress(Exception):
                    site.flow.job.stop(record.job_id)


@contextlib.contextmanager
def running_pair(home: Path, *, secured: bool = False, route: Route | None = None) -> Iterator[Pair]:
    """Start two sites, with a connection each in the environment, and stop them whatever happens."""
    federation = LocalFederation(home, Membership(secured=secured), route=route)
    with contextlib.ExitStack() as stack:
        stack.callback(federation.stop)
        federation.start(PlainLines(), owner=os.getpid())
        sites = []
        for (party, fate), role in zip(federation.sites.items(), ("guest", "host"), strict=True):
            watch(f"FATE of {party}", fate.logs_dir)
            connection = fate.airflow_connection
            known = connection.credentials
            settings = FlowSettings(
                host=connection.address.host,
                port=connection.address.port,
                app=AppId(known.app_id, known.token) if known else None,
                timeout=60,
            )
            flow = stack.enter_context(FlowClient(settings))
            name = f"AIRFLOW_CONN_FATE_{party}"
            os.environ[name] = connection.json()
            stack.callback(os.environ.pop, name, None)
            sites.append(PairSite(party, role, fate, flow))
        yield Pair(federation, *sites)
        for fate in federation.sites.values():
            for folder in (fate.layout.data, fate.layout.jobs, fate.layout.model):
                shutil.rmtree(folder, ignore_errors=True)


def give_tables(pair: Pair, folder: Path) -> None:
    """Give each side a table, ``pair.guest`` and ``pair.host``, of people of whom most are in both."""
    from tests.integration.test_recipes import write_tables

    folder.mkdir(parents=True, exist_ok=True)
    tables = write_tables(folder)
    pair.guest.upload(tables["guest"][0], "guest", label=tables["guest"][1])
    pair.host.upload(tables["host"][0], "host")


@pytest.fixture(scope="session")
def fate_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two sites with a table each."""
    with running_pair(tmp_path_factory.mktemp("pair")) as pair:
        give_tables(pair, tmp_path_factory.mktemp("tables"))
        yield pair

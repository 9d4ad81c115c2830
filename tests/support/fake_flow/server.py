"""The fake server: its state, and what a test does with it."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Self

from airflow_provider_fate.clients.fate_flow import AppId, FlowSettings

from . import access_routes, data_routes, job_routes, model_routes, output_routes, server_routes
from .clock import Clock
from .faults import Faults
from .gate import Gate
from .jobs import FakeJob, Party
from .replies import Call, missing
from .script import Script
from .tables import Tables
from .web import serve

# Importing them fills the table of routes.
_IMPLEMENTED_BY = (access_routes, data_routes, job_routes, model_routes, output_routes, server_routes)


class Requests:
    """What the fake was asked, in order."""

    def __init__(self, keep: int = 20_000) -> None:
        self.calls: list[Call] = []
        self._keep = keep
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Note a request. Old ones are forgotten, their number is not."""
        with self._lock:
            self._counts[call.path] += 1
            self.calls.append(call)
            del self.calls[: -self._keep]

    def count(self, path: str | None = None) -> int:
        """Return how often ``path`` (as in ``"/job/submit"``) was asked for; without it, all requests."""
        return sum(self._counts.values()) if path is None else self._counts[path]

    def to(self, path: str) -> list[Call]:
        """Return the requests for ``path``."""
        return [call for call in self.calls if call.path == path]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.calls.clear()
            self._counts.clear()


class FakeFlow:
    """A FATE-Flow 2.2 on a free port of loopback, for a ``with`` block.

    Jobs need no threads: their state follows from their script and the clock whenever somebody asks.

    :param script: how jobs go; :meth:`plan` gives single jobs another.
    :param party_id: the site's own party.
    :param partner_visible: standalone, as by default, or a real site that sees its own rows, tasks and logs
        only.
    :param auth: whether requests must be signed; ``settings`` then have an app with the role ``client``.
    :param check_tables: whether a reader fails when its table is not there.
    :param version: what the server says of itself.

    :ivar jobs: by id, in the order of creation.
    :ivar faults: order faults here.
    :ivar requests: what was asked.
    :ivar cores: what its configuration says of its pool; jobs get theirs whatever it is.
    :ivar clock: real until a test takes hold of it.
    """

    def __init__(
        self,
        *,
        script: Script | None = None,
        party_id: str = "9999",
        partner_visible: bool = True,
        auth: bool = False,
        check_tables: bool = False,
        version: str = "2.2.0",
    ) -> None:
        self.script = script or Script()
        self.party_id = party_id
        self.partner_visible = partner_visible
        self.check_tables = check_tables
        self.version = version
        self.cores = 32
        self.discard_uploads = False
        self.clock = Clock()
        self.faults = Faults()
        self.requests = Requests()
        self.gate = Gate(self.clock, on=auth)
        self.tables = Tables()
        self.jobs: dict[str, FakeJob] = {}
        self.models: dict[tuple[str, str], dict[tuple[str, str, str, str], bytes]] = {}
        self.providers: dict[str, dict[str, Any]] = {}
        self.servers: dict[str, dict[str, Any]] = {}
        self.services: dict[tuple[str, str], dict[str, Any]] = {}
        self.grants: dict[str, dict[str, list[Any]]] = {}
        self.lock = threading.RLock()
        self._plans: list[tuple[Callable[[dict[str, Any]], bool], Script]] = []
        self._active: dict[str, FakeJob] = {}
        self._last_id = 0
        self._port = 0
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._app = self.gate.add("tests", role="client") if auth else None
        server_routes.install_defaults(self)

    # --- where it is ---

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.faults.clear()
        self.down()

    def up(self) -> None:
        """Listen; on the same port as before, after ``down``."""
        self._server, self._thread = serve(self, self._port)
        self._port = self._server.server_address[1]

    def down(self) -> None:
        """Stop listening: connections are refused. Jobs and tables stay."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            assert self._thread is not None
            self._thread.join()
            self._server = None

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections for a while."""
        self.down()
        try:
            yield
        finally:
            self.up()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def app(self) -> AppId | None:
        """The app of ``settings``, where requests must be signed."""
        return AppId(self._app.app_id, self._app.token) if self._app else None

    @property
    def settings(self) -> FlowSettings:
        """Settings for a client; impatient, as tests are."""
        return FlowSettings(
            host="127.0.0.1",
            port=self._port,
            app=self.app,
            timeout=5.0,
            submit_timeout=10.0,
            retries=2,
            retry_wait=0.01,
        )

    # --- jobs ---

    def plan(self, script: Script, when: Callable[[dict[str, Any]], bool] | None = None) -> None:
        """Let jobs go like ``script``: those for whose completed schema ``when`` is true, or all. The latest wins."""
        self._plans.insert(0, (when or (lambda schema: True), script))

    def new_id(self) -> str:
        """Return an id as FATE-Flow makes them: the moment and a counter; unique even while the time stands."""
        moment = datetime.fromtimestamp(self.clock.now(), tz=UTC)
        self._last_id = max(self._last_id + 1, int(f"{moment:%Y%m%d%H%M%S%f}0"))
        return str(self._last_id)

    def add_job(self, schema: dict[str, Any], job_id: str, **rest: Any) -> FakeJob:
        """Create a job."""
        script = next((script for fits, script in self._plans if fits(schema)), self.script)
        job = FakeJob(job_id, schema, script, self.clock, **rest)
        self.jobs[job_id] = self._active[job_id] = job
        return job

    def activate(self, job: FakeJob) -> None:
        """Let a job move again, after a rerun."""
        self._active[job.job_id] = job

    def remove_job(self, job_id: str) -> None:
        """Forget a job."""
        self.jobs.pop(job_id, None)
        self._active.pop(job_id, None)

    def tick(self) -> None:
        """Bring all jobs up to date."""
        for job_id, job in list(self._active.items()):
            job.advance()
            if job.is_over:
                self._active.pop(job_id, None)

    def state_of(self, job_id: str) -> str:
        """Return the state of a job, seen from the initiator."""
        with self.lock:
            self.tick()
            return self.jobs[job_id].state

    def find(self, job_id: str | None) -> FakeJob:
        """Return a job, or refuse."""
        if (job := self.jobs.get(job_id or "")) is None:
            raise missing("No found job", 1001, job_id=job_id)
        return job

    def partner_stops(self, job_id: str) -> None:
        """Stop a job as a partner does: it reads ``failed`` for a while and then ``canceled``."""
        with self.lock:
            self.tick()
            self.jobs[job_id].stop(by_partner=True)
            self.activate(self.jobs[job_id])

    def sees(self, party: Party) -> bool:
        """Whether this site has the records of a party."""
        return self.partner_visible or party[0] == "local" or party[1] == self.party_id

"""Jobs of the fake server: states that follow from a script and the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import dag as dags
from .clock import Clock
from .script import Failure, Script

Party = tuple[str, str]
ALONE = ("reader", "upload", "dataframe_transformer")
"""Components that a party runs by itself, so that they succeed where another party fails."""

END = ("success", "failed", "canceled", "timeout")


@dataclass
class FakeTask:
    """One task on one party; what reruns replace."""

    name: str
    component: str
    party: Party
    version: int = 0
    status: str = "waiting"
    party_status: str = "waiting"
    error_report: str = ""
    created: int = 0
    started: int | None = None
    ended: int | None = None


@dataclass
class FakeJob:
    """A job. ``status`` and the tasks move on with :meth:`advance`; nothing runs in the background."""

    job_id: str
    schema: dict[str, Any]
    script: Script
    clock: Clock
    user_name: str = ""
    tag: str = ""
    notes: dict[Party, str] = field(default_factory=dict)
    on_success: Callable[[FakeJob], None] | None = None
    checks: Callable[[FakeJob, str, Party], Failure | None] | None = None
    status: dict[Party, str] = field(default_factory=dict)
    tasks: list[FakeTask] = field(default_factory=list)
    old: list[FakeTask] = field(default_factory=list)
    schedule_log: list[str] = field(default_factory=list)
    schedule_errors: list[str] = field(default_factory=list)
    created: int = 0
    started: int | None = None
    ended: int | None = None
    due: float = 0.0
    without_models: bool = False
    deleted_models: set[tuple[str, Party]] = field(default_factory=set)
    deleted_outputs: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.created = self.clock.millis()
        self.parties = dags.pairs(self.schema["dag"]["parties"])
        self.order = dags.order(self.schema["dag"]["tasks"])
        self.status = dict.fromkeys(self.parties, "waiting")
        self.due = self.clock.now() + self.script.waiting
        self._settles: dict[Party, float] = {}
        self._restart: float | None = None
        for name, task in self.schema["dag"]["tasks"].items():
            for party in dags.pairs(task["parties"]) if task.get("parties") else self.parties:
                self.tasks.append(FakeTask(name, task["component_ref"], party, created=self.created))

    # --- reading ---

    @property
    def model_id(self) -> str:
        """The model's id."""
        return str(self.schema["dag"]["conf"]["model_id"])

    @property
    def extra(self) -> dict[str, Any]:
        """What the submitter wrote into the job."""
        return self.schema["dag"]["conf"]["extra"] or {}

    @property
    def state(self) -> str:
        """The state of the first party's record: the initiator's."""
        return self.status[self.parties[0]]

    @property
    def progress(self) -> int:
        """Finished tasks in percent."""
        ended = {task.name for task in self.tasks if task.status in END}
        return 100 * len(ended) // max(1, len({task.name for task in self.tasks}))

    @property
    def is_over(self) -> bool:
        """Whether nothing will change by itself."""
        return not self._settles and self._restart is None and all(status in END for status in self.status.values())

    def of(self, name: str) -> list[FakeTask]:
        """Return the latest version of a task on all parties."""
        return [task for task in self.tasks if task.name == name]

    # --- moving ---

    def advance(self) -> None:
        """Do what is due."""
        now = self.clock.now()
        if self._restart is not None and now >= self._restart:
            self._restart = None
            self._set("waiting")
            self.due = now + self.script.waiting
        for party, moment in list(self._settles.items()):
            if now >= moment:
                self.status[party] = "canceled"
                del self._settles[party]
        while self.state in ("waiting", "running") and now >= self.due and self._restart is None:
            self._step()

    def _step(self) -> None:
        if self.state == "waiting":
            self._set("running")
            self.started = round(self.due * 1000)
            self.ended = None
            if ghosts := dags.ghosts(self.schema["dag"]["tasks"]):
                # Nothing is started, and no task reads failed: only the scheduler's log names the reason.
                self.schedule_errors += [f"task {self.job_id}_{name} 0 no found" for name in sorted(ghosts)]
                self._end("failed")
                return
            self._inherit()
            self._start_next()
            return
        name = next(name for name in self.order if self.of(name)[0].status == "running")
        failure = self.script.failure(name, self.of(name)[0].component) or self._checked(name)
        self._end_task(name, failure)
        if failure:
            self._end("failed")
        else:
            self._start_next()

    def _inherit(self) -> None:
        """Take over what another job has finished; FATE-Flow copies its outputs and times."""
        inheritance = self.schema["dag"]["conf"]["inheritance"] or {"task_list": []}
        for task in self.tasks:
            if task.name in inheritance["task_list"] and task.status == "waiting":
                task.status = task.party_status = "success"
                task.started = task.ended = round(self.due * 1000)

    def _start_next(self) -> None:
        for name in self.order:
            if self.of(name)[0].status == "waiting":
                for task in self.of(name):
                    task.status = task.party_status = "running"
                    task.started = round(self.due * 1000)
                self.due += self.script.duration(name, self.of(name)[0].component)
                return
        if len(self.order) < len(self.schema["dag"]["tasks"]):
            self.due = float("inf")  # the scheduler raises in every round, and the job stays running for ever
            return
        self._end("success")

    def _checked(self, name: str) -> Failure | None:
        if self.checks is None:
            return None
        return next((bad for task in self.of(name) if (bad := self.checks(self, name, task.party))), None)

    def _end_task(self, name: str, failure: Failure | None) -> None:
        culprit = (failure.party if failure else None) or self.of(name)[0].party
        for task in self.of(name):
            task.status = task.party_status = "failed" if failure else "success"
            if failure and task.party != culprit and task.component in ALONE:
                task.party_status = "success"
            task.ended = round(self.due * 1000)
            if failure and task.party == culprit:
                task.error_report = failure.report
        for task in sorted(self.of(name), key=lambda task: task.party != culprit):
            self.schedule_log.append(
                f"[INFO] base_saver._update_task_status update task {self.job_id}_{name} {task.version} status "
                f"successfully: {{'job_id': '{self.job_id}', 'role': '{task.party[0]}', "
                f"'party_id': '{task.party[1]}', 'status': '{task.status}'}}"
            )

    def _end(self, status: str) -> None:
        self._set(status)
        self.ended = round(min(self.due, self.clock.now()) * 1000)
        self.tag = "job_end"
        if status == "success" and self.on_success is not None:
            self.on_success(self)

    def _set(self, status: str) -> None:
        self.status = dict.fromkeys(self.parties, status)

    def stop(self, *, by_partner: bool = False) -> None:
        """Stop it: at once ``canceled`` where it was stopped; ``failed`` first where a partner did."""
        if self.state not in ("waiting", "running"):
            return
        self._log_stop(by_partner=by_partner)
        for task in self.tasks:
            if task.status == "running":
                task.status = "canceled"
                task.party_status = "failed" if by_partner else "canceled"
                task.ended = self.clock.millis()
        if by_partner:
            self._settles = dict.fromkeys(self.parties, self.clock.now() + self.script.settle)
        self.due = self.clock.now()
        self._end("failed" if by_partner else "canceled")

    def _log_stop(self, *, by_partner: bool) -> None:
        """As on the scheduler's site: a partner's tasks are canceled before its request comes."""
        stopped = next((task for task in self.tasks if task.status == "running" and task.party[0] == "host"), None)
        if not by_partner:
            self.schedule_log.append("[INFO] [job.request_stop_job] [line:64]: request stop job to canceled")
        elif stopped is not None:
            role, party_id = stopped.party
            self.schedule_log.append(
                f"[INFO] base_saver._update_task_status update task {self.job_id}_{stopped.name} {stopped.version} "
                f"status successfully: {{'job_id': '{self.job_id}', 'role': '{role}', 'party_id': '{party_id}', "
                f"'status': 'canceled'}}"
            )
        self.schedule_log.append("[INFO] [scheduler.stop_job] [line:281]: request stop job with canceled")

    def rerun(self) -> None:
        """Make a new version of what failed or was canceled; the old end state stays readable for a while."""
        for index, task in enumerate(self.tasks):
            if task.status in ("canceled", "failed", "timeout"):
                self.old.append(task)
                self.tasks[index] = FakeTask(
                    task.name, task.component, task.party, task.version + 1, created=self.clock.millis()
                )
        self._restart = self.clock.now() + self.script.rerun_delay
        self.tag = ""


def named_outputs(job: FakeJob, task: FakeTask) -> list[tuple[str, str]]:
    """Tables of a name of their own that FATE-Flow takes for the output of a task: ``job/clean`` deletes them.

    A reader's output is the table that it reads, not a copy; an upload's is the table that has that name by now.
    """
    if task.status != "success" or task.component not in ALONE:
        return []
    named = dags.parameters(job.schema, task.name, task.party)
    return [(str(named["namespace"]), str(named["name"]))] if named.get("namespace") and named.get("name") else []

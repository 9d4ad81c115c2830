"""Ways in which a job ends badly, each brought about for real, and what the task's log says then.

``python -m tests.integration.failures`` writes them into docs/when-a-job-fails.md; the test beside this file goes
through the same cases and holds each to what a reader has to be told.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.jobs import Encryption, HeteroSecureBoost, Party, Psi
from airflow_provider_fate.local import LocalFate
from airflow_provider_fate.local.processes import of_instance
from airflow_provider_fate.operators.job import FateJobOperator
from tests.integration.test_recipes import wait, write_tables
from tests.support.fake_flow import FakeFlow
from tests.support.task import FakeTaskInstance, Task

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\S+ \[(\w+)\s*\] (.*?)\s*\[airflow\S* ?.*\]( loc=\S+)?$")
PAGE = ROOT / "docs" / "when-a-job-fails.md"
GUEST, HOST = Party("9999", "failures.guest"), Party("10000", "failures.host")


@dataclass
class Stage:
    """A real FATE with two tables, and the means to do harm to its jobs."""

    fate: LocalFate
    flow: FlowClient

    @property
    def connection(self) -> dict[str, Any]:
        """The site, as an Airflow connection."""
        return dict(json.loads(self.fate.airflow_connection_json()))

    def signal_task(self, task: Task, name: str, how: signal.Signals, *, server_too: bool = False) -> None:
        """Send a signal to the process of a task on the guest as soon as it runs."""
        end = time.monotonic() + 200
        while time.monotonic() < end:
            if job_id := task.ti.xcoms.get("fate_job", {}).get("job_id"):
                for record in self.flow.task.query(job_id=job_id, role="guest", task_name=name):
                    if str(record.party_status) == "running" and record.run_pid:
                        time.sleep(1)
                        if server_too:
                            state = self.fate.status()
                            assert state is not None
                            assert state.server is not None
                            os.kill(state.server, signal.SIGKILL)
                        os.kill(int(record.run_pid), how)
                        return
            time.sleep(0.2)

    def freeze_task(self, task: Task, name: str) -> None:
        """Stop, without killing, all processes that work for a task as soon as it runs."""
        idle = set(of_instance(self.fate.home))
        end = time.monotonic() + 200
        while time.monotonic() < end:
            job_id = task.ti.xcoms.get("fate_job", {}).get("job_id")
            if job_id and self.flow.task.query(job_id=job_id, role="guest", task_name=name, status="running"):
                time.sleep(1)
                for pid in set(of_instance(self.fate.home)) - idle:
                    os.kill(pid, signal.SIGSTOP)
                return
            time.sleep(0.2)


@dataclass
class Case:
    """One bad end.

    :param title: what has happened, as a heading.
    :param story: how it came about here.
    :param says: what the last lines must tell, as regular expressions.
    :param operator: arguments of the operator.
    :param connection: what to change in the connection.
    :param meanwhile: harm that is done while the task runs.
    :param fake: a fake server in place of the real one, for what a single real one cannot show.
    """

    title: str
    story: str
    says: tuple[str, ...]
    operator: dict[str, Any]
    connection: dict[str, Any] = field(default_factory=dict)
    meanwhile: Callable[[Stage, Task], None] | None = None
    fake: Callable[[], FakeFlow] | None = None


def psi(**conf: Any) -> dict[str, Any]:
    """A small job, as a mapping that can be spoilt."""
    dag: dict[str, Any] = Psi(guest=GUEST, hosts=[HOST]).dag()
    dag["dag"].setdefault("conf", {}).update(conf)
    return dag


def training(**changes: Any) -> dict[str, Any]:
    """A job whose second half is a training."""
    encryption = Encryption(kind="paillier", key_length=1024)
    recipe = HeteroSecureBoost(guest=GUEST, hosts=[HOST], num_trees=2, max_depth=2, max_bin=4, encryption=encryption)
    dag: dict[str, Any] = recipe.dag()
    dag["dag"]["tasks"]["sbt_0"]["parameters"].update(changes)
    return dag


def with_parameters(dag: dict[str, Any], task: str, **parameters: Any) -> dict[str, Any]:
    """The job with other parameters of one task."""
    dag["dag"]["tasks"][task].setdefault("parameters", {}).update(parameters)
    return dag


def unknown_component() -> dict[str, Any]:
    """A job with a misspelt component."""
    dag = psi()
    dag["dag"]["tasks"]["psi_0"]["component_ref"] = "psy"
    return dag


def busy(stage: Stage, task: Task) -> None:
    """Nothing: the queue was filled before."""


CASES: dict[str, Case] = {
    "table_missing": Case(
        "A table is missing, and this site can see the failing party",
        "A FATE on one machine plays both parties, so that the host's report can be read.",
        (r"No found table", r"Failing side: host 10000 \(known", r"Let that party upload it"),
        {
            "job": Psi(guest=GUEST, hosts=[Party("10000", "failures.nowhere")]).dag(),
            "check_tables": False,
        },
    ),
    "cores_beyond_limit": Case(
        "More cores than the cluster has",
        "conf.cores is 64, the cluster has 32, and the connection does not say so (else the job is refused before).",
        (r"resource limit exceeded", r"Lower its cores"),
        {"job": psi(cores=64)},
        connection={"cores": None},
    ),
    "unknown_component": Case(
        "An unknown component",
        "Refused before anything is submitted.",
        (r"psy", r"Did you mean 'psi'"),
        {"job": unknown_component()},
    ),
    "bad_parameter": Case(
        "A parameter that the component does not accept",
        "A value that only the component itself can judge.",
        (r"objective|nonsense", r"Correct the job"),
        {"job": training(objective="binary:nonsense")},
    ),
    "killed_process": Case(
        "A component's process is killed",
        "kill -9, as the system does when memory runs out.",
        (r"sbt_0 failed", r"it was killed, most often for lack of memory"),
        {"job": training()},
        meanwhile=lambda stage, task: stage.signal_task(task, "sbt_0", signal.SIGKILL),
    ),
    "killed_fate_flow": Case(
        "FATE-Flow is killed, and a task ends meanwhile",
        "kill -9 of the server and of the task's process; the server comes back after seconds, and the wait goes on.",
        # The second: the host's process wanted something of the server just then, and gave up by itself.
        (r"sbt_0 failed", r"FATE-Flow was down when it ended|A server was not reached"),
        {"job": training()},
        meanwhile=lambda stage, task: stage.signal_task(task, "sbt_0", signal.SIGKILL, server_too=True),
    ),
    "unreachable": Case(
        "FATE-Flow cannot be reached",
        "Nothing listens on the connection's port. The submit is tried again for two minutes first.",
        (r"127\.0\.0\.1:9 ", r"refused"),
        {"job": psi(), "check_tables": False},
        connection={"port": 9},
    ),
    "permission_refused": Case(
        "The site refuses this client",
        "The site checks its clients, and the app has no role. (Played by the fake server.)",
        (r"No Permission|5005", r"role"),
        {"job": psi()},
        fake=lambda: FakeFlow(auth=True),
        connection={"login": "stranger", "password": "not-the-token"},
    ),
    "waiting_limit": Case(
        "The job does not leave the queue",
        "Another job holds all cores of the cluster, waiting_timeout is 10 seconds.",
        (r"still waited for resources after waiting_timeout=0:00:10", r"It was stopped", r"Running: \d+"),
        {"job": psi(), "waiting_timeout": timedelta(seconds=10)},
        meanwhile=busy,
    ),
    "stall": Case(
        "The job runs, and nothing happens",
        "The processes of a task are frozen, as if its partner had gone; stall_timeout is 20 seconds.",
        (r"no sign of progress for stall_timeout=0:00:20", r"It was stopped", r"ask the partners"),
        {"job": training(), "stall_timeout": timedelta(seconds=20)},
        meanwhile=lambda stage, task: stage.freeze_task(task, "sbt_0"),
    ),
}


def load_tables(flow: FlowClient, folder: Path) -> None:
    """Give the site the two tables that the cases read."""
    uploads = [
        flow.data.upload_file(
            path, namespace="failures", name=name, meta=UploadMeta(match_id_name="id", label_name=label)
        ).job_id
        for name, (path, label, _) in write_tables(folder).items()
        if name in ("guest", "host")
    ]
    end = time.monotonic() + 300
    assert {wait(flow, job_id, end) for job_id in uploads} == {"success"}


@contextlib.contextmanager
def full_queue(flow: FlowClient) -> Any:
    """Hold all cores of the site with a job that never gets on: its reader waits for a task that does not exist."""
    dag = psi(cores=16)
    nobody = {"producer_task": "nobody_0", "output_artifact_key": "output_data"}
    dag["dag"]["tasks"]["reader_0"]["inputs"] = {"data": {"undeclared": {"task_output_artifact": nobody}}}
    job_id = flow.job.submit(dag).job_id
    try:
        while str(flow.job.query(job_id=job_id)[0].status) != "running":
            time.sleep(0.3)
        yield
    finally:
        flow.job.stop(job_id)


def play(case: Case, stage: Stage) -> tuple[BaseException, str]:
    """Bring the end about; return the error and the task's log."""
    with contextlib.ExitStack() as stack:
        connection = stage.connection
        if case.fake is not None:
            fake = stack.enter_context(case.fake())
            connection |= {"host": "127.0.0.1", "port": fake.port}
        extra = {**connection.get("extra", {}), **{k: v for k, v in case.connection.items() if k == "cores"}}
        connection |= {k: v for k, v in case.connection.items() if k != "cores"} | {"extra": extra}
        name = f"fate_{uuid.uuid4().hex[:6]}"
        os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)
        stack.callback(os.environ.pop, f"AIRFLOW_CONN_{name.upper()}", None)
        if case.meanwhile is busy:
            stack.enter_context(full_queue(stage.flow))
        task = Task(
            lambda: FateJobOperator(task_id="train", fate_conn_id=name, **case.operator),
            FakeTaskInstance(run_id=uuid.uuid4().hex),
        )
        if case.meanwhile is not None and case.meanwhile is not busy:
            harm = threading.Thread(target=case.meanwhile, args=(stage, task), daemon=True)
            harm.start()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            try:
                task.run(patience=400)
            except Exception as e:
                return e, tidy(said.getvalue(), name) + f"{type(e).__name__}: {e}".replace(name, "fate_default")
    raise AssertionError("the job has succeeded")


def tidy(log: str, conn_id: str) -> str:
    """A log as Airflow's UI shows it: time, level and text."""
    lines = []
    for line in log.splitlines():
        if "outside of the Task Runner" in line:
            continue
        found = LINE.match(line)
        lines.append(f"{found[1]} {found[2].upper():<7} {found[3]}".rstrip() if found else line.rstrip())
    return "".join(f"{line}\n" for line in lines).replace(conn_id, "fate_default")


def main() -> None:
    """Write the page."""
    folder = Path(tempfile.mkdtemp())
    fate = LocalFate(folder / "fate")
    address = fate.start(print, owner=os.getpid())
    parts = [(ROOT / "tests" / "integration" / "failures.md").read_text()]
    try:
        with FlowClient(FlowSettings(host=address.host, port=address.port, timeout=60)) as flow:
            load_tables(flow, folder)
            for name, case in CASES.items():
                print(f"… {name}", file=sys.stderr, flush=True)
                _, log = play(case, Stage(fate, flow))
                log = re.sub(r"(?:/[\w.+-]+)+/site-packages/", "…/site-packages/", log)
                parts.append(f"## {case.title}\n\n{case.story}\n\n```text\n{log.strip()}\n```\n")
    finally:
        fate.stop()
    PAGE.write_text("\n".join(parts))
    print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()

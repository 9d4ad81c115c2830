"""Ways in which a job of two sites goes wrong, each brought about for real, and what either side is told.

``python -m tests.both_sides.page`` writes them into docs/two-sites.md; the test beside this file goes through the same
cases, and holds each to what its readers have to be told and to what both servers' records say in the end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from ast import literal_eval
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_fate.jobs import Encryption, HeteroSecureBoost, Party, Psi
from tests.support.pair import ENDED, Pair
from tests.support.task import Task

GUEST, HOST = Party("9999", "pair.guest"), Party("10000", "pair.host")


def psi(**conf: Any) -> dict[str, Any]:
    """The intersection, as a mapping that can be spoilt."""
    job: dict[str, Any] = Psi(guest=GUEST, hosts=[HOST]).dag()
    job["dag"].setdefault("conf", {}).update(conf)
    return job


def training(host: Party = HOST) -> dict[str, Any]:
    """A job whose second half takes some seconds."""
    encryption = Encryption(kind="paillier", key_length=1024)
    job: dict[str, Any] = HeteroSecureBoost(
        guest=GUEST, hosts=[host], num_trees=3, max_depth=2, max_bin=4, encryption=encryption
    ).dag()
    return job


def of_parties(job: dict[str, Any], **ids: str) -> dict[str, Any]:
    """The job with other party ids."""
    text = repr(job)
    for role, party_id in ids.items():
        known = {"guest": "9999", "host": "10000"}[role]
        text = text.replace(f"'{known}'", f"'{party_id}'").replace(f"_{known}'", f"_{party_id}'")
    changed: dict[str, Any] = literal_eval(text)
    return changed


def scaled(party: str, column: str) -> dict[str, Any]:
    """A job that scales a column which one party may not have."""
    job = psi()
    dag = job["dag"]
    parties = [{"role": "guest", "party_id": ["9999"]}, {"role": "host", "party_id": ["10000"]}]
    source = {"producer_task": "psi_0", "output_artifact_key": "output_data", "parties": parties}
    dag["tasks"]["scale_0"] = {
        "component_ref": "feature_scale",
        "dependent_tasks": ["psi_0"],
        "inputs": {"data": {"train_data": {"task_output_artifact": source}}},
        "parameters": {"method": "standard"},
    }
    dag["party_tasks"][party]["tasks"]["scale_0"] = {"parameters": {"scale_col": [column]}}
    return job


def job_id_of(task: Task, patience: float = 60) -> str:
    """The job of a task, as soon as it has one."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if job_id := task.ti.xcoms.get("fate_job", {}).get("job_id"):
            return str(job_id)
        time.sleep(0.1)
    raise TimeoutError("the task has no job")


Harm = Callable[[Pair, Task], None]
Setting = Callable[[Pair], contextlib.AbstractContextManager[object]]


@dataclass
class Case:
    """One thing that goes wrong.

    :param title: what has happened, as a heading.
    :param story: how it came about here.
    :param guest_says: what the log of the guest's task must tell, as regular expressions; the last one of its error.
    :param host_says: what the host's diagnosis must tell; empty: the host has no record of the job.
    :param ends: state of the job at the guest and at the host, once everything has come to rest.
    :param harm: what is done while the task runs, in a thread of its own that begins with it.
    :param setting: what is so before the task begins, and until it has ended.
    :param operator: arguments of the guest's operator, without its job.
    :param succeeds: whether the job comes to a good end after all.
    """

    title: str
    story: str
    guest_says: tuple[str, ...]
    host_says: tuple[str, ...]
    ends: tuple[str, str]
    job: Callable[[], dict[str, Any]] = psi
    harm: Harm | None = None
    setting: Setting = lambda pair: contextlib.nullcontext()
    operator: Mapping[str, Any] = field(default_factory=dict)
    succeeds: bool = False


# -- harm -------------------------------------------------------------------------------------------------------------


def hangs(seconds: float) -> Harm:
    """The host's FATE-Flow takes connections and answers nothing for a while."""

    def harm(pair: Pair, task: Task) -> None:
        with pair.host.frozen():
            time.sleep(seconds)

    return harm


def is_down(seconds: float) -> Harm:
    """The host's FATE-Flow is not there."""

    def harm(pair: Pair, task: Task) -> None:
        with pair.host.down():
            time.sleep(seconds)

    return harm


def down_while(name: str, seconds: float) -> Harm:
    """The host's FATE-Flow is killed while a task runs there, and comes back."""

    def harm(pair: Pair, task: Task) -> None:
        job_id = job_id_of(task)
        pair.host.until(job_id, "running", task=name)
        with pair.host.down():
            time.sleep(seconds)

    return harm


def stopped_by_host(pair: Pair, task: Task) -> None:
    """Somebody at the host stops the job."""
    job_id = job_id_of(task)
    pair.host.until(job_id, "running", task="psi_0")
    pair.host.flow.job.stop(job_id)


def task_killed_at_host(pair: Pair, task: Task) -> None:
    """The process of a task is killed at the host, as for lack of memory."""

    job_id = job_id_of(task)
    pair.host.until(job_id, "running", task="sbt_0")
    time.sleep(1)
    os.kill(int(pair.host.tasks(job_id)["sbt_0"].run_pid or 0), signal.SIGKILL)


def broker_restarts(pair: Pair, task: Task) -> None:
    """The broker of the host is killed, and what was in its queues is lost."""
    job_id = job_id_of(task)
    pair.host.until(job_id, "running", task="sbt_0")
    time.sleep(2)
    with pair.host.down(broker=True):
        time.sleep(1)


def black_hole(seconds: float) -> Harm:
    """What is sent to the host arrives nowhere, and nobody refuses it."""

    def harm(pair: Pair, task: Task) -> None:
        with pair.host.frozen(broker=True):
            time.sleep(seconds)

    return harm


def down_while_it_waits(seconds: float) -> Harm:
    """The host's FATE-Flow is killed as soon as the job is accepted, before it runs."""

    def harm(pair: Pair, task: Task) -> None:
        job_id_of(task)
        with pair.host.down():
            time.sleep(seconds)

    return harm


def stopped_and_rerun(pair: Pair, task: Task) -> None:
    """Somebody at the host stops the job, and has second thoughts."""
    job_id = job_id_of(task)
    pair.host.until(job_id, "running", task="psi_0")
    pair.host.flow.job.stop(job_id)
    pair.guest.until(job_id, "canceled")
    time.sleep(3)  # what FATE-Flow still tells of the stop would end the job again
    pair.host.flow.job.rerun(job_id)


def strangers(pair: Pair) -> contextlib.AbstractContextManager[object]:
    """The host has a table with ids that the guest does not know."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("id,x0\n" + "".join(f"stranger-{row},{row}\n" for row in range(100)))
        file.flush()
        pair.host.upload(Path(file.name), "strangers")
    return contextlib.nullcontext()


CASES: dict[str, Case] = {
    "partner_table_missing": Case(
        "The partner has no such table",
        "The host has not loaded its table.",
        (r"reader_0 failed on host 10000", r"known: the scheduler's log", r"Ask host 10000 for the log of job \d+"),
        (r"No found table", r"Let that party upload it"),
        ("failed", "failed"),
        job=lambda: Psi(guest=GUEST, hosts=[Party("10000", "pair.nowhere")]).dag(),
    ),
    "own_table_missing": Case(
        "This site has no such table",
        "Refused before anything is submitted.",
        (r"pair\.nowhere",),
        (),
        ("unknown", "unknown"),
        job=lambda: Psi(guest=Party("9999", "pair.nowhere"), hosts=[HOST]).dag(),
    ),
    "column_missing_here": Case(
        "This site's table has no such column",
        "The guest is to scale a column that it does not have.",
        (r"scale_0 failed on guest 9999", r"scale columns not found", r"Failing side: guest 9999 \(known"),
        (r"scale_0 failed on guest 9999", r"Failing side: guest 9999 \(inferred", r"Ask guest 9999"),
        ("failed", "failed"),
        job=lambda: scaled("guest_9999", "nowhere"),
    ),
    "column_missing_there": Case(
        "The partner's table has no such column",
        "The host is to scale a column that it does not have: only the host's log has the reason.",
        (r"scale_0 failed on host 10000", r"Ask host 10000 for the log"),
        (r"scale columns not found", r"Failing side: host 10000 \(known"),
        ("failed", "failed"),
        job=lambda: scaled("host_10000", "nowhere"),
    ),
    "down_at_submit": Case(
        "The partner's FATE-Flow is down when the job is submitted",
        "Its server was killed before, and came back a while later.",
        (r"host 10000 cannot be reached", r"a later try may find it there"),
        (),
        ("failed", "unknown"),
        harm=is_down(15),
    ),
    "hangs_at_submit": Case(
        "The partner's FATE-Flow hangs when the job is submitted, and comes back",
        "It answered nothing for 50 seconds. FATE-Flow made three copies of the job meanwhile; the one that both sides "
        "have is the one that runs.",
        (r"No answer told whether the work has begun", r"Found it: \d+"),
        (),
        ("success", "success"),
        harm=hangs(50),
        succeeds=True,
    ),
    "hangs_for_long": Case(
        "The partner's FATE-Flow hangs when the job is submitted, and does not come back in time",
        "It answered nothing for two minutes.",
        (r"host 10000 did not answer in time", r"Nothing is left of it"),
        (),
        ("failed", "unknown"),
        harm=hangs(120),
    ),
    "down_while_a_task_runs": Case(
        "The partner's FATE-Flow dies while a task runs, and comes back",
        "The host's server is killed in the middle of the training, and is back after ten seconds.",
        (r"sbt_0", r"host 10000"),
        (r"sbt_0",),
        ("failed", "failed"),
        job=training,
        harm=down_while("sbt_0", 10),
    ),
    "task_killed": Case(
        "A process of the partner is killed",
        "kill -9 of the host's training, as the system does when memory runs out.",
        (r"sbt_0 failed on host 10000", r"Ask host 10000"),
        (r"sbt_0 failed on host 10000", r"known: the process of sbt_0 had gone", r"lack of memory"),
        ("failed", "failed"),
        job=training,
        harm=task_killed_at_host,
    ),
    "stopped_by_partner": Case(
        "The partner stops the job",
        "Somebody at the host has stopped it.",
        (r"was stopped, and not by this task", r"(host 10000|A partner) stopped it \(known", r"Ask host 10000"),
        (r"stopped on this site",),
        ("canceled", "canceled"),
        job=training,
        harm=stopped_by_host,
    ),
    "unknown_partner": Case(
        "Nobody has this party id",
        "The job names host 10001, and no route leads there.",
        (r"host 10001 is not known to the broker or proxy",),
        (),
        ("failed", "unknown"),
        job=lambda: of_parties(psi(), host="10001"),
    ),
    "wrong_own_id": Case(
        "The job names this site by another id",
        "Refused before anything is submitted: the connection says 9999, the job 9998.",
        (r"9998",),
        (),
        ("unknown", "unknown"),
        job=lambda: of_parties(psi(), guest="9998"),
    ),
    "broker_restarts": Case(
        "What carries the messages between the sites is restarted in the middle",
        "The host's broker was killed during the training, and what was in its queues is lost; stall_timeout is 60 s.",
        (r"sbt_0",),
        (r"sbt_0",),
        ("failed|canceled", "failed|canceled"),
        job=training,
        harm=broker_restarts,
        operator={"stall_timeout": timedelta(seconds=60)},
    ),
    "black_hole_at_submit": Case(
        "What is sent to the partner is swallowed",
        "Its broker took everything and answered nothing for two minutes, as a firewall that drops packets does.",
        (r"host 10000 did not answer in time", r"a later try may find it there"),
        (),
        ("failed", "unknown"),
        harm=black_hole(120),
    ),
    "down_while_it_waits": Case(
        "The partner's FATE-Flow dies while the job waits, and comes back",
        "The host's server is killed as soon as the job was accepted, and is back after 15 seconds. FATE-Flow goes on "
        "asking for its cores.",
        (r"is waiting",),
        (),
        ("success", "success"),
        harm=down_while_it_waits(15),
        succeeds=True,
    ),
    "scheduler_at_partner": Case(
        "The partner schedules the job",
        "scheduler_party_id names the host. The job's id is made there.",
        (r"is running",),
        (),
        ("success", "success"),
        job=lambda: psi(scheduler_party_id="10000"),
        succeeds=True,
    ),
    "nobody_in_common": Case(
        "The tables have not one id in common",
        "The host has a table of other people.",
        (r"sbt_0 failed", r"not one id in common"),
        (r"sbt_0 failed on host 10000", r"not one id in common"),
        ("failed", "failed"),
        job=lambda: training(Party("10000", "pair.strangers")),
        setting=strangers,
    ),
    "stopped_and_rerun": Case(
        "The partner stops the job, and lets it run again",
        "Somebody at the host has stopped it, and three seconds later had it go on.",
        (r"is running",),
        (),
        ("success", "success"),
        job=training,
        harm=stopped_and_rerun,
        succeeds=True,
    ),
}

__all__ = ["CASES", "ENDED", "Case", "job_id_of", "psi", "training"]

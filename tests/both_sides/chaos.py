"""Random faults at either of two real sites and between them: python -m tests.both_sides.chaos --trials 100 --seed 7.

Each trial is a task of the guest, tried up to three times as Airflow would. In the end, what the task says has to be
what both servers say, no job may have run twice, and none may be left.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from airflow_provider_fate.clients.fate_flow.models import JobRecord
from airflow_provider_fate.errors import FateError
from airflow_provider_fate.operators.job import FateJobOperator
from tests.both_sides.cases import job_id_of, psi, training
from tests.support.pair import ENDED, Pair, PairSite, give_tables, running_pair
from tests.support.task import FakeTaskInstance, Task

TRIES = 3
REST = 120.0
"""Seconds within which everything has to have come to rest after the task has ended."""
MOMENTS = ("submit", "accepted", "reader_0", "psi_0", "sbt_0")


def server_down(site: PairSite, dice: random.Random) -> contextlib.AbstractContextManager[None]:
    return site.down()


def server_hangs(site: PairSite, dice: random.Random) -> contextlib.AbstractContextManager[None]:
    return site.frozen()


def broker_down(site: PairSite, dice: random.Random) -> contextlib.AbstractContextManager[None]:
    return site.down(broker=True)


FAULTS: dict[str, Callable[[PairSite, random.Random], contextlib.AbstractContextManager[None]]] = {
    "server down": server_down,
    "server hangs": server_hangs,
    "broker down": broker_down,
}
AT_ONCE = ("process killed", "stopped")


@dataclass
class Trial:
    """What is done, and what has come of it."""

    number: int
    fault: str
    side: str
    moment: str
    seconds: float
    wrong: list[str] = field(default_factory=list)
    stale: int = 0
    end: str = ""

    def __str__(self) -> str:
        what = f"{self.fault} at the {self.side}, {self.moment}"
        if self.fault not in AT_ONCE:
            what += f" for {self.seconds:.0f} s"
        stale = f" ({self.stale} stale at the host, ended there)" if self.stale else ""
        return f"{self.number:4} {'; '.join(self.wrong) or 'ok'}  {what}: {self.end}{stale}"


def throw(number: int, dice: random.Random) -> Trial:
    """Choose a fault."""
    fault = dice.choice([*FAULTS, *FAULTS, *AT_ONCE])
    moment = dice.choice(MOMENTS if fault in FAULTS else MOMENTS[1:] if fault == "stopped" else MOMENTS[2:])
    return Trial(number, fault, dice.choice(("guest", "host")), moment, dice.choice((1.0, 3.0, 8.0, 20.0, 35.0)))


def harm(trial: Trial, pair: Pair, task: Task, dice: random.Random) -> None:
    """Do it, in a thread beside the task."""
    site = pair.guest if trial.side == "guest" else pair.host
    job_id = ""
    if trial.moment != "submit":
        try:
            job_id = job_id_of(task, 150)
        except TimeoutError:
            return  # what was thrown before has kept it from getting so far
        if trial.moment != "accepted":
            with contextlib.suppress(TimeoutError):
                pair.guest.until(job_id, "running", *ENDED, task=trial.moment, patience=90)
    if trial.fault == "stopped":
        site.flow.job.stop(job_id)
    elif trial.fault == "process killed":
        record = site.tasks(job_id).get(trial.moment)
        if record is not None and record.run_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(record.run_pid), signal.SIGKILL)
    else:
        with FAULTS[trial.fault](site, dice):
            time.sleep(trial.seconds)


def play(trial: Trial, pair: Pair, dice: random.Random) -> None:
    """Run a task under the fault, and judge what has come of it."""
    job = training() if trial.moment == "sbt_0" else psi()
    task = Task(
        lambda: FateJobOperator(
            task_id="train",
            fate_conn_id=pair.guest.conn_id,
            job=job,
            waiting_timeout=timedelta(minutes=2),
            stall_timeout=timedelta(minutes=1),
        ),
        FakeTaskInstance(run_id=uuid.uuid4().hex, max_tries=TRIES - 1),
    )
    thread = threading.Thread(target=harm, args=(trial, pair, task, dice), daemon=True)
    before = {record.job_id for record in pair.guest.flow.job.list(limit=200).jobs}
    with contextlib.redirect_stdout(io.StringIO()):
        thread.start()
        if trial.moment == "submit":
            time.sleep(0.5)
        result = None
        for _ in range(TRIES):
            try:
                result = task.run(600)
                break
            except FateError as e:
                trial.end = f"{type(e).__name__}"
            except Exception as e:  # judged below
                trial.wrong.append(f"unforeseen {type(e).__name__}: {e}"[:200])
                break
            task.retry()
        thread.join(120)
    for site in pair.sites:
        site.until_it_answers()
    judge(trial, pair, before, result)


def judge(trial: Trial, pair: Pair, before: set[str], result: dict[str, object] | None) -> None:
    """Compare what the task says with what both servers say."""
    jobs = {record.job_id for record in pair.guest.flow.job.list(limit=200).jobs} - before
    end = time.monotonic() + REST
    while left := list(unfinished(pair, jobs)):
        if time.monotonic() > end:
            break
        time.sleep(1)
    for site, record in left:
        # Of a partner that was away FATE tells nobody that the job is over: the host's operators end its row.
        if site is pair.host and pair.guest.status(record.job_id) in ENDED:
            trial.stale += 1
            site.flow.job.stop(record.job_id)
        else:
            trial.wrong.append(f"job {record.job_id} is {record.status} at the {site.role}")
    succeeded = [job_id for job_id in jobs if pair.guest.status(job_id) == "success"]
    if len(succeeded) > 1:
        trial.wrong.append(f"{len(succeeded)} jobs have succeeded: {succeeded}")
    if result is not None:
        trial.end = "success"
        if result["job_id"] not in succeeded:
            trial.wrong.append(f"the task names job {result['job_id']}, and {succeeded} has succeeded")
    elif succeeded:
        trial.wrong.append(f"the task has failed, and {succeeded} has succeeded")
    pair.settle()


def unfinished(pair: Pair, jobs: set[str]) -> Iterator[tuple[PairSite, JobRecord]]:
    for site in pair.sites:
        for record in site.unfinished():
            if record.job_id in jobs or record.role == "host":
                yield site, record


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make chaos-pair", description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    print(f"seed {arguments.seed}: {arguments.trials} trials", flush=True)
    folder = Path(tempfile.mkdtemp())
    trials = []
    begin = time.monotonic()
    with running_pair(folder / "pair") as pair:
        give_tables(pair, folder)
        for number in range(1, arguments.trials + 1):
            trial = throw(number, dice)
            play(trial, pair, dice)
            trials.append(trial)
            print(trial, flush=True)
    ends = Counter(trial.end for trial in trials)
    wrong = sum(bool(trial.wrong) for trial in trials)
    stale = sum(trial.stale for trial in trials)
    print(f"\n{', '.join(f'{count} {end}' for end, count in ends.most_common())}; {stale} stale rows ended at the host")
    minutes = (time.monotonic() - begin) / 60
    print(f"{len(trials) - wrong} of {len(trials)} trials ended right, in {minutes:.0f} minutes")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

"""``airflow fate logs``: what the site has logged of a job, as it comes."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from typing import TYPE_CHECKING, cast

from airflow_provider_fate.cli.command import command, note, records_of, site
from airflow_provider_fate.cli.output import as_json, say
from airflow_provider_fate.cli.reading import Log
from airflow_provider_fate.errors import FateInvalidParameterError, FateNotFoundError, FateTaskNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, LogLine, LogType
    from airflow_provider_fate.remote.states import Snapshot
    from airflow_provider_fate.site.session import SiteSession

_ENVIRONMENT = re.compile(r"(RUN ENV\s*[:\uff1a]\s*)\{.*")


@command
def logs(args: Namespace) -> None:
    """Print a log; with ``--follow``, until the job ends."""
    with site(args) as session:
        record = _party(args, session, records_of(session, args.job_id))
        if args.task:
            _require_task(args, session, record)
        log = Log(session.client, _log_type(args), args.job_id, record.role, record.party_id, args.task)
        if args.lines:
            log.skip_to_last(args.lines)
        printed = _follow(args, session, log) if args.follow else _print(args, log, to_the_end=True)
    if not printed:
        what = "scheduler's log" if args.scheduler else f"log of task {args.task}" if args.task else "log of tasks"
        note(
            f"The site has no {what} of level {args.level} for {record.role} {record.party_id}. Other ones: --level, "
            "--party, --scheduler."
        )


def _follow(args: Namespace, session: SiteSession, log: Log) -> int:
    from airflow.providers.common.compat.sdk import conf

    pause = conf.getfloat("fate", "poll_interval", fallback=2.0)
    printed, began_over = 0, True
    while not (snapshot := _seen(session, args.job_id)).state.is_over:
        began_over = False
        printed += _print(args, log)
        time.sleep(pause)
    if not began_over:
        time.sleep(pause)  # workers write their last lines after the job has ended
    printed += _print(args, log, to_the_end=True)
    note(f"Job {args.job_id} has ended: {snapshot.detail}")
    return printed


def _print(args: Namespace, log: Log, *, to_the_end: bool = False) -> int:
    count = 0
    for line in log.new(to_the_end=to_the_end):
        count += 1
        _print_line(args, line)
    return count


def _print_line(args: Namespace, line: LogLine) -> None:
    # FATE-Flow logs the whole environment of its workers, with whatever secrets the server was started with.
    text = _ENVIRONMENT.sub(r"\1{...}", line.content)
    if args.output == "json":
        as_json({"line": line.line_num, "text": text}, indent=None)
    else:
        say([text])


def _log_type(args: Namespace) -> LogType:
    if args.scheduler and args.level not in ("info", "error"):
        raise FateInvalidParameterError(
            f"The scheduler has no log of level {args.level}.", hint="Choose info or error, or leave --scheduler out."
        )
    if args.scheduler and args.task:
        raise FateInvalidParameterError(
            "The scheduler's log is that of the whole job.", hint="Leave --task or --scheduler out."
        )
    return cast("LogType", f"{'schedule' if args.scheduler else 'task'}_{args.level}")


def _party(args: Namespace, session: SiteSession, records: list[JobRecord]) -> JobRecord:
    """The record of the asked party, or the one that speaks for the site."""
    from airflow_provider_fate.site.records import own_record

    if not args.party:
        return own_record(records, session.site.role, session.site.party_id)
    role, colon, party_id = args.party.partition(":")
    if not (role and colon and party_id):
        raise FateInvalidParameterError(f"--party {args.party!r} is not a party.", hint="Write it as guest:9999.")
    for record in records:
        if (record.role, record.party_id) == (role, party_id):
            return record
    seen = ", ".join(f"{record.role}:{record.party_id}" for record in records)
    raise FateNotFoundError(
        f"The site does not play {role} {party_id} in job {args.job_id}, so it has none of its logs.",
        hint=f"Ask that party, or choose {seen}.",
        job_id=args.job_id,
    )


def _require_task(args: Namespace, session: SiteSession, record: JobRecord) -> None:
    tasks = session.client.task.query(job_id=args.job_id, role=record.role, party_id=record.party_id)
    names = sorted({task.task_name for task in tasks})
    if args.task not in names:
        raise FateTaskNotFound(
            f"{record.role} {record.party_id} has no task {args.task!r} in job {args.job_id}.",
            hint=f"It has {', '.join(names)}." if names else "It has none.",
            job_id=args.job_id,
        )


def _seen(session: SiteSession, job_id: str) -> Snapshot:
    from airflow_provider_fate.remote.kinds.fate_states import snapshot_of

    return snapshot_of(session.client.job.query(job_id=job_id), session.site.role, session.site.party_id)

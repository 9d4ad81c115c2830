"""``airflow fate jobs``: what runs and what ran on a site."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.cli.command import command, note, site
from airflow_provider_fate.cli.output import as_json, as_table, duration, moment
from airflow_provider_fate.cli.owners import Owner, Wanted, owners_of
from airflow_provider_fate.cli.times import age, seconds

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.site.session import SiteSession

MOST = 1000
"""So many jobs are looked through for those of a task."""
PAGE = 50
"""Records that are asked for at once; each weighs up to 10 kB."""


@command
def jobs(args: Namespace) -> None:
    """List the newest jobs: those that wait or run, unless others are asked for."""
    from airflow_provider_fate.site.records import UNFINISHED

    statuses = args.status or ([] if args.all else list(UNFINISHED))
    wanted = Wanted(args.dag_id, args.run_id, args.task_id)
    with site(args) as session:
        # Whose a job is, is known when it has been read: of many, those that are wanted.
        found, there_are_more = newest(session, statuses, MOST if wanted else args.limit)
    owners = owners_of(found, wanted)
    if wanted:
        mine = [record for record in found if record.job_id in owners]
        found, there_are_more = mine[: args.limit], there_are_more or len(mine) > args.limit
    if args.output == "json":
        as_json([described(record) | _of(owners.get(record.job_id)) for record in found])
        return
    if not found:
        note(
            f"No job of the site of connection {args.conn_id!r}"
            + (f" is {' or '.join(statuses)}." if statuses else ".")
            + ("" if args.status or args.all else " Those that have ended: --all.")
        )
        return
    as_table(
        ("job", "party", "status", "progress", "age", "started (UTC)", "elapsed", "DAG", "run", "task"),
        (
            (
                record.job_id,
                f"{record.role} {record.party_id}",
                record.status,
                None if record.progress is None else f"{record.progress} %",
                duration(age(record)),
                moment(record.start_time),
                duration(seconds(record)),
                *_named(owners.get(record.job_id), record.user_name),
            )
            for record in found
        ),
    )
    if there_are_more:
        note(f"These are the newest {len(found)}; there are more (--limit).")


def newest(session: SiteSession, statuses: Sequence[str], limit: int) -> tuple[list[JobRecord], bool]:
    """The newest jobs, each by the record that speaks for the site, and whether there are older ones."""
    from airflow_provider_fate.site.records import own_record

    by_job: dict[str, list[JobRecord]] = {}
    page = 0
    # One job more than asked for: the records of a job stand together, so those before the last are complete.
    while len(by_job) <= limit:
        page += 1
        records = session.client.job.list(statuses=statuses, limit=PAGE, page=page).jobs
        for record in records:
            by_job.setdefault(record.job_id, []).append(record)
        if len(records) < PAGE:
            break
    own = [own_record(records, session.site.role, session.site.party_id) for records in by_job.values()]
    return own[:limit], len(own) > limit


def described(record: JobRecord) -> dict[str, Any]:
    """A job for programs."""
    return {
        "job_id": record.job_id,
        "role": record.role,
        "party_id": record.party_id,
        "status": str(record.status),
        "progress": record.progress,
        "create_time": record.create_time,
        "start_time": record.start_time,
        "end_time": record.end_time,
        "elapsed_seconds": seconds(record),
        "age_seconds": age(record),
        "user_name": record.user_name or None,
    }


def _named(owner: Owner | None, label: str | None) -> tuple[str | None, str | None, str | None]:
    """DAG, run and task; for jobs of others, the label with which they were submitted."""
    return (label or None, None, None) if owner is None else (owner.dag_id, owner.run_id, owner.task)


def _of(owner: Owner | None) -> dict[str, Any]:
    return {
        "dag_id": owner.dag_id if owner else None,
        "run_id": owner.run_id if owner else None,
        "task_id": owner.task_id if owner else None,
        "map_index": owner.map_index if owner else None,
    }

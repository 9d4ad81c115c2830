"""``airflow fate jobs``: what runs and what ran on a site."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.cli.command import command, note, site
from airflow_provider_fate.cli.output import as_json, as_table, duration, moment
from airflow_provider_fate.cli.times import age, seconds

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.site.session import SiteSession

PAGE = 50
"""Records that are asked for at once; each weighs up to 10 kB."""


@command
def jobs(args: Namespace) -> None:
    """List the newest jobs: those that wait or run, unless others are asked for."""
    from airflow_provider_fate.site.records import UNFINISHED

    statuses = args.status or ([] if args.all else list(UNFINISHED))
    with site(args) as session:
        found, there_are_more = newest(session, statuses, args.limit)
    if args.output == "json":
        as_json([described(record) for record in found])
        return
    if not found:
        note(
            f"No job of the site of connection {args.conn_id!r}"
            + (f" is {' or '.join(statuses)}." if statuses else ".")
            + ("" if args.status or args.all else " Those that have ended: --all.")
        )
        return
    as_table(
        ("job", "party", "status", "progress", "age", "started (UTC)", "elapsed", "label"),
        (
            (
                record.job_id,
                f"{record.role} {record.party_id}",
                record.status,
                None if record.progress is None else f"{record.progress} %",
                duration(age(record)),
                moment(record.start_time),
                duration(seconds(record)),
                record.user_name or None,
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

"""``airflow fate status``: how a job and its tasks stand."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_fate.cli.command import command, own_record_of, site
from airflow_provider_fate.cli.jobs import described
from airflow_provider_fate.cli.output import as_json, as_table, duration, moment, say
from airflow_provider_fate.cli.times import seconds

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TaskRecord


@command
def status(args: Namespace) -> None:
    """Show a job and its tasks, per party that the site can see."""
    from airflow_provider_fate.site.progress import in_order

    with site(args) as session:
        record = own_record_of(session, args.job_id)
        tasks = in_order(session.client.task.query(job_id=args.job_id))
        url = session.site.board_link(record.job_id, record.role, record.party_id)
    rows = [(task.task_name, task.role, task.party_id, _word(task), _tenths(seconds(task))) for task in tasks]
    if args.output == "json":
        names = ("name", "role", "party_id", "status", "seconds")
        model = {"model_id": record.model_id, "model_version": record.model_version}
        listed = [dict(zip(names, row, strict=True)) for row in rows]
        as_json({**described(record), **model, "url": url, "tasks": listed})
        return
    say([_sentence(record), *([f"FATEBoard: {url}"] if url else [])])
    as_table(
        ("task", "party", "status", "seconds"),
        ((name, f"{role} {party_id}", word, took) for name, role, party_id, word, took in rows),
    )


def _sentence(record: JobRecord) -> str:
    said = f"Job {record.job_id}: {record.status} on {record.role} {record.party_id}"
    if record.progress is not None:
        said += f", {record.progress} %"
    if record.start_time:
        said += f", started {moment(record.start_time)} UTC, elapsed {duration(seconds(record))}"
    return said


def _word(task: TaskRecord) -> str:
    """How it stands at the party itself, as far as that is known."""
    return str(task.party_status or task.status)


def _tenths(took: float | None) -> float | None:
    return None if took is None else round(took, 1)

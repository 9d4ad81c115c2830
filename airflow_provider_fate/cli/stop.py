"""``airflow fate stop``: end a job on all parties."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_fate.cli.command import command, fail, own_record_of, site
from airflow_provider_fate.cli.output import as_json, say

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.remote.states import Snapshot
    from airflow_provider_fate.site.session import SiteSession


@command
def stop(args: Namespace) -> None:
    """Stop a job that has not ended; ask before, unless told not to."""
    from airflow_provider_fate.remote.states import WorkState

    with site(args) as session:
        record = own_record_of(session, args.job_id)
        if record.status.is_terminal:
            ended, said = str(record.status), "had ended before"
        else:
            if not args.yes:
                _ask(record)
            snapshot = asyncio.run(_stop(session, record))
            ended = snapshot.detail
            said = "was stopped" if snapshot.state is WorkState.STOPPED else "has ended"
    if args.output == "json":
        as_json({"job_id": args.job_id, "status": ended})
    else:
        say([f"Job {args.job_id} {said}: {ended}"])


def _ask(record: JobRecord) -> None:
    """Return if a person agrees; else end."""
    if not sys.stdin.isatty():
        fail("Nobody can be asked here whether to stop the job: say so with --yes.")
    label = f", label {record.user_name}" if record.user_name else ""
    # Not by input(): it writes the question to stdout, which may be JSON for a program.
    print(
        f"Stop job {record.job_id} ({record.status}{label}) on all parties? [y/N] ", end="", file=sys.stderr, flush=True
    )
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        fail("Nothing was stopped.")


async def _stop(session: SiteSession, record: JobRecord) -> Snapshot:
    from airflow_provider_fate.remote.kinds.fate_job import FateJob
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
    from airflow_provider_fate.remote.lifecycle import end_work

    async with FateJob(session.site.conn_id, site=session.site) as kind:
        return await end_work(kind, FateJobRef.of(record))

"""``airflow fate diagnose``: what the task log would say about a job, for any job of the site."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from airflow_provider_fate.cli.command import command, own_record_of, site
from airflow_provider_fate.cli.output import as_json, say


@command
def diagnose(args: Namespace) -> None:
    """Explain a job that failed or was stopped; say what holds one that waits."""
    from airflow_provider_fate.remote.kinds.fate_states import snapshot_of
    from airflow_provider_fate.remote.states import WorkState
    from airflow_provider_fate.site import diagnosis, waiting
    from airflow_provider_fate.site.ref import JobRef

    with site(args) as session:
        record = own_record_of(session, args.job_id)
        ref, snapshot = JobRef.of(record), snapshot_of([record])
        data: dict[str, Any] = {"job_id": ref.job_id, "state": snapshot.detail}
        lines: Iterable[str]
        if snapshot.state.is_bad_end:
            found = diagnosis.diagnose(session.client, ref, snapshot.detail)
            data, lines = dataclasses.asdict(found), found.lines()
        elif snapshot.state is WorkState.SUCCEEDED:
            lines = [f"Job {ref.job_id} has succeeded: there is nothing to explain."]
        elif snapshot.state is WorkState.QUEUED:
            why = waiting.why_it_waits(session.client, ref)
            data["why"], lines = why, [f"Job {ref.job_id} is {snapshot.detail}.", why]
        else:
            where = waiting.where_it_is(session.client, ref)
            data["table"] = "\n".join(where)
            lines = [f"Job {ref.job_id} is {snapshot.detail}, and has not failed so far.", *where]
    if args.output == "json":
        as_json(data)
    else:
        say(lines)

"""``airflow fate clusters``: what KubeFATE has, and whether a cluster.yaml would become what it says."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from airflow_provider_fate.cli.command import command, fail
from airflow_provider_fate.cli.output import as_json, as_table, say
from airflow_provider_fate.errors import FateInputError


@command
def list_(args: Namespace) -> None:
    """Show the clusters of a KubeFATE, as it has recorded them, and what is done with them just now."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_provider_fate.clusters.progress import is_unfinished
    from airflow_provider_fate.hooks.hook import read_connection
    from airflow_provider_fate.hooks.kubefate import KubefateService

    # Airflow looks into its database only in processes that say they may; its own `connections` commands do likewise.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        service = read_connection(KubefateService, args.conn_id)
    except AirflowNotFoundException:
        fail(
            f"Airflow has no connection {args.conn_id!r}, or cannot read it. Add it with 'airflow connections add "
            f"{args.conn_id} --conn-type kubefate ...', or name another one."
        )
    with service.client() as kubefate:
        clusters = kubefate.clusters.list()
        jobs = [job for job in kubefate.jobs.list() if is_unfinished(job)]
    doing = {job.cluster_id: f"{job.method} {job.uuid}" for job in jobs}
    found = [
        {
            "name": cluster.name,
            "namespace": cluster.namespace,
            "status": cluster.status,
            "chart": cluster.chart_name,
            "version": cluster.chart_version,
            "party_id": None if (party := cluster.spec.get("partyId")) is None else str(party),
            "job": doing.get(cluster.uuid),
            "cluster_id": cluster.uuid,
        }
        for cluster in clusters
    ]
    if args.output == "json":
        as_json(found)
        return
    names = ("namespace", "name", "status", "chart", "version", "party_id", "job")
    as_table(names, ([row[name] for name in names] for row in found))


@command
def check(args: Namespace) -> None:
    """Check a cluster.yaml without sending it; exit status 1 where it would go wrong."""
    from airflow_provider_fate.clusters import ClusterDocument, check_cluster

    file = Path(args.file)
    if not file.is_file():
        raise FateInputError(f"{args.file} is not a file.")
    problems = check_cluster(ClusterDocument.of(file.read_text()))
    fatal = [problem for problem in problems if problem.fatal]
    if args.output == "json":
        as_json(
            [{"field": one.field, "reason": one.reason, "fix": one.fix, "fatal": one.fatal} for one in problems],
        )
    else:
        say([f"{'error  ' if problem.fatal else 'warning'}  {problem}" for problem in problems])
        if not fatal:
            say([f"{args.file} would become what it says."])
    if fatal:
        raise SystemExit(1)

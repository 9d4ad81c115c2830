"""``airflow fate clusters``: what KubeFATE has, how it is, and whether a cluster.yaml would become what it says."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.cli.command import command, fail
from airflow_provider_fate.cli.kubefate import named_cluster, opened
from airflow_provider_fate.cli.output import as_json, as_table, say
from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.clusters import ClusterProblem


@command
def list_(args: Namespace) -> None:
    """Show the clusters of a KubeFATE, as it has recorded them, and what is done with them just now."""
    from airflow_provider_fate.clusters.progress import is_unfinished

    with opened(args.conn_id) as kubefate:
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
def show(args: Namespace) -> None:
    """Show one cluster: its workloads as they are, where its parts answer, and what was last done with it."""
    import asyncio

    from airflow_provider_fate.clusters import ClusterDocument
    from airflow_provider_fate.clusters.addresses import flow_url, page_urls, proxy_address
    from airflow_provider_fate.remote.kinds.kubefate import without_passwords
    from airflow_provider_fate.remote.kinds.kubefate_flow import ask_flow

    with opened(args.conn_id) as kubefate:
        named = named_cluster(kubefate, args.name, args.namespace)
        cluster = kubefate.clusters.get(named.uuid)
        jobs = [job for job in kubefate.jobs.list() if job.cluster_id == named.uuid]
    if cluster is None:
        fail(f"Cluster {named.namespace}/{named.name} was removed just now.")
    document = ClusterDocument.of(dict(cluster.spec))
    node = cluster.info.ip if cluster.info else None
    url = flow_url(document, node)
    answer = asyncio.run(ask_flow(url)) if url else None
    found: dict[str, Any] = {
        "name": cluster.name,
        "namespace": cluster.namespace,
        "status": cluster.status,
        "chart": f"{cluster.chart_name} {cluster.chart_version}",
        "party_id": document.party_id,
        "workloads": cluster.info.workloads if cluster.info else {},
        "flow_url": url,
        "flow_answers": bool(answer and answer.answered),
        "flow_version": answer.version if answer else None,
        "flow_words": answer.words if answer else "where it answers does not follow from the cluster.yaml",
        "proxy": proxy_address(document, node),
        "pages": page_urls(document),
        "last_job": f"{jobs[-1].method} {jobs[-1].uuid} {jobs[-1].status}" if jobs else None,
        "states": without_passwords(jobs[-1]) if jobs else [],
    }
    if args.output == "json":
        as_json(found)
        return
    flow = (
        f"{url}  {answer.version or 'answers'}"
        if answer and answer.answered
        else f"{url or '-'}  {found['flow_words']}"
    )
    head = ("namespace", "name", "status", "chart", "party_id", "proxy", "last_job")
    rows = [[name, found[name]] for name in head] + [["FATE-Flow", flow]]
    rows += [[f"page of {module}", page] for module, page in found["pages"].items()]
    rows += [[f"workload {name}", state] for name, state in sorted(found["workloads"].items())]
    rows += [["state", state] for state in found["states"]]
    as_table(("what", "found"), rows)


@command
def logs(args: Namespace) -> None:
    """Print what the pods of a cluster have written, without the passwords of its cluster.yaml."""
    from airflow_provider_fate.clusters.secrets import masked, secret_values

    with opened(args.conn_id) as kubefate:
        cluster = named_cluster(kubefate, args.name, args.namespace)
        text = kubefate.clusters.log(
            cluster.uuid, container=args.container, lines=args.lines, since=args.since, previous=args.previous
        )
    lines = masked(text, secret_values(cluster.spec)).splitlines()
    if args.output == "json":
        as_json(lines)
    else:
        say(lines)


@command
def charts(args: Namespace) -> None:
    """Show the charts that a KubeFATE has."""
    with opened(args.conn_id) as kubefate:
        found = [{"name": one.name, "version": one.version, "chart_id": one.uuid} for one in kubefate.charts.list()]
    if args.output == "json":
        as_json(found)
    else:
        as_table(("name", "version", "chart_id"), ([row[key] for key in row] for row in found))


@command
def upload(args: Namespace) -> None:
    """Give a packed chart to a KubeFATE; one of the same name and version is replaced."""
    from airflow_provider_fate.clusters.chart_file import PackedChart

    chart = PackedChart.read(Path(args.file))
    with opened(args.conn_id) as kubefate:
        chart_id = kubefate.charts.upload(chart.file)
    if args.output == "json":
        as_json({"name": chart.name, "version": chart.version, "chart_id": chart_id})
    else:
        say([f"KubeFATE has chart {chart.name} {chart.version} ({chart_id})."])


@command
def check(args: Namespace) -> None:
    """Check a cluster.yaml, or a description of a federation, without sending it; exit status 1 if it is wrong."""
    file = Path(args.file)
    if not file.is_file():
        raise FateInputError(f"{args.file} is not a file.")
    problems = _problems(file)
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


def _problems(file: Path) -> list[ClusterProblem]:
    import yaml

    from airflow_provider_fate.clusters import ClusterDocument, ClusterFederation, check_cluster

    text = file.read_text()
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError:
        given = None  # which the document tells
    if isinstance(given, dict) and "members" in given:
        return ClusterFederation.of(given).problems()
    return check_cluster(ClusterDocument.of(text))

"""``airflow fate tables``: one table of the site, or those that a job reads."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.cli.command import command, records_of, site
from airflow_provider_fate.cli.definition import NO_LIST
from airflow_provider_fate.cli.output import as_json, as_table, say
from airflow_provider_fate.errors import FateInvalidParameterError, FateTableNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import TableRecord
    from airflow_provider_fate.site.session import SiteSession


@command
def tables(args: Namespace) -> None:
    """Show what is known of tables; never a row of them."""
    if bool(args.namespace) == bool(args.job):
        raise FateInvalidParameterError("Give either a table or a job.", hint=NO_LIST)
    if args.job:
        _of_a_job(args)
    else:
        _one(args, *_name(args))


def _name(args: Namespace) -> tuple[str, str]:
    """The two parts of the name; DAGs write them in one word."""
    if args.name is not None:
        return args.namespace, args.name
    from airflow_provider_fate.data.table import TableName

    table = TableName.parse(args.namespace)
    return table.namespace, table.name


def _one(args: Namespace, namespace: str, name: str) -> None:
    with site(args) as session:
        try:
            table = session.client.table.query(namespace, name)
        except FateTableNotFound:
            raise FateTableNotFound(
                f"The site of connection {args.conn_id!r} has no table {namespace}.{name}.",
                hint="Namespace and name are case sensitive. A partner's tables can only be seen at its site.",
            ) from None
    source = {key: table.source.get(key) for key in ("task_id", "task_name", "component")} if table.source else None
    columns = table.columns
    if args.output == "json":
        facts = {"namespace": table.namespace, "name": table.name, **_facts(table), "engine": table.engine}
        as_json({**facts, "columns": columns, "source": source})
        return
    shown = {
        "table": f"{table.namespace}.{table.name}",
        "rows": table.count,
        "type": table.data_type,
        "engine": table.engine,
        "columns": f"{len(columns)}: {', '.join(columns)}" if columns else None,
        "made by": f"task {source['task_id']}" if source and source["task_id"] else None,
    }
    say(f"{key:<8} {'-' if value is None else value}" for key, value in shown.items())


def _of_a_job(args: Namespace) -> None:
    from airflow_provider_fate.site.records import own_record

    with site(args) as session:
        records = records_of(session, args.job)
        own = own_record(records, session.site.role, session.site.party_id)
        here = {(record.role, record.party_id) for record in records}
        view = session.client.job.data_view(args.job, own.role, own.party_id).data_view
        rows = [
            _read(session, role, party_id, table, here=(role, party_id) in here)
            for role, parties in view.items()
            for party_id, found in parties.items()
            for table in found
            if table.get("name")
        ]
    if args.output == "json":
        as_json(rows)
        return
    if not rows:
        say([f"Job {args.job} reads no table."])
        return
    words = {True: "yes", False: "no such table", None: "at its site"}
    as_table(
        ("party", "table", "here", "rows", "type"),
        (
            (f"{r['role']} {r['party_id']}", f"{r['namespace']}.{r['name']}", words[r["here"]], r["rows"], r["type"])
            for r in rows
        ),
    )


def _read(session: SiteSession, role: str, party_id: str, table: dict[str, Any], *, here: bool) -> dict[str, Any]:
    """A table that a party reads; what it holds is known only where the party is one of this site."""
    namespace, name = str(table.get("namespace")), str(table["name"])
    named = {"role": role, "party_id": party_id, "namespace": namespace, "name": name}
    if not here:
        return {**named, "here": None, "rows": None, "type": None}
    try:
        return {**named, "here": True, **_facts(session.client.table.query(namespace, name))}
    except FateTableNotFound:
        return {**named, "here": False, "rows": None, "type": None}


def _facts(table: TableRecord) -> dict[str, Any]:
    return {"rows": table.count, "type": table.data_type}

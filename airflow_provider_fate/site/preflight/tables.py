"""Whether the site has the tables that a job reads, as the job needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError, FateTableNotFound
from airflow_provider_fate.site.federation_check import table_facts
from airflow_provider_fate.site.labels import require_fitting_labels
from airflow_provider_fate.site.preflight.asked import RequiredTable
from airflow_provider_fate.site.preflight.check import PreflightCheck, failed, of_error, passed, warned
from airflow_provider_fate.site.preflight.models_on_disk import texts_on_disk
from airflow_provider_fate.site.preview import preview
from airflow_provider_fate.site.tables import ReadTable, read_tables

if TYPE_CHECKING:
    from collections.abc import Container

    from airflow_provider_fate.jobs.model_files import LanguageTask
    from airflow_provider_fate.site.preview import Preview
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["label_check", "table_check", "tables_of_job"]

MOST = 10
"""Columns that are named at most."""


def tables_of_job(
    job: Mapping[str, Any], parties: Container[str], min_rows: int
) -> Iterator[RequiredTable | PreflightCheck]:
    """The tables that parties of this site read; a partner's cannot be seen.

    :param parties: ids of those whose tables are here.
    :returns: each table, or why it has a name that cannot be one.
    """
    for read in read_tables(job):
        if read.party_id in parties:
            reader = _reader(read)
            try:
                table = TableName(read.namespace, read.name)
            except FateInputError as error:
                yield of_error(f"table {read.namespace}.{read.name}", error)
            else:
                yield RequiredTable(table, min_rows, read_by=reader, party=(read.role, read.party_id))


def table_check(
    session: SiteSession, wanted: RequiredTable, task: LanguageTask | None = None
) -> Iterator[PreflightCheck]:
    """Look at one table.

    :param task: the task of a language model that is fed with it.
    """
    name = f"table {wanted.table}"
    try:
        seen = preview(session.client, wanted.table, 0)
    except FateTableNotFound:
        reads = f", which {wanted.read_by} reads" if wanted.read_by else ""
        advice = "Upload it first (FateUploadOperator), or correct the name: case counts."
        yield failed(name, f"the site has no such table{reads}", advice)
        return
    if seen.data_type == "data_directory" and wanted.read_by:
        yield texts_on_disk(session.site, name, seen.path or "", task)
    elif seen.data_type != "dataframe":
        found = f"it is of type {seen.data_type!r}, and a training reads a dataframe only"
        advice = "Upload it as a table (FateUploadOperator), or make it one (FateTransformOperator)."
        yield (warned if wanted.read_by else failed)(name, found, advice)
    elif wrong := list(_wrong(wanted, seen)):
        yield failed(name, "; ".join(wrong), "Upload it as the job needs it, or correct what is asked of it.")
    else:
        yield passed(name, f"{seen.count} rows, {_columns(seen)}")


def label_check(session: SiteSession, job: Mapping[str, Any]) -> Iterator[PreflightCheck]:
    """Whether the labels that the site's own party trains on are there and fit."""
    try:
        require_fitting_labels(session.client, session.site, job)
    except FateInputError as error:
        yield of_error("labels", error)


def _wrong(wanted: RequiredTable, seen: Preview) -> Iterator[str]:
    there = {column.name: column for column in seen.columns}
    special = {column.property: column.name for column in seen.columns}
    if seen.count is None or seen.count < wanted.min_rows:
        rows = "it does not say how many rows it has" if seen.count is None else f"{seen.count} rows"
        yield f"{rows}, needed are {wanted.min_rows}"
    if missing := [name for name in wanted.columns if name not in there]:
        more = f" and {len(missing) - MOST} more" if len(missing) > MOST else ""
        yield f"no column {', '.join(missing[:MOST])}{more}"
    for kind, name in (("label", wanted.label), ("match_id", wanted.match_id)):
        if name is not None and special.get(kind) != name:
            yield f"its {kind} is {special.get(kind) or 'missing'}, needed is {name}"
    for name, dtype in wanted.types.items():
        if name not in there:
            yield f"no column {name}"
        elif there[name].type != dtype:
            yield f"{name} is {there[name].type}, needed is {dtype}"
    if wanted.contract is not None:
        from airflow_provider_fate.federation.table_check import table_differences

        for one in table_differences(wanted.contract, table_facts(seen)):
            yield f"{one.field}{'' if one.value is None else f' is {one.value}'}: {one.reason}"


def _columns(seen: Preview) -> str:
    features = sum(column.property == "column" for column in seen.columns)
    label = next((f", label {column.name}" for column in seen.columns if column.property == "label"), "")
    return f"{features} features{label}"


def _reader(read: ReadTable) -> str:
    return f"{read.task} of {read.role} {read.party_id}"

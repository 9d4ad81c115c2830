"""What a user gives as a reference or as a current table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.collect import job_id_of

__all__ = [
    "GivenDriftTable",
    "GivenFile",
    "GivenOutput",
    "GivenProfile",
    "GivenQuery",
    "GivenTable",
    "GivenTraining",
    "read_given",
]

_FORMS = (
    "Write 'namespace.name' of a FATE table, the result of a task that made one, the path or URL of a file, "
    "{'source': ...}, {'sql': ..., 'sql_conn_id': ...}, {'profile': ...}, {'model': ...} or {'job': ..., 'task': ...}."
)


@dataclass(frozen=True)
class GivenTable:
    """A table of the site."""

    table: TableName


@dataclass(frozen=True)
class GivenTraining:
    """The table of this party that a model was trained on.

    :param job_id: the job that has trained it.
    """

    job_id: str


@dataclass(frozen=True)
class GivenOutput:
    """What a task of a job has made.

    :param output: output key; ``None``: the only one.
    """

    job_id: str
    task: str
    output: str | None = None


@dataclass(frozen=True)
class GivenProfile:
    """A profile that was written before."""

    url: str


@dataclass(frozen=True)
class GivenFile:
    """A file on any storage."""

    source: str
    conn_id: str | None = None
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True)
class GivenQuery:
    """What a query returns."""

    sql: str
    conn_id: str
    parameters: Sequence[Any] | Mapping[str, Any] | None = None


GivenDriftTable = GivenTable | GivenTraining | GivenOutput | GivenProfile | GivenFile | GivenQuery


def read_given(name: str, given: object) -> GivenDriftTable:
    """Read what a user has given.

    :param name: of the argument, for messages.
    :raises FateInputError: it says nothing that is known.
    """
    if isinstance(given, str) and given.strip():
        return _text(given.strip())
    if isinstance(given, Mapping):
        return _mapping(name, given)
    raise FateInputError(f"{name}={given!r} names no table.", hint=_FORMS)


def _text(text: str) -> GivenDriftTable:
    if "/" in text:
        return GivenProfile(text) if text.endswith(".json") else GivenFile(text)
    if text.isdigit():
        return GivenTraining(text)
    return GivenTable(TableName.parse(text))


def _mapping(name: str, given: Mapping[str, Any]) -> GivenDriftTable:
    if given.get("profile"):
        return GivenProfile(str(given["profile"]))
    if given.get("source"):
        _only(name, given, "source", "source_conn_id", "delimiter", "encoding")
        return GivenFile(
            str(given["source"]),
            given.get("source_conn_id") or None,
            str(given.get("delimiter") or ","),
            str(given.get("encoding") or "utf-8"),
        )
    if given.get("sql"):
        _only(name, given, "sql", "sql_conn_id", "sql_parameters")
        if not given.get("sql_conn_id"):
            raise FateInputError(f"{name} has sql and no sql_conn_id.", hint="Name the connection to the database.")
        return GivenQuery(str(given["sql"]), str(given["sql_conn_id"]), given.get("sql_parameters"))
    if given.get("table"):
        return GivenTable(TableName.parse(str(given["table"])))
    if "trained_by" in given:
        raise FateInputError(
            f"{name} is the result of job {given.get('job_id')}, which has given this party no scores.",
            hint="FATE gives the scores of vertical models to the guest: look at them at its site.",
        )
    if given.get("model"):
        return GivenTraining(job_id_of(given["model"]))
    if given.get("job"):
        if not given.get("task"):
            raise FateInputError(f"{name} has job and no task.", hint="Say which task's data it is: 'psi_0'.")
        job = given["job"]
        job_id = job.get("job_id") if isinstance(job, Mapping) else job
        if not isinstance(job_id, str):
            raise FateInputError(f"{name}: job={job!r} names no job.", hint="Give its id, or the task's result.")
        return GivenOutput(job_id, str(given["task"]), given.get("output") or None)
    if given.get("job_id"):
        return GivenTraining(job_id_of(given))
    raise FateInputError(f"{name} has {', '.join(map(str, given)) or 'nothing'}, which names no table.", hint=_FORMS)


def _only(name: str, given: Mapping[str, Any], *known: str) -> None:
    if unknown := [key for key in given if key not in known]:
        raise FateInputError(
            f"{name} has {', '.join(map(repr, unknown))}, which is unknown beside {known[0]}.",
            hint=f"Known are {', '.join(known)}.",
        )

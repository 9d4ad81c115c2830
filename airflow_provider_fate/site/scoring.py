"""What a site knows of a model that is to score: the job that trained it, whether it is still there, its columns."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import (
    FateInputError,
    FateModelNotFound,
    FateTableNotFound,
    FateTaskNotFound,
)
from airflow_provider_fate.site.records import own_record
from airflow_provider_fate.site.tables import ReadTable, read_tables

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TableRecord
    from airflow_provider_fate.hooks.site import FateSite

__all__ = [
    "require_known_columns",
    "require_labels",
    "require_model",
    "require_older_models",
    "require_same_columns",
    "training_record",
]

log = logging.getLogger(__name__)

_NETWORKS = {"homo_nn": ("guest", "host"), "hetero_nn": ("guest",)}
"""They take the classes from the label of the rows that they score (FATE 2.2), and fail where there is none."""
MOST = 10
"""Columns that are named in a message; tables may have thousands."""


def training_record(flow: FlowClient, site: FateSite, job_id: str) -> JobRecord:
    """The record of a job that has trained a model.

    :raises FateModelNotFound: the site does not know it.
    :raises FateInputError: it has not succeeded.
    """
    records = flow.job.query(job_id=job_id)
    if not records:
        raise FateModelNotFound(
            f"The site of connection {site.conn_id!r} does not know job {job_id}, which is to have trained the model.",
            job_id=job_id,
            hint="Was it run over another connection, or cleaned? A model goes with the job that trained it.",
        )
    record = own_record(records, site.role, site.party_id)
    if str(record.status) != "success":
        raise FateInputError(
            f"Job {job_id}, which is to have trained the model, is {record.status}.",
            hint="Wait until it has succeeded, or give another job.",
            job_id=job_id,
        )
    return record


def require_model(flow: FlowClient, record: JobRecord, tasks: Iterable[str]) -> None:
    """Check that this site's part of the models is there; a partner's cannot be seen.

    :param record: of the job that trained them.
    :param tasks: names of the tasks whose models are used.
    :raises FateModelNotFound: one is not.
    """
    for task in tasks:
        try:
            flow.output.model(record.job_id, record.role, record.party_id, task)
        except (FateModelNotFound, FateTaskNotFound):
            raise FateModelNotFound(
                f"The model of task {task} of job {record.job_id} is not at this site ({record.role} "
                f"{record.party_id}) any more: it was deleted.",
                job_id=record.job_id,
                party=f"{record.role} {record.party_id}",
                hint="Train it again, or score with another job. The parts of the partners may still be there, but "
                "no party can score alone.",
            ) from None


def require_older_models(flow: FlowClient, record: JobRecord, dag: Mapping[str, Any]) -> None:
    """Check the same for models that the job has itself taken from an older one, such as a scaling.

    :param record: of the job.
    :param dag: the DAG that uses them.
    :raises FateModelNotFound: one is not there. Of a model whose job this site does not know nothing is said.
    """
    for task in dag["dag"]["tasks"].values():
        for sources in ((task.get("inputs") or {}).get("model") or {}).values():
            stored = sources.get("model_warehouse") or {}
            job_id, name = stored.get("model_id"), stored.get("producer_task")
            # FATE gives a model the id of the job that trains it, unless the job asks for another.
            if job_id in (None, record.model_id, record.job_id) or not flow.job.query(job_id=job_id):
                continue
            try:
                flow.output.model(str(job_id), record.role, record.party_id, str(name))
            except (FateModelNotFound, FateTaskNotFound):
                raise FateModelNotFound(
                    f"Job {record.job_id} goes on from job {job_id}, and the model of that job's task {name} is not at "
                    f"this site ({record.role} {record.party_id}) any more: it was deleted.",
                    job_id=str(job_id),
                    party=f"{record.role} {record.party_id}",
                    hint="Nothing else knows the columns as the model does: train again without warm_start.",
                ) from None


@dataclass(frozen=True)
class _Column:
    name: str
    type: str


def require_same_columns(
    flow: FlowClient,
    site: FateSite,
    record: JobRecord,
    training: Mapping[str, Any],
    predict: Mapping[str, Any],
    *,
    purpose: str = "is to score",
) -> None:
    """Compare the tables that the site's own party is to score, or to train on again, with those that it trained on.

    FATE takes most columns by their place: with others it would fail in the middle, or score nonsense.

    :param record: of the training job.
    :param training: its DAG.
    :param predict: the DAG of the new job.
    :param purpose: what the party is to do with its table, for messages.
    :raises FateInputError: columns are missing, too many, in another order or of another type; names them.
    """
    trained = [table for table in read_tables(training) if table.party_id == site.party_id]
    for table in read_tables(predict):
        if table.party_id != site.party_id:
            continue
        by_task = [known for known in trained if (known.task, known.role) == (table.task, table.role)]
        before = next(iter(by_task or [known for known in trained if known.role == table.role]), None)
        expected = _trained_on(flow, record, before, training)
        if expected is None:
            log.warning(
                "The columns of %s.%s are not compared: nothing is left of what job %s was trained on",
                table.namespace,
                table.name,
                record.job_id,
            )
            continue
        _require_alike(flow, table, *expected, record.job_id, purpose)


def require_known_columns(
    flow: FlowClient,
    site: FateSite,
    known: Mapping[str, tuple[str, Sequence[tuple[str, str]]]],
    job_id: str,
    predict: Mapping[str, Any],
) -> None:
    """The same where the site knows nothing of the training, and its model card does.

    :param known: by the reader of the training: its table, and names and types of the columns.
    :param job_id: the job that has trained.
    :param predict: the DAG of the new job.
    :raises FateInputError: as :func:`require_same_columns`.
    """
    for table in read_tables(predict):
        if table.party_id != site.party_id or table.task not in known:
            continue
        name, columns = known[table.task]
        _require_alike(flow, table, name, [_Column(*column) for column in columns], job_id, "is to score")


def _require_alike(
    flow: FlowClient, table: ReadTable, what: str, expected: Sequence[_Column], job_id: str, purpose: str
) -> None:
    found = _columns(_find(flow, table.namespace, table.name))
    if found is not None and (differences := list(_differences(what, expected, found))):
        raise FateInputError(
            f"{table.namespace}.{table.name}, which {table.role} {table.party_id} {purpose}, is not like what "
            f"job {job_id} was trained on: {'; '.join(differences)}.",
            hint="Upload it with the columns of the training in their order (columns=[...]), and their types. "
            "check_tables=False leaves this check out.",
            job_id=job_id,
        )


def require_labels(flow: FlowClient, site: FateSite, predict: Mapping[str, Any]) -> None:
    """Check that the site's own table has a label where one is needed: for an evaluation, and for neural networks.

    :raises FateInputError: it has none.
    """
    needed: dict[tuple[str, str], str] = {}
    for spec in predict["dag"]["tasks"].values():
        needed |= _needs_label(predict, spec)
    for table in read_tables(predict):
        task = needed.get((table.role, table.party_id))
        if table.party_id != site.party_id or task is None:
            continue
        record = _find(flow, table.namespace, table.name)
        if record is None or not (fields := _fields(record)) or any(f.get("property") == "label" for f in fields):
            continue
        what = f"{table.namespace}.{table.name}, which {table.role} {table.party_id} is to score, has no label"
        if task == "evaluation":
            raise FateInputError(
                f"{what}, and evaluate=True needs one.",
                hint="Upload it with label='y', the name of the column, or leave evaluate out.",
            )
        raise FateInputError(
            f"{what}, and FATE 2.2 cannot score rows without one by {task}.",
            hint="Upload it with a label of placeholders in which each class occurs, such as 0 and 1 in turn: they "
            "change no score. Each party of a horizontal network needs one.",
        )


def _needs_label(predict: Mapping[str, Any], task: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Parties whose rows need a label, with the component that needs it."""
    component = task["component_ref"]
    roles = {"evaluation": ("guest", "host"), **_NETWORKS}.get(component, ())
    return {
        (party["role"], party_id): component
        for party in task.get("parties") or predict["dag"]["parties"]
        for party_id in party["party_id"]
        if party["role"] in roles
    }


def _trained_on(
    flow: FlowClient, record: JobRecord, table: ReadTable | None, training: Mapping[str, Any]
) -> tuple[str, Sequence[_Column]] | None:
    """Columns of a training table; where it was deleted, of the rows of it that the first task has kept."""
    if table is None:
        return None
    if (columns := _columns(_find(flow, table.namespace, table.name))) is not None:
        return f"{table.namespace}.{table.name}", columns
    for name in _readers_of(training, table.task):
        try:
            outputs = flow.output.data_tables(record.job_id, table.role, table.party_id, name)
        except FateTaskNotFound:
            continue
        for made in (made for tables in outputs.values() for made in tables):
            if (columns := _columns(_find(flow, made.namespace, made.name))) is not None:
                return f"the output of {name}", columns
    return None


def _readers_of(training: Mapping[str, Any], reader: str) -> Iterator[str]:
    """Tasks that pass on the rows of a reader as they are."""
    from airflow_provider_fate.site.inherit import producers

    for name, task in training["dag"]["tasks"].items():
        if task.get("component_ref") in ("psi", "data_split", "sample") and reader in producers(task.get("inputs")):
            yield name


def _find(flow: FlowClient, namespace: str, name: str) -> TableRecord | None:
    try:
        return flow.table.query(namespace, name)
    except FateTableNotFound:
        return None


def _fields(record: TableRecord) -> list[Mapping[str, Any]]:
    schema = record.meta.get("schema_meta")
    fields = schema.get("fields") if isinstance(schema, dict) else None
    return [field for field in fields or () if isinstance(field, Mapping)]


def _columns(record: TableRecord | None) -> list[_Column] | None:
    """Columns that a model is trained on, without ids, label and weight; ``None`` for what is no dataframe."""
    if record is None or record.data_type != "dataframe" or not (fields := _fields(record)):
        return None
    return [_Column(str(f.get("name")), str(f.get("dtype"))) for f in fields if f.get("property") == "column"]


def _differences(what: str, expected: Sequence[_Column], found: Sequence[_Column]) -> Iterator[str]:
    types = {column.name: column.type for column in found}
    names, known = [column.name for column in found], [column.name for column in expected]
    if missing := [name for name in known if name not in types]:
        yield f"it lacks {_listed(missing)}"
    if more := [name for name in names if name not in known]:
        yield f"it has {_listed(more)}, which {what} has not"
    if not missing and not more and names != known:
        first = next(place for place, (here, there) in enumerate(zip(names, known, strict=True)) if here != there)
        yield f"the order is another: column {first + 1} is {names[first]!r}, and was {known[first]!r}"
    if other := [
        f"{column.name} ({types[column.name]} instead of {column.type})"
        for column in expected
        if types.get(column.name, column.type) != column.type
    ]:
        yield f"of another type are {_listed(other)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more

"""The labels that a job trains on: whether the site's own tables have them, and whether FATE can use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError, FateTableNotFound
from airflow_provider_fate.site.tables import ReadTable, read_tables

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import TableRecord
    from airflow_provider_fate.hooks.site import FateSite

__all__ = ["require_fitting_labels"]

_VERTICAL = ("hetero_secureboost", "hetero_nn", "sshe_lr", "sshe_linr", "coordinated_lr", "coordinated_linr")
"""Only the guest has the label."""
_HORIZONTAL = ("homo_lr", "homo_nn")
_TWO_CLASSES = ("sshe_lr", "coordinated_lr")
"""With two classes these compute with 0 and 1; FATE does not check it. With more they make pairs by themselves."""


def require_fitting_labels(flow: FlowClient, site: FateSite, dag: Mapping[str, Any]) -> None:
    """Check the labels of the tables that the site's own party trains on; a partner's cannot be seen.

    FATE itself would end the job minutes later, after the intersection.

    :raises FateInputError: a table has no label, or its first rows have labels that the training refuses.
    """
    tasks = dag["dag"]["tasks"]
    trainings: dict[str, set[str]] = {}
    for name, task in tasks.items():
        if task.get("component_ref") in (*_VERTICAL, *_HORIZONTAL):
            for reader in _readers(tasks, name):
                trainings.setdefault(reader, set()).add(name)
    for table in read_tables(dag):
        if table.party_id != site.party_id:
            continue
        using = [name for name in sorted(trainings.get(table.task, ())) if _needs_label(tasks[name], table.role)]
        if using:
            try:
                found = flow.table.query(table.namespace, table.name, display=True)
            except FateTableNotFound:
                continue  # for others to say
            for name in using:
                _check(table, found, name, tasks[name])


def _needs_label(task: Mapping[str, Any], role: str) -> bool:
    return role == "guest" or (role == "host" and task["component_ref"] in _HORIZONTAL)


def _check(table: ReadTable, found: TableRecord, name: str, task: Mapping[str, Any]) -> None:
    schema = found.meta.get("schema_meta")
    fields = schema.get("fields") if isinstance(schema, dict) else None
    if found.data_type != "dataframe" or not fields:
        return  # raw tables and bound paths get their label in the job
    what = f"{name} ({task['component_ref']})"
    label = next((place for place, field in enumerate(fields) if field.get("property") == "label"), None)
    if label is None:
        raise FateInputError(
            f"{what} needs a label, and {table.namespace}.{table.name}, which {table.role} "
            f"{table.party_id} reads, has none.",
            hint="Upload it with label='y', the name of the column; check_tables=False leaves this check out.",
        )
    rows = [row for row in found.display or [] if len(row) == len(fields)]
    seen = sorted({value for row in rows if (value := _number(row[label])) is not None})
    if _wants_zero_and_one(task, len(seen)) and not set(seen) <= {0.0, 1.0}:
        shown = ", ".join(f"{value:g}" for value in seen[:5])
        raise FateInputError(
            f"{what} with two classes needs the labels 0 and 1, and column {fields[label].get('name')!r} of "
            f"{table.namespace}.{table.name} has {shown}.",
            hint="Upload it with label_values={"
            + ", ".join(f"{value:g}: {number}" for number, value in enumerate(seen[:2]))
            + "}; check_tables=False leaves this check out.",
        )


def _wants_zero_and_one(task: Mapping[str, Any], seen: int) -> bool:
    if task["component_ref"] == "hetero_secureboost":
        return bool((task.get("parameters") or {}).get("objective", "binary:bce") == "binary:bce")
    return task["component_ref"] in _TWO_CLASSES and seen == 2


def _readers(tasks: Mapping[str, Any], training: str) -> Iterator[str]:
    """Readers whose rows reach the training data of a task, through whatever is between."""
    inputs = (tasks[training].get("inputs") or {}).get("data") or {}
    waiting, known = list(_producers([inputs.get("train_data"), inputs.get("cv_data")])), set()
    while waiting:
        name = waiting.pop()
        if name in known or name not in tasks:
            continue
        known.add(name)
        if tasks[name].get("component_ref") == "reader":
            yield name
        waiting += _producers((tasks[name].get("inputs") or {}).get("data"))


def _producers(inputs: Any) -> Iterator[str]:
    if isinstance(inputs, Mapping):
        if isinstance(inputs.get("producer_task"), str):
            yield inputs["producer_task"]
        for part in inputs.values():
            yield from _producers(part)
    elif isinstance(inputs, list):
        for part in inputs:
            yield from _producers(part)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None

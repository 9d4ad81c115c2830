"""What a table is, next to what is agreed upon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_fate.data.contract import Contract
from airflow_provider_fate.jobs.problems import Problem

__all__ = ["TableFacts", "table_differences"]


@dataclass(frozen=True)
class TableFacts:
    """What a site knows of a table.

    :param rows: how many there are; ``None``: not known.
    :param data_type: ``dataframe``, or something that no training reads.
    :param columns: names of the features, in their order.
    :param match_id: name of the column of match ids.
    :param label: name of the label.
    :param weight: name of the weights.
    :param dtypes: type by column.
    """

    rows: int | None
    data_type: str | None
    columns: Sequence[str]
    match_id: str | None = None
    label: str | None = None
    weight: str | None = None
    dtypes: Mapping[str, str] = field(default_factory=dict)


def table_differences(contract: Contract, facts: TableFacts) -> Iterator[Problem]:
    """Yield where a table is not as agreed; the way out is to upload it by its contract."""
    if facts.data_type not in (None, "dataframe"):
        yield Problem("type", facts.data_type, "a training reads a dataframe only", "Upload it as a table.")
        return
    yield from _rows(contract, facts.rows)
    for name, agreed, found in (
        ("match_id", contract.match_id.name, facts.match_id),
        ("label", contract.label.name if contract.label else None, facts.label),
        ("weight", contract.weight.name if contract.weight else None, facts.weight),
    ):
        if agreed != found:
            yield Problem(name, found, f"agreed is {agreed or 'none'}", "Upload it by its contract.")
    yield from _columns([column.name for column in contract.columns], list(facts.columns))
    yield from _types(contract, facts.dtypes)


def _rows(contract: Contract, rows: int | None) -> Iterator[Problem]:
    if rows is None:
        yield Problem("rows", None, "the site does not say how many there are", "Upload it as a table.")
    elif rows < contract.rows.min:
        yield Problem("rows", rows, f"agreed are at least {contract.rows.min}", "Look for what is missing.")
    elif contract.rows.max is not None and rows > contract.rows.max:
        yield Problem("rows", rows, f"agreed are at most {contract.rows.max}", "Look for rows that are there twice.")


def _columns(agreed: list[str], found: list[str]) -> Iterator[Problem]:
    if agreed == found:
        return
    if missing := [name for name in agreed if name not in found]:
        yield Problem("columns", None, f"missing: {', '.join(missing)}", "Upload it by its contract.")
    if more := [name for name in found if name not in agreed]:
        yield Problem("columns", None, f"not agreed upon: {', '.join(more)}", "Upload it by its contract.")
    if sorted(agreed) == sorted(found):
        first = next(i for i, (one, other) in enumerate(zip(agreed, found, strict=True)) if one != other)
        reason = f"the order is another: column {first + 1} is {found[first]}, agreed is {agreed[first]}"
        yield Problem("columns", None, reason, "Upload it by its contract: partners see columns by their position.")


def _types(contract: Contract, found: Mapping[str, str]) -> Iterator[Problem]:
    from airflow_provider_fate.data.convert import conversion_of

    for column in contract.columns:
        agreed = conversion_of(column.type or contract.dtype)[0]
        if column.name in found and found[column.name] != agreed:
            yield Problem(column.name, found[column.name], f"agreed is {agreed}", "Upload it by its contract.")

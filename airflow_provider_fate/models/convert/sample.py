"""Rows on which a graph is tried: raw columns of all parties, and what FATE has given for the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.data.source import Lines
from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_fate.data.source import FileSource
    from airflow_provider_fate.models.convert.convert import Converted

__all__ = ["Sample", "expected_scores", "read_sample"]

SCORE, DETAIL = "predict_score", "predict_detail"
"""FATE's columns: one number, and one for each class."""


@dataclass(frozen=True)
class Sample:
    """Rows that both have scored.

    :param columns: values by input of the graph.
    :param scores: FATE's for the same rows: a number, or one for each class.
    :param left_out: rows of FATE's scores that are not among the raw ones.
    """

    columns: Mapping[str, Sequence[float]]
    scores: Sequence[float | Sequence[float]]
    left_out: int


def read_sample(
    converted: Converted, rows: Sequence[tuple[str, FileSource]], scores: FileSource, *, id_column: str, limit: int
) -> Sample:
    """Read rows that both have scored, matched by their ids.

    :param rows: raw columns, each party's in a file of its own, with the party's id; or all in one, with any.
    :param scores: what FATE has given, as ``FateDownloadOperator`` writes it.
    :param id_column: name of the ids in all files.
    :param limit: at most so many rows.
    :raises FateInputError: a column is missing, an id is there twice, or a value is no number.
    """
    expected = expected_scores(scores, id_column=id_column, width=converted.width, limit=limit)
    ids = list(expected)
    place = {who: number for number, who in enumerate(ids)}
    columns: dict[str, list[float]] = {}
    seen = [0] * len(ids)
    for party_id, source in rows:
        for name, values in _read(party_id, source, converted.inputs, id_column, place, seen).items():
            if name in columns:
                raise FateInputError(f"Column {name} is in several files of rows.", hint="Give each column once.")
            columns[name] = values
    if missing := [name for name in converted.inputs if name not in columns]:
        raise FateInputError(
            f"No file of rows has {', '.join(missing)}.",
            hint=f"The graph takes {', '.join(converted.inputs)}: raw columns, before any step of the job.",
        )
    kept = [number for number, files in enumerate(seen) if files == len(rows)]
    return Sample(
        {name: [values[number] for number in kept] for name, values in columns.items()},
        [expected[ids[number]] for number in kept],
        left_out=len(ids) - len(kept),
    )


def expected_scores(
    scores: FileSource, *, id_column: str, width: int, limit: int
) -> dict[str, float | Sequence[float]]:
    """What FATE has given, by id: a number, or one for each class.

    :param scores: as ``FateDownloadOperator`` writes them.
    :param width: scores of a row.
    :param limit: at most so many rows.
    :raises FateInputError: a column is missing, or a value is no number.
    """
    wanted = DETAIL if width > 1 else SCORE
    expected: dict[str, float | Sequence[float]] = {}
    for batch in _batches(scores, [id_column, wanted]):
        for who, value in zip(*_columns(batch, scores.name, id_column, wanted), strict=True):
            if len(expected) >= limit:
                return expected
            expected[_id(who)] = _classes(value) if width > 1 else _number(value, wanted, scores.name)
    return expected


def _read(
    party_id: str, source: FileSource, inputs: Sequence[str], id_column: str, place: Mapping[str, int], seen: list[int]
) -> dict[str, list[float]]:
    """Values of one file's inputs, in the places of the ids."""
    found: dict[str, list[float]] = {}
    once: set[str] = set()
    # An input has its party before it where two parties have a column of one name.
    bare = {name: name.partition(f"_{party_id}.")[2] or name for name in inputs}
    for batch in _batches(source, [id_column, *inputs, *bare.values()]):
        names = [name for name in inputs if name in batch.schema.names or bare[name] in batch.schema.names]
        for name in names:
            found.setdefault(name, [0.0] * len(place))
        there = [name if name in batch.schema.names else bare[name] for name in names]
        ids, *values = _columns(batch, source.name, id_column, *there)
        for row, given in enumerate(ids):
            who = _id(given)
            if who not in place:
                continue
            if who in once:
                raise FateInputError(f"id {who!r} is twice in {source.name}.", hint="Give each row once.")
            once.add(who)
            number = place[who]
            seen[number] += 1
            for name, column in zip(names, values, strict=True):
                found[name][number] = _number(column[row], name, source.name)
    return found


def _batches(source: FileSource, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    before = 0
    for given in source.batches(wanted):
        batch = given.parse(before) if isinstance(given, Lines) else given
        before += batch.num_rows
        yield batch


def _columns(batch: pa.RecordBatch, source: str, *names: str) -> list[list[Any]]:
    there = batch.schema.names
    if missing := [name for name in names if name not in there]:
        raise FateInputError(
            f"{source} has no column {', '.join(missing)}.", hint=f"It has {', '.join(map(str, there[:20]))}."
        )
    return [batch.column(there.index(name)).to_pylist() for name in names]


def _id(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(value: Any, column: str, source: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise FateInputError(
            f"{column} of {source} is {_id(value)!r}, and not a number.", hint="Give rows without missing values."
        ) from None


def _classes(detail: Any) -> list[float]:
    """The numbers in FATE's ``{'0': 0.2, '1': 0.8}``, in the order of the classes."""
    text = _id(detail).strip().strip('"').replace("'", '"')
    try:
        found = json.loads(text)
        return [float(found[key]) for key in sorted(found, key=lambda key: (len(key), key))]
    except (AttributeError, TypeError, ValueError):
        raise FateInputError(
            f"{DETAIL} is {text[:80]!r}, and not one number for each class.", hint="Download FATE's scores again."
        ) from None

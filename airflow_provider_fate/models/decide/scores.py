"""Tables of scores: read, checked, and paired row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.errors import FateDataError, FateInputError, FateNotJudgedError

__all__ = [
    "Floats",
    "PairedScores",
    "ScoredRows",
    "Scores",
    "class_name",
    "pair_scores",
    "scored_rows",
    "wanted_columns",
]

Floats: TypeAlias = npt.NDArray[np.float64]

SCORE, RESULT, DETAIL = "predict_score", "predict_result", "predict_detail"
_NOTHING = ["", "nan", "NaN", "None", "null"]
_AGAIN = "Score the same rows with both models, and give the whole tables."


@dataclass(frozen=True)
class Scores:
    """What a model says of each row.

    :ivar score: probability of class 1, or the value of a regression.
    :ivar result: the class that it decides for, where that is known.
    :ivar detail: probabilities by class as JSON, where they are known.
    """

    score: Floats
    result: Floats | None
    detail: pa.Array | None

    def take(self, rows: npt.NDArray[np.int64]) -> Scores:
        """Only these rows, in this order."""
        return Scores(
            self.score[rows],
            None if self.result is None else self.result[rows],
            None if self.detail is None else self.detail.take(pa.array(rows)),
        )

    @property
    def has_several_classes(self) -> bool:
        """Whether there are probabilities of more than two classes."""
        return self.detail is not None and len(self.detail) > 0 and len(_chances(self.detail[0])) > 2

    def chances(self, classes: Floats) -> Floats:
        """Probabilities of each of these classes, one line for each class.

        :raises FateNotJudgedError: a row has none of one of them.
        """
        assert self.detail is not None
        wanted = classes.tolist()
        rows = [[given.get(one, math.nan) for one in wanted] for given in map(_chances, self.detail)]
        found = np.array(rows, dtype=np.float64).reshape(len(rows), len(wanted)).T
        if bad := int(np.count_nonzero(~np.isfinite(found).all(axis=0))):
            raise FateNotJudgedError(
                f"{DETAIL} has not a probability of each class ({', '.join(map(class_name, wanted))}) in {bad:,} of "
                f"{len(rows):,} rows.",
                hint="A class that the model has never seen, or another label column than the one it was trained on?",
            )
        return found

    def chance_of(self, label: Floats) -> Floats:
        """The probability that each row's true class was given.

        :raises FateNotJudgedError: a row has none.
        """
        assert self.detail is not None
        found = [
            _chances(value).get(wanted, math.nan) for value, wanted in zip(self.detail, label.tolist(), strict=True)
        ]
        chances = np.array(found, dtype=np.float64)
        if bad := int(np.count_nonzero(~((chances >= 0) & (chances <= 1)))):
            raise FateNotJudgedError(
                f"{DETAIL} has no probability of the true class in {bad:,} of {len(chances):,} rows.",
                hint="A class that the model has never seen, or another label column than the one it was trained on?",
            )
        return chances


def _chances(value: pa.Scalar) -> dict[float, float]:
    """Probabilities by class; empty where they cannot be read."""
    text = value.as_py()
    for form in (text, str(text).strip('"').replace("'", '"')):
        try:
            return {float(key): float(chance) for key, chance in json.loads(form).items()}
        except (TypeError, ValueError, AttributeError):
            continue
    return {}


@dataclass(frozen=True)
class ScoredRows:
    """A table of scores.

    :ivar name: where it was read, for messages and the verdict.
    :ivar id: name of the column of the ids.
    :ivar ids: what names each row, as text.
    :ivar label: the true values, if the table has them.
    """

    name: str
    id: str
    ids: pa.Array
    label: Floats | None
    scores: Scores

    def __len__(self) -> int:
        return len(self.ids)

    def require_fit(self) -> None:
        """See that each row is there once, and has a score.

        :raises FateNotJudgedError: there are no rows, ids are missing or occur twice, or scores are no numbers.
        """
        if not len(self):
            raise FateNotJudgedError(f"{self.name} has no rows.", hint="Has the predict job scored any?")
        if missing := self.ids.null_count:
            raise FateNotJudgedError(f"{self.name}: {missing:,} rows have no {self.id}.", hint="Each row needs an id.")
        if twice := len(self) - len(pc.unique(self.ids)):
            raise FateNotJudgedError(
                f"{self.name}: {twice:,} of {len(self):,} rows have the {self.id} of another row.",
                hint="Rows are compared by their ids, so each must have its own. Name another column, or leave repeats "
                "out.",
            )
        if bad := int(np.count_nonzero(~np.isfinite(self.scores.score))):
            raise FateNotJudgedError(
                f"{self.name}: {SCORE} is no finite number in {bad:,} of {len(self):,} rows.",
                hint="Has the training diverged, or are features missing?",
            )


@dataclass(frozen=True)
class PairedScores:
    """The same rows, scored by one or two models; ordered by their ids.

    :ivar only_challenger: rows that only the challenger has scored.
    :ivar only_champion: rows that only the champion has scored.
    """

    label: Floats
    challenger: Scores
    champion: Scores | None
    only_challenger: int = 0
    only_champion: int = 0


# --- reading ----------------------------------------------------------------------------------------------------------


def scored_rows(name: str, table: pa.Table, *, id: str, label: str) -> ScoredRows:
    """Read a table of scores.

    :param name: where it was read.
    :param table: with the columns ``predict_score`` and the id; the label, ``predict_result`` and ``predict_detail``
        are read if it has them. Texts may be bytes, numbers may be texts.
    :raises FateInputError: a column is missing.
    :raises FateDataError: a column holds something else than numbers.
    """
    for column, argument in ((id, "id"), (SCORE, None)):
        if column not in table.column_names:
            named = f", which {argument} names" if argument else ""
            raise FateInputError(
                f"{name} has no column {column!r}{named}; it has {', '.join(table.column_names[:30])}.",
                hint="Name the column of the ids: ScoreComparison(id='patient')."
                if argument
                else f"Give the scores of a predict job: the columns id, label and {SCORE}.",
            )
    ids = _texts(name, id, table[id])
    score = _numbers(name, SCORE, table[SCORE])
    there = set(table.column_names)
    result = _numbers(name, RESULT, table[RESULT]) if RESULT in there else None
    detail = _texts(name, DETAIL, table[DETAIL]) if DETAIL in there else None
    labels = _numbers(name, label, table[label]) if label in there else None
    return ScoredRows(name, id, ids, labels, Scores(score, result, detail))


def wanted_columns(id: str, label: str) -> list[str]:
    """The columns that :func:`scored_rows` reads if they are there."""
    return [id, label, SCORE, RESULT, DETAIL]


def _texts(name: str, title: str, column: pa.ChunkedArray) -> pa.Array:
    try:
        return pc.cast(_whole(column), pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise FateDataError(f"{name}: column {title!r} is no text in UTF-8.", column=title) from None


def _numbers(name: str, title: str, column: pa.ChunkedArray) -> Floats:
    """A column as numbers; what is missing is NaN."""
    values = _whole(column)
    try:
        if pa.types.is_boolean(values.type):
            values = pc.cast(values, pa.int8())
        elif not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
            trimmed = pc.utf8_trim_whitespace(pc.cast(values, pa.string()))
            values = pc.if_else(pc.is_in(trimmed, pa.array(_NOTHING)), pa.scalar(None, pa.string()), trimmed)
        numbers = pc.fill_null(pc.cast(values, pa.float64()), math.nan)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise FateDataError(
            f"{name}: column {title!r} holds something else than numbers.",
            hint="Labels, scores and results are numbers in FATE's predictions.",
            column=title,
        ) from None
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


# --- pairing ----------------------------------------------------------------------------------------------------------


def pair_scores(challenger: ScoredRows, champion: ScoredRows | None, *, max_unmatched: float = 0.0) -> PairedScores:
    """Bring the rows of both tables together by their ids.

    :param champion: ``None``: there is none, and the challenger's rows stand alone.
    :param max_unmatched: which part of all rows may be in one table only.
    :raises FateInputError: no table has the label.
    :raises FateNotJudgedError: a table is not fit, too many rows are in one only, or labels are missing or differ.
    """
    challenger.require_fit()
    if champion is not None:
        champion.require_fit()
    order = pc.sort_indices(challenger.ids).to_numpy().astype(np.int64)
    if champion is None:
        label = _label([challenger], [order])
        return PairedScores(label, challenger.scores.take(order), None)
    place = pc.index_in(challenger.ids, value_set=champion.ids).take(pa.array(order))
    common = place.is_valid().to_numpy(zero_copy_only=False)
    ours, theirs = order[common], place.drop_null().to_numpy().astype(np.int64)
    only_challenger, only_champion = len(challenger) - len(ours), len(champion) - len(ours)
    unmatched, total = only_challenger + only_champion, len(ours) + only_challenger + only_champion
    if not len(ours) or unmatched > max_unmatched * total:
        raise FateNotJudgedError(
            f"Challenger and champion have not scored the same rows: {len(ours):,} are in both tables, "
            f"{only_challenger:,} only in {challenger.name}, {only_champion:,} only in {champion.name}.",
            hint=f"{_AGAIN} A few rows more or less can be allowed: ScoreComparison(max_unmatched=0.01).",
        )
    return PairedScores(
        _label([challenger, champion], [ours, theirs]),
        challenger.scores.take(ours),
        champion.scores.take(theirs),
        only_challenger,
        only_champion,
    )


def _label(tables: Sequence[ScoredRows], rows: Iterable[npt.NDArray[np.int64]]) -> Floats:
    found = [
        (table.name, table.label[kept]) for table, kept in zip(tables, rows, strict=True) if table.label is not None
    ]
    if not found:
        raise FateInputError(
            f"{' and '.join(table.name for table in tables)} have no label.",
            hint="The new rows need the label, or name its column: ScoreComparison(label='malignant').",
        )
    for name, values in found:
        if missing := int(np.count_nonzero(~np.isfinite(values))):
            raise FateNotJudgedError(
                f"{name}: {missing:,} of {len(values):,} rows have no label.", hint="Leave them out of both tables."
            )
    if len(found) == 2 and (differ := int(np.count_nonzero(found[0][1] != found[1][1]))):
        raise FateNotJudgedError(
            f"The labels of {differ:,} of {len(found[0][1]):,} rows differ between {found[0][0]} and {found[1][0]}.",
            hint=_AGAIN,
        )
    label: Floats = found[0][1]
    return label


def class_name(value: Any) -> str:
    """How a class is called: ``1`` rather than ``1.0``."""
    return f"{value:g}"

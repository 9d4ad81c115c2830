"""From the tables of FATE's ``evaluation`` to curves and tables.

FATE 2.2 names its tables and columns as its module ``fate.ml.evaluation.classification`` says. A table whose columns
are others than those stays a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from airflow_provider_fate.metrics.model import Curve, MetricTable

__all__ = ["as_columns", "as_table", "curves_of", "dataset_of", "precision_recall"]

Columns: TypeAlias = Mapping[str, list[Any]]
Place: TypeAlias = Mapping[str, Any]

FRACTION, SCORE, RATIO = "fraction", "score", "ratio"
_DATASETS = {"train_set": "train", "validate_set": "validate", "test_set": "test", "origin": None}
_THRESHOLDS = {  # name of FATE's table: its column of values, name of the curve, what it shows
    "biclass_precision_table": ("p", "precision", "precision"),
    "biclass_recall_table": ("r", "recall", "recall"),
    "biclass_accuracy_table": ("accuracy", "accuracy", "accuracy"),
    "fscore_table": ("f_score", "f1", "F1 score"),
}


def dataset_of(name: str) -> str | None:
    """FATE's name for a kind of rows, in short; ``None`` where the predictions do not say which rows they are of."""
    return _DATASETS.get(name, name)


def as_columns(value: object) -> dict[str, list[Any]] | None:
    """A table as FATE writes it, values by column; ``None``: it is no such table."""
    if not isinstance(value, Mapping) or not value:
        return None
    columns = {str(name): column for name, column in value.items() if isinstance(column, list)}
    if len(columns) < len(value) or len({len(column) for column in columns.values()}) != 1:
        return None
    return columns


def as_table(place: Place, columns: Columns) -> MetricTable | None:
    """Columns of FATE as rows; ``None`` where a cell is more than one number or text."""
    cells = [cell for column in columns.values() for cell in column]
    if not all(cell is None or isinstance(cell, bool | int | float | str) for cell in cells):
        return None
    return MetricTable(
        **place, columns=tuple(columns), rows=tuple(tuple(row) for row in zip(*columns.values(), strict=True))
    )


def curves_of(place: Place, columns: Columns) -> list[Curve]:
    """The curves that a table of FATE draws; ``[]``: it draws none that is known.

    :param place: what the table belongs to; its name is among it.
    """
    draw = _DRAWN.get(str(place["name"]))
    return list(draw(place, columns)) if draw else []


def precision_recall(curves: Sequence[Curve]) -> Curve | None:
    """Precision over recall, where both were taken at the same thresholds."""
    precision = next((curve for curve in curves if curve.name == "precision"), None)
    recall = next((curve for curve in curves if curve.name == "recall"), None)
    if precision is None or recall is None or precision.x != recall.x:
        return None
    return precision.model_copy(
        update={
            "name": "precision_recall",
            "x_name": "recall",
            "x_unit": FRACTION,
            "x": recall.y,
            "threshold": precision.x,
            "made_of": ("biclass_precision_table", "biclass_recall_table"),
        }
    )


def _of_ks(place: Place, columns: Columns) -> Iterator[Curve]:
    """ROC and KS: the table has both rates at each hundredth of the rows."""
    if not _numbers(columns, "tpr", "fpr", "threshold", "cuts"):
        return
    tpr, fpr, cuts = columns["tpr"], columns["fpr"], columns["cuts"]
    apart = [one - other for one, other in zip(tpr, fpr, strict=True)]
    common = {"threshold": columns["threshold"], "y_unit": FRACTION, "made_of": ("ks_table",)}
    yield Curve(
        **{**place, "name": "roc"}, **common, cut=cuts, x=fpr, y=tpr,
        x_name="false positive rate", x_unit=FRACTION, y_name="true positive rate",
    )  # fmt: skip
    yield Curve(
        **{**place, "name": "ks"}, **common, cut=cuts, x=cuts, y=apart,
        x_name="rows from the highest score down", x_unit=FRACTION, y_name="true minus false positive rate",
    )  # fmt: skip


def _of_thresholds(place: Place, columns: Columns) -> Iterator[Curve]:
    column, name, shown = _THRESHOLDS[str(place["name"])]
    if _numbers(columns, column, "threshold", "cuts"):
        yield Curve(
            **{**place, "name": name}, x=columns["threshold"], y=columns[column], cut=columns["cuts"],
            x_name="threshold", x_unit=SCORE, y_name=shown, y_unit=FRACTION,
        )  # fmt: skip


def _of_classes(place: Place, columns: Columns) -> Iterator[Curve]:
    """Gain and lift: a pair in each row, for label 0 and for label 1."""
    name = str(place["name"])
    x, y = f"{name}x", f"{name}y"
    if set(columns) != {x, y, "threshold"} or not _numbers({"threshold": columns["threshold"]}, "threshold"):
        return
    if not all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair)) for pair in columns[x] + columns[y]
    ):
        return
    for index, label in enumerate(("0", "1")):
        yield Curve(
            **{**place, "label": label}, x=[pair[index] for pair in columns[x]], y=[pair[index] for pair in columns[y]],
            threshold=columns["threshold"], x_name="rows taken for this label", x_unit=FRACTION,
            y_name="rows of this label that were found" if name == "gain" else "times better than by chance",
            y_unit=FRACTION if name == "gain" else RATIO,
        )  # fmt: skip


def _numbers(columns: Columns, *names: str) -> bool:
    """Whether there are these columns and no others, of numbers."""
    return set(columns) == set(names) and all(all(map(_is_number, columns[name])) for name in names)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_DRAWN: dict[str, Callable[[Place, Columns], Iterator[Curve]]] = {
    "ks_table": _of_ks,
    "gain": _of_classes,
    "lift": _of_classes,
    **dict.fromkeys(_THRESHOLDS, _of_thresholds),
}

"""How good the predictions of each fold of a cross validation are.

FATE 2.2 trains the folds, and writes their predictions, but no ``evaluation`` takes them: its input wants tables, and
the folds are a list of such. So what FATE's evaluation would say of each is computed here, by the same definitions.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_fate.metrics.evaluation import dataset_of
from airflow_provider_fate.metrics.model import MetricValue

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_fate.clients.fate_flow import FlowClient

__all__ = ["PREDICTIONS", "judge", "judge_folds"]

PREDICTIONS = "cv_output_datas"
"""FATE's name of the output that holds the predictions of the folds, one table each, in their order."""
_COLUMNS = ("label", "predict_score", "predict_result", "type")


def judge_folds(flow: FlowClient, who: tuple[str, str, str], task: str) -> Iterator[MetricValue]:
    """Judge the predictions of a task for its training rows and for those that each fold has held out.

    :param who: id of the job, role, party id. Labels stand in the predictions of the guest only.
    :raises FateError: the site does not hand them out.
    """
    from airflow_provider_fate.data.output import read_batches
    from airflow_provider_fate.data.output_source import SourceTable, fetch

    tables = flow.output.data_tables(*who, task).get(PREDICTIONS, [])
    for fold, table in enumerate(tables):
        wanted = SourceTable(table.namespace, table.name, f"fold {fold} of task {task} of job {who[0]}")
        with tempfile.TemporaryDirectory(prefix="fate-fold-") as folder:
            archive = Path(folder) / "fold.tar.gz"
            described, contents = fetch(flow, wanted, archive)
            if not set(_COLUMNS) <= set(contents.header):
                continue
            schema, batches = read_batches(archive, described, contents, columns=_COLUMNS)
            rows = _table(schema, batches)
        for dataset, found in _judged(rows):
            for name, value in found.items():
                yield MetricValue(
                    task=task, metric=PREDICTIONS, name=name, model=task, dataset=dataset, fold=fold, value=value
                )


def _table(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches(batches, schema=schema)


def _judged(rows: pa.Table) -> Iterator[tuple[str | None, Mapping[str, float]]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for kind in pc.unique(rows["type"]).to_pylist():
        chosen = rows.filter(pc.equal(rows["type"], kind))
        try:
            label, score, result = (
                pc.cast(chosen[name], pa.float64()).combine_chunks()
                for name in ("label", "predict_score", "predict_result")
            )
        except pa.ArrowInvalid:  # scores of several classes are lists
            label, result = (
                pc.cast(chosen[name], pa.float64()).combine_chunks() for name in ("label", "predict_result")
            )
            score = None
        yield dataset_of(str(kind)), judge(label, score, result)


def judge(label: pa.Array, score: pa.Array | None, result: pa.Array) -> dict[str, float]:
    """Compare predictions with labels, as FATE's evaluation does.

    :param score: the probability of label 1, or the predicted value; ``None``: one for each of several classes.
    :param result: the predicted label, or value.
    :returns: ``auc`` and ``binary_accuracy`` for labels 0 and 1; ``multi_accuracy`` for other labels that are whole
        numbers, as the results are; else ``rmse``, ``mse``, ``mae``, ``r2_score``. What the rows cannot tell, such as
        an AUC of rows that all have one label, is left out.
    """
    import pyarrow.compute as pc

    if not len(label):
        return {}
    classes = pc.unique(label).to_pylist()
    told: dict[str, float]
    if score is None or not {0.0, 1.0}.issuperset(classes):
        if score is None or _whole(classes + pc.unique(result).to_pylist()):
            return {"multi_accuracy": pc.mean(pc.equal(label, result)).as_py()}
    elif _whole(pc.unique(result).to_pylist()):
        told = {"binary_accuracy": pc.mean(pc.equal(label, pc.cast(pc.greater(score, 0.5), "double"))).as_py()}
        return told | ({"auc": _auc(label, score)} if len(classes) == 2 else {})
    off = pc.subtract(score, label)
    mse = pc.mean(pc.multiply(off, off)).as_py()
    told = {"rmse": math.sqrt(mse), "mse": mse, "mae": pc.mean(pc.abs(off)).as_py()}
    spread = pc.variance(label).as_py()
    return told | ({"r2_score": 1 - mse / spread} if spread else {})


def _whole(values: list[float | None]) -> bool:
    return all(value is not None and float(value).is_integer() for value in values)


def _auc(label: pa.Array, score: pa.Array) -> float:
    """Part of the pairs of a positive and a negative row in which the positive has the higher score, ties half."""
    import pyarrow.compute as pc

    low, high = (pc.cast(pc.rank(score, tiebreaker=how), "double") for how in ("min", "max"))
    ranks = pc.divide(pc.add(low, high), 2.0)
    positives = pc.sum(label).as_py()
    above = pc.sum(pc.multiply(ranks, label)).as_py() - positives * (positives + 1) / 2
    return float(above / (positives * (len(label) - positives)))

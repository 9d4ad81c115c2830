"""The predictions of a cross validation, fold by fold, as the site has them."""

from __future__ import annotations

import json
import logging
from array import array
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import TaskRecord
    from airflow_provider_fate.jobs.fold_metrics import Kind

__all__ = ["metrics_of_folds"]

log = logging.getLogger(__name__)

OUTPUT = "cv_output_datas"
_COLUMNS = ["label", "predict_score", "predict_result", "type"]


def metrics_of_folds(flow: FlowClient, task: TaskRecord) -> dict[str, float | int]:
    """The metrics of the folds of a task: ``{"cv.auc.mean": 0.9, "cv.fold_0.auc": 0.88, ...}``.

    :returns: nothing for a task that has not cross-validated, and for a party that has no label.
    """
    from airflow_provider_fate.jobs.catalogue import known_components
    from airflow_provider_fate.jobs.fold_metrics import fold_metrics

    component = known_components().get((task.component or "").lower())
    if component is None or OUTPUT not in component.data_outputs:
        return {}
    tables = flow.output.data_tables(task.job_id, task.role, task.party_id, task.task_name).get(OUTPUT, [])
    folds = []
    for number, table in enumerate(tables):
        found = _fold(flow, table.namespace, table.name, f"fold {number} of task {task.task_name}")
        if not found:
            log.warning("Fold %d of task %s cannot be judged: it has no labels", number, task.task_name)
        folds.append(found)
    return fold_metrics(folds)


def _fold(flow: FlowClient, namespace: str, name: str, what: str) -> Mapping[str, float]:
    """The metrics of the rows that a fold has held out."""
    from airflow_provider_fate.data.output import read_batches
    from airflow_provider_fate.data.output_source import SourceTable, fetch
    from airflow_provider_fate.jobs.fold_metrics import judge_fold

    labels, scores, predicted = array("d"), array("d"), array("d")
    kind: Kind | None = None
    with TemporaryDirectory(prefix="fate-fold-") as folder:
        archive = Path(folder) / "fold.tar.gz"
        table, contents = fetch(flow, SourceTable(namespace, name, what), archive)
        if "label" not in contents.header:
            return {}
        _, batches = read_batches(archive, table, contents, columns=[*_COLUMNS, "predict_detail"])
        for batch in batches:
            kind = kind or _kind(batch["predict_detail"][0].as_py())
            rows = zip(*(batch[column].to_pylist() for column in _COLUMNS), strict=True)
            for label, score, guess, part in rows:
                if part == "validate_set":
                    labels.append(float(label))
                    scores.append(float(score))
                    predicted.append(float(guess))
    return judge_fold(kind, labels, scores, predicted) if kind is not None else {}


def _kind(detail: str) -> Kind:
    """What is learned, from what FATE writes beside each prediction: the score of each class, or the number."""
    try:
        classes = json.loads(detail)
    except ValueError:  # names of classes with quotes in them
        return "multi"
    if "predict_score" in classes:
        return "regression"
    return "binary" if len(classes) == 2 else "multi"

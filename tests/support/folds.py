"""Jobs that train in folds."""

from __future__ import annotations

import copy
from typing import Any


def in_folds(document: dict[str, Any], trained: str, folds: int, *, evaluated: bool = False) -> dict[str, Any]:
    """Let a job of a recipe train in folds, as FATE-client's ``cv_data`` does.

    :param evaluated: keep the evaluation, on which FATE 2.2 fails: it takes no output that is a list.
    """
    document = copy.deepcopy(document)
    tasks = document["dag"]["tasks"]
    task = tasks[trained]
    task["stage"] = "cross_validation"
    task["inputs"]["data"] = {"cv_data": task["inputs"]["data"]["train_data"]}
    task["parameters"]["cv_param"] = {"n_splits": folds}
    given = tasks["evaluation_0"]["inputs"]["data"]["input_datas"]
    given["task_output_artifact"] = given["task_output_artifact"][0] | {"output_artifact_key": "cv_output_datas"}
    if not evaluated:
        del tasks["evaluation_0"]
    return document

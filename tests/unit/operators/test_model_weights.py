"""What a horizontal model has learnt, as data that others load: safetensors, torch's names, scikit-learn's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from safetensors import safe_open
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

from airflow_provider_fate.models.weights import read_tensors
from airflow_provider_fate.operators.model_weights import FateModelWeightsOperator
from tests.support.task import Task
from tests.unit.models.test_convert import ROWS, dot, estimator, homo, pack, sigmoid
from tests.unit.models.test_networks import FOLDER, packed
from tests.unit.operators.test_model_convert import COLUMNS, WEIGHTS, exported


def weights(package: Any, **arguments: Any) -> dict[str, Any]:
    made: dict[str, Any] = Task(lambda: FateModelWeightsOperator(task_id="weights", package=package, **arguments)).run()
    return made


def about(file: str) -> dict[str, Any]:
    with safe_open(file, framework="np") as opened:
        found: dict[str, Any] = json.loads(opened.metadata()["fate"])
        return found


@pytest.fixture
def linear(tmp_path: Path) -> dict[str, Any]:
    package = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo([list(WEIGHTS.values())], [0.75]))})
    return exported(package, tmp_path / "north")


def test_scikit_learn_scores_with_the_coefficients_as_fate_does(linear: dict[str, Any]) -> None:
    made = weights(linear)

    assert made["tensors"] == {"coef": [1, 4], "intercept": [1]}
    assert made["columns"] == list("abcd")
    found = load_file(made["safetensors"])
    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), found["coef"], found["intercept"]
    rows = np.array([ROWS[name] for name in "abcd"]).T
    expected = [sigmoid(dot(WEIGHTS, dict(zip("abcd", row, strict=True)), 0.75)) for row in rows.tolist()]
    assert model.predict_proba(rows)[:, 1] == pytest.approx(expected, abs=1e-12)


def test_a_network_with_code_of_its_own_has_its_weights_all_the_same(tmp_path: Path) -> None:
    conf = {"item_name": "Mine", "module_name": "my_nets", "kwargs": {"width": 8}}
    saved = (FOLDER / "perceptron.bin").read_bytes()
    made = weights(exported(packed(tmp_path, conf, saved), tmp_path / "north"), target=str(tmp_path / "elsewhere"))

    assert Path(made["safetensors"]).parent == tmp_path / "elsewhere"
    found = load_file(made["safetensors"])
    with (FOLDER / "perceptron.bin").open("rb") as file:
        expected = read_tensors(file, "perceptron")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert {tensor.dtype for tensor in found.values()} == {np.dtype("float32")}, "as torch has them"
    told = about(made["safetensors"])
    assert told["network"] == conf
    assert told["columns"] == list(COLUMNS)


def test_numbers_of_other_types_keep_them(tmp_path: Path) -> None:
    made = weights(exported(packed(tmp_path, {}, (FOLDER / "batch_norm.bin").read_bytes()), tmp_path / "north"))
    assert "int64" in {str(tensor.dtype) for tensor in load_file(made["safetensors"]).values()}


def test_the_same_model_gives_the_same_bytes(linear: dict[str, Any]) -> None:
    assert len({weights(linear)["safetensors_sha256"] for _ in range(5)}) == 1


def test_what_has_no_tensors_is_refused(linear: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "hetero").mkdir()
    hetero = pack(tmp_path / "hetero", "guest", "9999", {"lr_0": ("sshe_lr", estimator({"a": 1.0}, 0.5))})
    with pytest.raises(AirflowFailException, match=r"lr_0 \(sshe_lr\) has no tensors of its own"):
        weights(exported(hetero, tmp_path / "south"))
    with pytest.raises(AirflowFailException, match="trained on 4 columns, and 2 are given"):
        weights(linear, columns=["a", "b"])
    with pytest.raises(AirflowFailException, match="names no model package"):
        weights({"package": None})
    with pytest.raises(AirflowFailException, match="is not there"):
        weights(str(tmp_path / "nothing.zip"))
    with pytest.raises(AirflowFailException, match="has sha256"):
        weights(linear | {"sha256": "0" * 64})
    assert not list(tmp_path.rglob("*.safetensors"))

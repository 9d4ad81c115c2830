"""What can go wrong with a tiny model; that one is made is seen in `tests/integration/test_llm.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.llm.tiny import TinyModel, make_tiny_model

PYTHON = Path(sys.executable)  # without torch


@pytest.mark.parametrize(
    ("asked", "named", "way_out"),
    [
        ({"family": "gpt9"}, "family='gpt9'", "choose one of: gpt2, llama"),
        ({"steps": 10}, "steps=10 with 0 texts", "give texts"),
        ({"steps": -1, "texts": ["a"]}, "steps=-1", "0 steps or more"),
        ({"python": Path("/nonexistent/python")}, "does not start", "fate-local install --with llm"),
        (
            {},
            r"cannot make a tiny model: ModuleNotFoundError: No module named 'torch'",
            "fate-local install --with llm",
        ),
    ],
)
def test_what_cannot_work_is_named_with_a_way_out(
    tmp_path: Path, asked: dict[str, Any], named: str, way_out: str
) -> None:
    with pytest.raises(FateInputError, match=named) as caught:
        make_tiny_model(tmp_path, **{"python": PYTHON, **asked})
    assert way_out in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_what_is_no_tiny_model_is_not_replaced(tmp_path: Path) -> None:
    theirs = tmp_path / "tiny-gpt2" / "model.safetensors"
    theirs.parent.mkdir()
    theirs.write_text("somebody's weights")
    assert TinyModel.read(theirs.parent) is None
    with pytest.raises(FateInputError, match="has a tiny-gpt2 that is no tiny model"):
        make_tiny_model(tmp_path, python=PYTHON)
    assert theirs.read_text() == "somebody's weights"

"""What the tests of jobs have in common: two parties, reference DAGs, and one environment of fate-client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.jobs import Party

REFERENCE = Path(__file__).parent / "reference"

Parties = dict[str, Any]


@pytest.fixture
def hetero() -> Parties:
    return {
        "guest": Party("9999", "experiment.breast_hetero_guest"),
        "hosts": [Party("10000", "experiment.breast_hetero_host")],
    }


@pytest.fixture
def homo() -> Parties:
    return {
        "guest": Party("9999", "experiment.breast_homo_guest"),
        "hosts": [Party("10000", "experiment.breast_homo_host")],
    }


@pytest.fixture
def reference() -> Callable[[str], dict[str, Any]]:
    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((REFERENCE / f"{name}.json").read_text())
        return document

    return read

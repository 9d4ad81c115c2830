"""Faults at every point of the life of a job, on a fake FATE-Flow behind a real Airflow."""

from __future__ import annotations

import os

import pytest

from tests.chaos.conftest import Result
from tests.chaos.trial import Trial, trials, usual

pytestmark = [pytest.mark.chaos, pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]

CHOSEN = trials() if os.environ.get("TEST_ALL") else usual()
"""At each change one of each fault; in `make test-all` each fault with each work in each mode."""


@pytest.mark.parametrize("trial", CHOSEN, ids=lambda trial: trial.name)
def test_trial(trial: Trial, played: Result) -> None:
    verdict = played(trial)

    assert not verdict.wrong, verdict.text

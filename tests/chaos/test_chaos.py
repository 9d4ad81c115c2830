"""Faults at every point of the life of a job, on a fake FATE-Flow behind a real Airflow."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import Result
from tests.chaos.trial import Trial, usual

pytestmark = [pytest.mark.chaos, pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("trial", usual(), ids=lambda trial: trial.name)
def test_trial(trial: Trial, played: Result) -> None:
    verdict = played(trial)

    assert not verdict.wrong, verdict.text

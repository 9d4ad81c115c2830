"""Some of these faults, and kill -9 of the server, on a real FATE behind a real Airflow."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import Result
from tests.chaos.trial import Trial, trials

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.airflow,
    pytest.mark.fate,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


@pytest.mark.parametrize("trial", trials(real=True), ids=lambda trial: trial.name)
def test_trial_on_a_real_fate(trial: Trial, played_for_real: Result) -> None:
    verdict = played_for_real(trial)

    assert not verdict.wrong, verdict.text

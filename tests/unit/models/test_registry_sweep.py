"""A sweep in MLflow: what is there after it, and after a fault in the midst of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_fate.clients.mlflow import MlflowClient
from tests.support.fake_mlflow import FakeMlflow
from tests.support.json_server import FAILS, LOST
from tests.support.killed import Killed, killed
from tests.support.sweep_contract import SweepContract, trials


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with FakeMlflow() as fake:
        yield fake


class TestFakeMlflow(SweepContract):
    @pytest.fixture
    def client(self, mlflow: FakeMlflow) -> Iterator[MlflowClient]:
        with MlflowClient(mlflow.settings) as opened:
            yield opened

    def test_a_kill_at_any_request_ends_after_a_retry_with_one_sweep(
        self, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for at in range(1, 200):
            name = f"killed_{at}"
            with killed(monkeypatch, at):
                try:
                    self.record(client, name, trials(0.7, None, 0.9, 0.8))
                except Killed:
                    pass
                else:
                    break
            tracked = self.record(client, name, trials(0.7, None, 0.9, 0.8))
            assert {run.run_id for run in self.nested(client, tracked)} == set(tracked.trial_run_ids)
            assert len(client.runs.search([tracked.experiment_id], "tags.`fate.sweep` LIKE '%'")) == 5
        assert at > 20

    @pytest.mark.parametrize("fault", [FAILS, LOST])
    def test_one_failure_at_any_request_is_got_over(self, mlflow: FakeMlflow, client: MlflowClient, fault: str) -> None:
        self.record(client, "whole", trials(0.7, None, 0.9, 0.8))
        for at in range(1, len(mlflow.asked) + 1):
            mlflow.asked.clear()
            mlflow.faults = {at: fault}
            tracked = self.record(client, f"fault_{at}", trials(0.7, None, 0.9, 0.8))
            mlflow.faults = {}
            assert {run.run_id for run in self.nested(client, tracked)} == set(tracked.trial_run_ids)

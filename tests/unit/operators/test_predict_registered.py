"""New rows are scored with a registered model: the version counts at which the alias points when the task runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.models.registry import ModelRegistry, RegisteredModel
from tests.support.fake_flow import FakeFlow
from tests.unit.operators.test_predict import dataframe, refused, score, train

NAME = "credit_risk"


@pytest.fixture
def bank(site: FakeFlow) -> FakeFlow:
    for name in ("old.bank", "new.bank_20260101"):
        site.tables.add(dataframe(name))
    return site


def register(registry: ModelRegistry, trained: dict[str, Any], digit: str) -> int:
    model = RegisteredModel(
        package="p", sha256=digit * 64, role="guest", party_id="9999",
        **{name: trained[name] for name in ("job_id", "model_id", "model_version")},
    )  # fmt: skip
    return registry.register(NAME, model)[0].version


def test_the_champion_scores_and_the_result_names_its_version(bank: FakeFlow, tmp_path: Path) -> None:
    registry, trained = ModelRegistry(str(tmp_path)), train()
    register(registry, trained, "a")
    registry.move(NAME, "champion", 1)
    task = score({"registry": str(tmp_path), "name": NAME, "alias": "champion"})

    trigger = task.start()
    register(registry, trained, "b")
    registry.move(NAME, "champion", 2)  # while the job runs
    found = task.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 30)))

    assert found["registered"] == {"name": NAME, "version": 1}
    assert found["trained_by"] == trained["job_id"]


def test_a_version_is_named_by_its_number(bank: FakeFlow, tmp_path: Path) -> None:
    register(ModelRegistry(str(tmp_path)), train(), "a")
    found = score({"registry": str(tmp_path), "name": NAME, "version": "1"}).run()
    assert found["registered"] == {"name": NAME, "version": 1}


def test_without_a_champion_the_task_fails_or_is_skipped(bank: FakeFlow, tmp_path: Path) -> None:
    model = {"registry": str(tmp_path), "name": NAME, "alias": "champion"}
    assert "No version of 'credit_risk' is 'champion'" in refused(bank, model)
    with pytest.raises(AirflowSkipException, match="No version of credit_risk is champion yet"):
        score(model, if_no_model="skip").start()
    asset = model_asset("9999", "credit")
    with pytest.raises(AirflowSkipException):
        score(asset, if_no_model="skip").start()
    assert not bank.jobs


def test_a_version_that_is_not_there_is_not_skipped(bank: FakeFlow, tmp_path: Path) -> None:
    model = {"registry": str(tmp_path), "name": NAME, "version": 3}
    assert "has no version 3" in refused(bank, model, if_no_model="skip")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "names no version of a registry"),
        ({"alias": "champion", "version": 1}, "names no version of a registry"),
        ({"alias": "champion", "stage": "Production"}, "names no version of a registry"),
        ({"version": "v3"}, "version='v3' is not a number"),
    ],
)
def test_what_names_no_version_is_refused(bank: FakeFlow, tmp_path: Path, more: dict[str, Any], message: str) -> None:
    assert message in refused(bank, {"registry": str(tmp_path), "name": NAME} | more)


def test_an_unknown_wish_is_refused(bank: FakeFlow) -> None:
    with pytest.raises(Exception, match="if_no_model='run' is unknown"):
        score("1", if_no_model="run").start()


def test_a_job_that_the_site_has_forgotten_is_named(bank: FakeFlow, tmp_path: Path) -> None:
    registry, trained = ModelRegistry(str(tmp_path)), train()
    register(registry, trained, "a")
    bank.jobs.clear()
    with pytest.raises(AirflowFailException, match="does not know job"):
        score({"registry": str(tmp_path), "name": NAME, "version": 1}).start()

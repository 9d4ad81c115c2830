from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from airflow_provider_fate.errors import FateInvalidJobError
from airflow_provider_fate.jobs import load_dag

Dag = dict[str, Any]


@pytest.fixture
def job(reference: Callable[[str], Dag]) -> Dag:
    return reference("sbt_plain")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda job: job,
        lambda job: job["dag"],
        lambda job: {"dag_schema": job},
        lambda job: {"dag": job},
        lambda job: {"job_id": "2026", "status": "success", "dag": job},
        lambda job: {"job_id": "2026", "status": "success", "dag": job["dag"], "progress": 100},
        lambda job: {"code": 0, "data": {"dag": job}},
    ],
    ids=["schema", "bare", "request", "export", "record", "flat record", "answer"],
)
def test_a_job_is_found_in_whatever_it_is_wrapped(job: Dag, wrap: Callable[[Dag], Dag]) -> None:
    assert load_dag(wrap(job)) == {"dag": job["dag"], "schema_version": "2.2.0"}
    assert load_dag(json.dumps(wrap(job))) == load_dag(yaml.safe_dump(wrap(job)))


def test_party_ids_that_yaml_read_as_numbers_become_text(job: Dag) -> None:
    text = yaml.safe_dump(job).replace("'9999'", "9999").replace("'10000'", "10000")
    assert load_dag(text) == job


def test_a_single_party_id_becomes_a_list(job: Dag) -> None:
    job["dag"]["parties"][0]["party_id"] = 9999
    loaded = load_dag(job)["dag"]
    assert isinstance(loaded, dict)
    assert loaded["parties"][0]["party_id"] == ["9999"]


def test_parameters_named_like_party_ids_are_left_alone(job: Dag) -> None:
    job["dag"]["tasks"]["sbt_0"]["parameters"]["party_id"] = 3
    loaded = load_dag(job)["dag"]
    assert isinstance(loaded, dict)
    assert loaded["tasks"]["sbt_0"]["parameters"]["party_id"] == 3


def test_small_numbers_as_fate_client_writes_them_stay_numbers(job: Dag) -> None:
    text = yaml.safe_dump(job).replace("min_impurity_split: 0.01", "min_impurity_split: 1e-06")
    loaded = load_dag(text)["dag"]
    assert isinstance(loaded, dict)
    assert loaded["tasks"]["sbt_0"]["parameters"]["min_impurity_split"] == 1e-6


def test_the_mapping_that_was_given_is_not_changed(job: Dag) -> None:
    job["dag"]["parties"][0]["party_id"] = 9999
    before = json.dumps(job)
    load_dag(job)
    assert json.dumps(job) == before


@pytest.mark.parametrize("text", ["", "jobs/train.yaml", "[1, 2]", "a: [", "{}", '{"dag": {}}'])
def test_what_is_no_job_is_refused(text: str) -> None:
    with pytest.raises(FateInvalidJobError):
        load_dag(text)

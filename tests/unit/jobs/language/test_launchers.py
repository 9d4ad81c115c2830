"""How tasks are started, in jobs that somebody has written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_fate.jobs import check_dag
from tests.unit.jobs.language.recorded import FOLDER


def deepspeed() -> dict[str, Any]:
    """A job with the launcher at guest and host, as FATE-LLM's documentation has it."""
    job: dict[str, Any] = json.loads((FOLDER / "deepspeed.json").read_text())
    return job


def training(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["dag"]["tasks"]["nn_0"]["parameters"]["runner_conf"]["training_args_conf"]
    return found


def told(job: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in check_dag(job)]


def test_a_launcher_that_fits_is_taken() -> None:
    # The arbiter computes nothing: that it would be given DeepSpeed's settings, and no launcher, is how it is meant.
    assert told(deepspeed()) == []


@pytest.mark.parametrize("name", ["homo_gpt2", "ot", "fedkseed", "fedmkt", "fdkt", "inferdpt"])
def test_recorded_jobs_without_one_are_taken(name: str) -> None:
    assert told(json.loads((FOLDER / f"{name}.json").read_text())) == []


def test_a_launcher_with_a_slip_is_named() -> None:
    job = deepspeed()
    job["dag"]["party_tasks"]["host_10000"]["tasks"]["nn_0"]["conf"]["launcher_name"] = "deepsped"
    (problem,) = told(job)
    assert problem.startswith("party_tasks.host_10000.tasks.nn_0.conf.launcher_name = 'deepsped'")
    assert problem.endswith("Did you mean 'deepspeed'?")


def test_a_launcher_for_gpus_on_a_cpu_is_refused() -> None:
    job = deepspeed()
    training(job)["use_cpu"] = True
    assert len(told(job)) == 2  # at guest and host
    assert all("says use_cpu" in problem for problem in told(job))


def test_settings_without_a_launcher_are_refused_once() -> None:
    job = deepspeed()
    for party in ("guest_9999", "host_10000"):
        del job["dag"]["party_tasks"][party]["tasks"]["nn_0"]["conf"]
    (problem,) = told(job)
    assert "processes that nobody starts" in problem


def test_a_launcher_in_a_container_is_refused() -> None:
    job = deepspeed()
    job["dag"]["tasks"]["nn_0"]["conf"] = {"provider": "fate:2.2.0-llm@docker"}
    assert all("local providers only" in problem for problem in told(job))
    assert told(job)

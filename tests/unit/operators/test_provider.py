"""An environment of a site is registered, read back, and forgotten, and nothing is replaced that somebody uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateConflictError, FateFileNotFound, FateServerError
from airflow_provider_fate.jobs import HomoLLM, LanguageModel, Party
from airflow_provider_fate.operators.provider import FateDeleteProviderOperator, FateProviderOperator
from airflow_provider_fate.site.providers import ProviderName, find
from tests.support.fake_flow import FakeFlow, Script
from tests.support.task import Task

LLM = "fate:2.2.0-llm@local"


@pytest.fixture
def flow(site: FakeFlow) -> Iterator[FlowClient]:
    with FlowClient(site.settings) as client:
        yield client


def run(operator: type, **arguments: Any) -> Any:
    return Task(lambda: operator(task_id="t", fate_conn_id="fate_site", **{"provider": LLM, **arguments})).run()


def test_a_provider_is_registered_once_and_forgotten(site: FakeFlow, flow: FlowClient, tmp_path: Path) -> None:
    arguments = {"path": str(tmp_path), "venv": sys.executable}
    assert run(FateProviderOperator, **arguments) == {"provider": LLM, "changed": True}
    there = find(flow, ProviderName.parse(LLM))
    assert there is not None
    assert there.metadata == arguments
    assert run(FateProviderOperator, **arguments) == {"provider": LLM, "changed": False}
    assert site.requests.count("/provider/register") == 1
    assert run(FateDeleteProviderOperator) == {"provider": LLM, "changed": True}
    assert run(FateDeleteProviderOperator) == {"provider": LLM, "changed": False}
    assert find(flow, ProviderName.parse("fate:2.2.0@local")) is not None


def test_another_one_of_the_name_is_replaced_only_when_asked(site: FakeFlow, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    run(FateProviderOperator, path=str(tmp_path))
    with pytest.raises(AirflowFailException, match=r"(?s)another provider fate:2\.2\.0-llm.* already.*overwrite=True"):
        run(FateProviderOperator, path=str(other))
    assert run(FateProviderOperator, path=str(other), overwrite=True)["changed"]
    assert site.providers[LLM]["metadata"]["path"] == str(other)


def test_a_path_that_the_server_does_not_have_is_named(site: FakeFlow, tmp_path: Path) -> None:
    with pytest.raises(FateFileNotFound, match=r"(?s)has no '/nowhere'.*an empty one will do"):
        run(FateProviderOperator, path="/nowhere")
    assert LLM not in site.providers


def test_one_by_which_a_job_runs_is_left_alone(site: FakeFlow, flow: FlowClient, tmp_path: Path) -> None:
    run(FateProviderOperator, path=str(tmp_path))
    site.plan(Script(waiting=60))
    flow.job.submit(
        HomoLLM(
            guest=Party("9999", "texts.a"),
            hosts=[Party("10000", "texts.b")],
            model=LanguageModel(path="/data/gpt2", family="gpt2"),
            provider=LLM,
        ).dag()
    )
    for operator, arguments in (
        (FateDeleteProviderOperator, {}),
        (FateProviderOperator, {"path": str(tmp_path.parent), "overwrite": True}),
    ):
        with pytest.raises(FateConflictError, match=r"in use by job \d+"):
            run(operator, **arguments)
    assert site.providers[LLM]["metadata"]["path"] == str(tmp_path)


def test_docker_and_kubernetes_have_values_of_their_own(site: FakeFlow) -> None:
    run(FateProviderOperator, provider="fate:2.2.0-llm@docker", image="fate-llm:2.2", base_url="tcp://10.0.0.4:2376")
    run(FateProviderOperator, provider="fate:2.2.0-llm@k8s", image="fate-llm:2.2", namespace="fate-9999")
    assert site.providers["fate:2.2.0-llm@k8s"]["metadata"] == {"image": "fate-llm:2.2", "namespace": "fate-9999"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"provider": "fate-llm"}, "is not written 'name:version@device'"),
        ({"provider": "fate:2.2.0-llm@moon"}, "is not written 'name:version@device'"),
        ({"provider": "fate:2.2.0@local", "path": "/x"}, "FATE-Flow registers itself"),
        ({}, "path=None: a provider '...@local' needs it"),
        ({"path": "/a:/b"}, "is not one absolute path"),
        ({"path": "overlay"}, "is not one absolute path"),
        ({"path": "/a", "image": "x"}, "image='x': a provider '...@local' has none"),
        ({"provider": "fate:1@docker", "image": "x"}, "base_url=None"),
    ],
)
def test_what_cannot_be_right_is_refused_before_the_site_is_asked(
    site: FakeFlow, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException) as caught:
        run(FateProviderOperator, **arguments)
    assert words in str(caught.value)
    assert site.requests.count() == 0


def test_the_providers_of_fate_flow_are_not_forgotten(site: FakeFlow) -> None:
    with pytest.raises(AirflowFailException, match="FATE-Flow registers itself"):
        run(FateDeleteProviderOperator, provider="fate:2.2.0@local")
    assert "fate:2.2.0@local" in site.providers


def test_success_that_does_not_show_is_an_error(site: FakeFlow, tmp_path: Path) -> None:
    site.faults.answer(0, "create success", "/provider/register")
    with pytest.raises(FateServerError, match="does not show it so"):
        run(FateProviderOperator, path=str(tmp_path))


def test_forgetting_is_the_teardown_of_registering() -> None:
    with DAG("llm", schedule=None) as dag:
        there = FateProviderOperator(task_id="there", provider=LLM, path="/srv/overlay")
        there >> FateDeleteProviderOperator(task_id="gone", provider=LLM).as_teardown(setups=there)
    assert dag.get_task("gone").is_teardown

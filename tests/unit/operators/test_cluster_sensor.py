"""A cluster that somebody else deploys is waited for until it works and is at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from airflow_provider_fate.sensors.cluster import FateClusterSensor
from tests.support.cluster_side import CONN, SECRET, connect_kubefate, deploy, live_of, party, update
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.support.task import Task


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        yield fake


def wait(**arguments: Any) -> Task:
    given: dict[str, Any] = {"name": "fate-9999", "namespace": "fate-9999", "kubefate_conn_id": CONN}
    given |= {"task_id": "wait", "poke_interval": 0.05, "timeout": 20} | arguments
    return Task(lambda: FateClusterSensor(**given))


@pytest.mark.parametrize("arguments", [{}, {"deferrable": False}])
def test_a_cluster_that_comes_is_waited_for(
    kubefate: FakeKubefate, fake_flow: FakeFlow, arguments: dict[str, Any]
) -> None:
    deploy(party(fake_flow)).start()
    task = wait(version="2.2", **arguments)
    said = task.run()
    assert (said["name"], said["flow_version"], said["party_id"]) == ("fate-9999", "2.2.0", "9999")
    assert task.ti.xcoms["cluster_pages"] == said["pages"]
    assert SECRET not in str(said) + str(task.ti.xcoms)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "none"}, "there is no such cluster"),
        ({"version": "2.0"}, "FATE-Flow is 2.2.0, not 2.0"),
        ({"flow_url": "http://127.0.0.1:9"}, "FATE-Flow does not answer yet"),
    ],
)
def test_what_is_missing_is_told_at_the_timeout(
    kubefate: FakeKubefate, fake_flow: FakeFlow, arguments: dict[str, Any], words: str
) -> None:
    deploy(party(fake_flow)).run()
    with pytest.raises(AirflowSensorTimeout, match=words):
        wait(timeout=0.5, **arguments).run()
    with pytest.raises(AirflowSkipException, match=words):
        wait(timeout=0.5, soft_fail=True, **arguments).run()
    assert len(live_of(kubefate)) == 1


def test_a_change_that_is_under_way_is_waited_for(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    deploy(party(fake_flow)).run()
    kubefate.pace = 100
    update(party(fake_flow, persistence=True)).start()
    with pytest.raises(AirflowSensorTimeout, match="ClusterUpdate"):
        wait(timeout=0.5).run()


def test_a_cluster_without_fate_flow_need_not_answer(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    deploy(party(fake_flow)).run()
    with fake_flow.refusing():
        assert wait(check_flow=False).run()["status"] == "Running"


@pytest.mark.parametrize("arguments", [{"name": ""}, {"flow_url": "ftp://h"}])
def test_wrong_arguments_are_refused(kubefate: FakeKubefate, arguments: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException):
        wait(**arguments).run()
    assert kubefate.requests == []

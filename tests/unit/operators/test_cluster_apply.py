"""A cluster that shall be as it is said: installed where there is none, changed where it says something else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_fate.clusters import ClusterFederation
from airflow_provider_fate.errors import FateConflictError, FateExecutionTimeout
from tests.support.cluster_side import connect_kubefate, delete, deploy, live_of, party, until
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.support.task import Task, in_worker


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        yield fake


def apply(cluster: Any, **arguments: Any) -> Task:
    task = deploy(cluster, existing="update", **arguments)
    task.ti.task_id = arguments.get("task_id", "deploy")  # each is a task of its own
    return task


def methods(fake: FakeKubefate) -> list[str]:
    return [job["method"] for job in fake.jobs]


def test_it_is_installed_then_left_then_changed(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    first = apply(party(fake_flow)).run()
    assert (first["changed"], methods(kubefate)) == (True, ["ClusterInstall"])
    another = apply(party(fake_flow), task_id="again").run()
    assert (another["changed"], methods(kubefate)) == (False, ["ClusterInstall"])
    changed = apply(party(fake_flow, persistence=True), task_id="third").run()
    assert (changed["changed"], changed["cluster_id"]) == (True, first["cluster_id"])
    assert methods(kubefate) == ["ClusterInstall", "ClusterUpdate"]
    assert kubefate.live[0]["Spec"]["persistence"] is True


def test_a_cleared_task_changes_what_it_has_installed_and_removes_nothing(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    task = apply(party(fake_flow))
    task.run()
    task.clear()
    task.make = apply(party(fake_flow, persistence=True)).make
    assert task.run()["changed"] is True
    assert methods(kubefate) == ["ClusterInstall", "ClusterUpdate"]
    assert len(live_of(kubefate)) == 1


def test_a_retry_takes_up_either(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    for cluster, expected in ((party(fake_flow), 1), (party(fake_flow, persistence=True), 2)):
        task = apply(cluster, task_id=f"t{expected}")
        task.start()
        task.retry()
        task.run()
        assert len(kubefate.jobs) == expected


def test_a_lost_answer_does_neither_twice(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    for number, cluster in enumerate((party(fake_flow), party(fake_flow, persistence=True)), start=1):
        kubefate.lose = 1
        apply(cluster, task_id=f"t{number}").run()
        assert len(kubefate.jobs) == number


def test_a_kill_removes_what_is_being_installed_and_leaves_what_is_being_changed(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    kubefate.pace = 0.2
    kubefate.kubernetes.ready_after = 60
    task = apply(party(fake_flow))
    in_worker(task, task.start()).on_kill()
    until(lambda: live_of(kubefate) == [])
    kubefate.kubernetes.ready_after = 0
    kubefate.pace = 0.02
    apply(party(fake_flow), task_id="b").run()
    kubefate.pace = 0.2
    changing = apply(party(fake_flow, persistence=True), task_id="c")
    in_worker(changing, changing.start()).on_kill()
    until(lambda: live_of(kubefate)[0]["status"] == "Running" and kubefate.jobs[-1]["status"] == "Success")
    assert methods(kubefate)[-1] == "ClusterUpdate"


def test_a_cluster_that_another_job_changes_is_waited_for_by_a_retry(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    apply(party(fake_flow)).run()
    kubefate.pace = 60.0
    apply(party(fake_flow, persistence=True), task_id="one").start()
    with pytest.raises(FateConflictError):
        apply(party(fake_flow, pullPolicy="Always"), task_id="two").start()


def test_a_removal_under_way_is_waited_for(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    apply(party(fake_flow)).run()
    delete().start()
    assert apply(party(fake_flow, persistence=True), task_id="again").run()["changed"] is True
    assert methods(kubefate) == ["ClusterInstall", "ClusterDelete", "ClusterInstall"]


def test_time_that_is_up_removes_a_new_cluster_and_no_old_one(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    from datetime import timedelta

    apply(party(fake_flow)).run()
    kubefate.kubernetes.broken.add("osx")
    short = {"execution_timeout": timedelta(seconds=1)}
    with pytest.raises(FateExecutionTimeout, match="cannot be cancelled and goes on"):
        apply(party(fake_flow, persistence=True), task_id="b", **short).run()
    assert len(live_of(kubefate)) == 1


def test_only_known_words_are_taken() -> None:
    with pytest.raises(ValueError, match="existing='replace' is neither"):
        deploy(party(), existing="replace").make()


def test_a_party_that_is_added_later_rewires_the_others(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.kubernetes.namespaces.append("fate-8888")

    def member(number: int) -> dict[str, Any]:
        page = {"fateboard": {"hosts": [{"name": f"party{number}.fateboard.example.com"}]}}
        osx = {"type": "NodePort", "nodePort": 30091 + number % 1000 % 100}
        name = f"fate-{number}"
        return {
            "cluster": party(fake_flow, name=name, namespace=name, partyId=number, ingress=page, osx=osx),
            "host": f"10.0.0.{number % 100}",
        }

    def apply_all(run: str, *numbers: int) -> list[bool]:
        federation = ClusterFederation.of({"members": [member(number) for number in numbers]})
        changed = []
        for index, given in enumerate(federation.deployments()):
            arguments = {**given, "kubefate_conn_id": "kubefate_there"}
            task = apply(arguments.pop("cluster"), task_id=f"deploy_{run}", **arguments)
            task.ti.map_index = index
            changed.append(asyncio.run(asyncio.to_thread(task.run))["changed"])
        return changed

    assert apply_all("one", 9999, 10000) == [True, True]
    assert apply_all("two", 9999, 10000) == [False, False]
    assert apply_all("three", 9999, 10000, 8888) == [True, True, True]
    known = {
        row["Spec"]["partyId"]: sorted(route["partyId"] for route in row["Spec"]["osx"]["partyList"])
        for row in live_of(kubefate)
    }
    assert known == {9999: [8888, 10000], 10000: [8888, 9999], 8888: [9999, 10000]}
    assert methods(kubefate) == ["ClusterInstall"] * 2 + ["ClusterUpdate"] * 2 + ["ClusterInstall"]

"""Clusters are changed and removed: what KubeFATE calls a success or a failure is taken for what it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateClusterFailed, FateConflictError
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger
from airflow_provider_fate.remote.work import Kill
from tests.support.cluster_side import SECRET, connect_kubefate, delete, deploy, live_of, party, update
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.support.fake_kubefate.records import new_chart
from tests.support.task import Task, in_worker


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        fake.charts.append(new_chart(2, "fate", "v2.1.0", fake.now()))
        yield fake


@pytest.fixture
def there(kubefate: FakeKubefate, fake_flow: FakeFlow) -> dict[str, Any]:
    return kubefate.install_before(party(fake_flow))


def methods(fake: FakeKubefate) -> list[str]:
    return [job["method"].removeprefix("Cluster") for job in fake.jobs]


def wait_some(trigger: RemoteWorkTrigger, seconds: float = 0.4) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(trigger.wait(), seconds))


def finish(task: Task, trigger: RemoteWorkTrigger) -> Any:
    return task.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 20)))


# -- update ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_cluster_is_changed(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any], deferrable: bool
) -> None:
    said = update(party(fake_flow, persistence=True), deferrable=deferrable).run()
    assert (said["changed"], said["cluster_id"], said["flow_version"]) == (True, there["uuid"], "2.2.0")
    assert kubefate.kubernetes.releases["fate-9999", "fate-9999"].spec["persistence"] is True
    assert SECRET not in json.dumps(said)


def test_the_configuration_file_did_not_change_is_done(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    """KubeFATE calls it an error."""
    assert update(party(fake_flow)).run()["changed"] is False
    assert kubefate.jobs == []


def test_unchanged_is_done_also_where_kubefate_has_to_say_it(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    """A cluster that is left in Rollback with the wanted words is asked to be updated."""
    there["status"] = "Rollback"
    assert update(party(fake_flow)).run()["changed"] is False
    assert "PUT /v1/cluster" in kubefate.requests


def test_a_retry_takes_up_the_update_of_the_try_before(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    kubefate.helm_takes = 20
    task = update(party(fake_flow, persistence=True))
    task.start()
    task.retry()
    assert task.run()["changed"] is True
    task.clear()
    assert task.run()["changed"] is True
    assert methods(kubefate) == ["Update"]


def test_a_lost_answer_does_not_update_twice(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    kubefate.lose = 1
    assert update(party(fake_flow, persistence=True)).run()["changed"] is True
    assert methods(kubefate) == ["Update"]


def test_there_is_nothing_to_update(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    with pytest.raises(AirflowFailException, match="Deploy it first"):
        update(party(fake_flow)).run()


@pytest.mark.parametrize(
    ("before", "words"),
    [({"chartVersion": "v2.1.0"}, "downgrade"), ({"chartVersion": "v1.7.0"}, "upgrade from FATE version <= 1.7.1")],
)
def test_updates_that_kubefate_refuses(
    kubefate: FakeKubefate, fake_flow: FakeFlow, before: dict[str, Any], words: str
) -> None:
    kubefate.install_before(party(fake_flow, **before))
    with pytest.raises(AirflowFailException, match=words):
        update(party(fake_flow)).run()


def test_a_document_in_place_without_a_chart_breaks_kubefate_down(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    """500 and not a word."""
    from airflow_provider_fate.errors import FateServerError

    del there["Spec"]["chartVersion"]
    with pytest.raises(FateServerError, match="lacks chartName or chartVersion"):
        update(party(fake_flow)).run()


def test_an_upgrade_is_a_success_before_the_new_version_runs(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    fake_flow.version = "2.0.0"
    task = update(party(fake_flow, chartVersion="v2.1.0"))
    trigger = task.start()
    wait_some(trigger)
    assert kubefate.jobs[0]["status"] == "Success"
    fake_flow.version = "2.1.0"
    assert finish(task, trigger)["flow_version"] == "2.1.0"


def test_failed_is_on_the_way_to_rollback(kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]) -> None:
    """The cluster then stays in Rollback and shows the chart that failed, until it is updated again."""
    kubefate.pace = 0.3
    kubefate.kubernetes.fails["upgrade"] = f"UPGRADE FAILED: cannot patch mysql {SECRET}"
    task = update(party(fake_flow, persistence=True))
    with pytest.raises(FateClusterFailed, match=r"rolled back: UPGRADE FAILED: cannot patch mysql \*\*\*") as failed:
        task.run()
    assert "The cluster runs as before" in str(failed.value)
    assert there["status"] == "Rollback"
    assert failed.value.states[-1] == "Cluster run rollback Success"
    del kubefate.kubernetes.fails["upgrade"]
    task.retry()
    assert task.run()["changed"] is True
    assert there["status"] == "Running"


@pytest.mark.parametrize("rollback_fails", [False, True])
def test_a_cluster_that_was_rolled_back_is_still_the_one_that_was_deployed(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any], rollback_fails: bool
) -> None:
    """Unless the rollback has failed as well: then nobody knows what it is."""
    kubefate.kubernetes.fails["upgrade"] = "UPGRADE FAILED: timed out"
    kubefate.rollback_fails = rollback_fails
    with pytest.raises(FateClusterFailed):
        update(party(fake_flow, persistence=True)).run()
    if not rollback_fails:
        assert deploy(party(fake_flow)).run()["cluster_id"] == there["uuid"]
        return
    with pytest.raises(AirflowFailException, match="There is a cluster fate-9999/fate-9999 already"):
        deploy(party(fake_flow)).run()


def test_a_rollback_that_fails_too(kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]) -> None:
    kubefate.kubernetes.fails["upgrade"] = "UPGRADE FAILED: timed out"
    kubefate.rollback_fails = True
    with pytest.raises(FateClusterFailed, match="could not be rolled back"):
        update(party(fake_flow, persistence=True)).run()


def test_an_upgrade_of_the_database_that_fails_leaves_the_cluster_updating_without_a_word(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    """The job is Failed, has no end and no states."""
    kubefate.upgrade_manager_fails = True
    task = update(party(fake_flow, chartVersion="v2.1.0"))
    trigger = task.start()
    wait_some(trigger, 0.2)
    assert (kubefate.jobs[0]["status"], there["status"]) == ("Failed", "Updating")
    kubefate.let_pass(700)
    with pytest.raises(FateClusterFailed, match="fate-upgrade-manager") as failed:
        finish(task, trigger)
    assert "Upload the chart" in str(failed.value)


def test_an_update_cannot_be_cancelled(kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]) -> None:
    kubefate.helm_takes = 20
    task = update(party(fake_flow, persistence=True))
    trigger = task.start()
    kind, ref = trigger.work()
    assert kind.kill(ref) is Kill.CANNOT
    in_worker(task, trigger).on_kill()
    assert not [request for request in kubefate.requests if request.startswith("PUT /v1/job")]
    assert finish(task, trigger)["changed"] is True


def test_kubefate_locks_nothing_so_we_do(kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]) -> None:
    kubefate.helm_takes = 50
    update(party(fake_flow, persistence=True)).start()
    other = update(party(fake_flow, pullPolicy="Always"))
    other.ti.run_id = "other"
    with pytest.raises(FateConflictError, match="is changed by another job just now: ClusterUpdate"):
        other.run()


def test_a_restart_of_kubefate_after_the_upgrade_is_survived(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    kubefate.kubernetes.releases["fate-9999", "fate-9999"].ready_at = kubefate.now() + 60
    task = update(party(fake_flow, persistence=True))
    trigger = task.start()
    wait_some(trigger, 0.2)
    kubefate.restart()
    wait_some(trigger, 0.4)
    kubefate.let_pass(1600)
    assert finish(task, trigger)["status"] == "Updating"


# -- removal -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_cluster_is_removed_and_a_second_time_it_is_not_there(
    kubefate: FakeKubefate, there: dict[str, Any], deferrable: bool
) -> None:
    """KubeFATE answers 500, record not found."""
    for removed in (True, False):
        task = delete("{{ params.get('n', 'fate-9999') }}", deferrable=deferrable)
        assert task.run() == {"name": "fate-9999", "namespace": "fate-9999", "removed": removed}
    assert (kubefate.live, kubefate.kubernetes.releases, methods(kubefate)) == ([], {}, ["Delete"])


def test_a_lost_answer_does_not_remove_twice(kubefate: FakeKubefate, there: dict[str, Any]) -> None:
    kubefate.lose = 1
    assert delete().run()["name"] == "fate-9999"
    assert methods(kubefate) == ["Delete"]


def test_a_retry_takes_up_the_removal(kubefate: FakeKubefate, there: dict[str, Any]) -> None:
    kubefate.pace = 0.5
    task = delete()
    trigger = task.start()
    in_worker(task, trigger).on_kill()
    task.retry()
    assert task.run()["removed"] is True
    assert methods(kubefate) == ["Delete"]


def test_a_release_that_is_not_there_is_removed(kubefate: FakeKubefate, there: dict[str, Any]) -> None:
    kubefate.kubernetes.releases.clear()
    assert delete().run()["removed"] is True
    assert kubefate.jobs[0]["status"] == "Failed"


def test_kubefate_forgets_a_cluster_that_helm_could_not_remove(kubefate: FakeKubefate, there: dict[str, Any]) -> None:
    """Its record is deleted all the same: the next try must not take that for done."""
    kubefate.kubernetes.fails["uninstall"] = "Kubernetes cluster unreachable"
    task = delete()
    for _ in range(2):
        with pytest.raises(FateClusterFailed, match="helm uninstall fate-9999 --namespace fate-9999") as failed:
            task.run()
        assert "Kubernetes cluster unreachable" in str(failed.value)
        task.retry()
    assert kubefate.live == []


def test_a_removal_that_was_lost_in_a_restart_is_done_again(kubefate: FakeKubefate, there: dict[str, Any]) -> None:
    task = delete()
    kubefate.pace = 10
    trigger = task.start()
    wait_some(trigger, 0.2)
    kubefate.pace = 0.02
    kubefate.restart()
    kubefate.let_pass(1000)
    with pytest.raises(FateClusterFailed, match="Remove it again: the next try does"):
        finish(task, trigger)
    task.retry()
    assert task.run()["removed"] is True


def test_a_removal_during_an_update_would_make_a_worker_of_kubefate_spin(
    kubefate: FakeKubefate, fake_flow: FakeFlow, there: dict[str, Any]
) -> None:
    kubefate.helm_takes = 50
    update(party(fake_flow, persistence=True)).start()
    with pytest.raises(FateConflictError, match="is being updated"):
        delete().run()


def test_a_removal_during_an_installation_ends_that(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.kubernetes.ready_after = 60
    deploying = deploy(party(fake_flow))
    trigger = deploying.start()
    wait_some(trigger, 0.2)
    assert delete().run()["removed"] is True
    with pytest.raises(FateClusterFailed, match=r"Cluster delete|checkout"):
        finish(deploying, trigger)
    assert live_of(kubefate) == []
    assert kubefate.kubernetes.releases == {}


@pytest.mark.parametrize("argument", ["name", "namespace"])
def test_an_empty_name_removes_nothing(kubefate: FakeKubefate, there: dict[str, Any], argument: str) -> None:
    with pytest.raises(AirflowFailException, match=f"{argument} is empty"):
        delete(**{argument: ""}).run()
    assert kubefate.live == [there]


def test_the_life_of_a_cluster(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """Setup, change, teardown; and the same again."""
    for _ in range(2):
        assert deploy(party(fake_flow)).run()["status"] == "Running"
        assert update(party(fake_flow, persistence=True)).run()["changed"] is True
        assert delete().run()["removed"] is True
        kubefate.jobs.clear()
    assert kubefate.live == []

"""Traps of KubeFATE's life cycles that no other test is named after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.kubefate import KubefateClient
from airflow_provider_fate.errors import FateClusterExists, FateClusterFailed, FateConflictError
from tests.support.cluster_side import connect_kubefate, delete, deploy, live_of, party, update
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.support.kubefate_contract import order


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        yield fake


def exchange() -> dict[str, Any]:
    return {
        "name": "exchange", "namespace": "fate-9999", "chartName": "fate-exchange", "chartVersion": "v1.11.2",
        "partyId": 1, "modules": ["nginx"], "nginx": {"type": "NodePort", "httpNodePort": 30003},
    }  # fmt: skip


def test_cover_does_not_bypass_a_cluster_that_is_there(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """Neither does it for us: it is never sent, since it removes a release of this name before."""
    kubefate.install_before(party(fake_flow))
    with KubefateClient(kubefate.settings) as client:
        with pytest.raises(FateClusterExists):
            client.clusters.install(order("fate-9999"))
        body = order("fate-9999").to_json()
        assert body["cover"] is False
        token = kubefate.tokens[-1]
        answer = httpx.post(
            f"http://127.0.0.1:{kubefate.port}/v1/cluster",
            json=body | {"cover": True},
            headers={"Authorization": f"Bearer {token}"},
        )
    assert (answer.status_code, "already existed" in answer.text) == (500, True)


def test_a_job_whose_record_is_deleted_goes_on_unseen_and_its_cluster_stays_creating(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    """The task that waits is told; what is left is no cluster that anybody would adopt by its status."""
    kubefate.kubernetes.ready_after = 3600
    task = deploy(party(fake_flow))
    trigger = task.start()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(trigger.wait(), 0.5))
    with KubefateClient(kubefate.settings) as client:
        client.jobs.delete(kubefate.jobs[0]["uuid"])
    with pytest.raises(FateClusterFailed, match="record of the job was deleted"):
        task.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 20)))
    assert [cluster["status"] for cluster in live_of(kubefate)] == ["Creating"]


def test_other_charts_are_updated_by_kubefate_without_a_look_so_we_look(kubefate: FakeKubefate) -> None:
    """`the configuration file did not change` is said of the chart fate only."""
    deploy(exchange()).run()
    assert update(exchange()).run()["changed"] is False
    assert [job["method"] for job in kubefate.jobs] == ["ClusterInstall"]


def test_a_second_update_that_fails_is_rolled_back_to_what_was_installed_at_first(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    """And its record shows the first update: nobody may adopt it, and KubeFATE refuses to mend it as no change."""
    deploy(party(fake_flow)).run()
    updated = party(fake_flow, persistence=True)
    update(updated).run()
    kubefate.kubernetes.fails["upgrade"] = "UPGRADE FAILED: timed out"
    third = update(party(fake_flow, persistence=True, pullPolicy="Always"))
    third.ti.task_id = "third"
    with pytest.raises(FateClusterFailed, match="as it was installed at first"):
        third.run()
    release = kubefate.kubernetes.releases["fate-9999", "fate-9999"]
    assert "persistence" not in release.spec
    assert kubefate.live[0]["Spec"]["persistence"] is True
    del kubefate.kubernetes.fails["upgrade"]
    again = update(updated)
    again.ti.task_id = "again"
    with pytest.raises(FateConflictError, match="rolled back to what was installed at first"):
        again.run()
    adopted = deploy(updated)
    adopted.ti.task_id = "adopted"
    with pytest.raises(AirflowFailException, match="There is a cluster"):
        adopted.run()
    mended = update(party(fake_flow, persistence=True, pullPolicy="IfNotPresent"))
    mended.ti.task_id = "mended"
    assert mended.run()["changed"] is True
    assert release.spec["persistence"] is True


def test_a_reinstallation_that_meets_objects_that_still_end_can_be_retried(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    """Helm does not wait for pods when it removes a release."""
    deploy(party(fake_flow)).run()
    delete().run()
    kubefate.kubernetes.fails["install"] = 'object is being deleted: statefulsets.apps "mysql" already exists'
    task = deploy(party(fake_flow))
    task.ti.task_id = "again"
    with pytest.raises(FateClusterFailed, match="object is being deleted"):
        task.run()
    del kubefate.kubernetes.fails["install"]
    task.retry()
    assert task.run()["status"] == "Running"

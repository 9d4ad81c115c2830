"""A federation with FATE is deployed through FedLCM: once, whatever happens, and with the reason where it is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateClusterFailed, FateConflictError, FateExecutionTimeout
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger
from tests.support.fake_fedlcm import PASSWORD, FakeFedlcm
from tests.support.fake_fedlcm.records import ACTIVE, FAILED, INSTALLING, REMOVING
from tests.support.fedlcm_side import CONN, SECRET, cluster, connect_fedlcm, exchange, external, make_federation
from tests.support.task import Task, in_worker


@pytest.fixture
def fedlcm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFedlcm]:
    with FakeFedlcm() as fake, times_replaced(settle=0.1, appear=1.0, appear_pause=0.05, first_event=0.0):
        connect_fedlcm(monkeypatch, fake)
        fake.with_endpoint()
        make_federation().run()
        yield fake


@pytest.fixture
def ready(fedlcm: FakeFedlcm) -> FakeFedlcm:
    """With an exchange."""
    exchange().run()
    fedlcm.requests.clear()
    return fedlcm


def finish(task: Task, trigger: RemoteWorkTrigger) -> Any:
    return task.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 20)))


def posted(fake: FakeFedlcm, role: str = "cluster") -> int:
    return len([asked for asked in fake.requests if asked.startswith("POST") and asked.endswith(f"/{role}")])


def of(fake: FakeFedlcm, name: str = "party-9999") -> dict[str, Any]:
    return next(row for row in fake.participants if row["name"] == name)


# -- what it is for ----------------------------------------------------------------------------------------------------


def test_a_federation_is_made_once(fedlcm: FakeFedlcm) -> None:
    assert make_federation().run()["created"] is False
    with pytest.raises(AirflowFailException, match=r"its domain is 'example\.org', not 'other\.org'"):
        make_federation(domain="other.org").run()
    fedlcm.lose = 1
    assert make_federation(federation="fraud").run()["created"] is True
    assert [row["name"] for row in fedlcm.federations] == ["credit", "fraud"]


@pytest.mark.parametrize("deferrable", [True, False])
def test_exchange_and_clusters_are_deployed_and_described(fedlcm: FakeFedlcm, deferrable: bool) -> None:
    said = exchange(deferrable=deferrable).run()
    assert (said["role"], said["status"], said["version"]) == ("exchange", "active", "v1.11.1")
    assert set(said["access"]) == {"nginx", "traffic-server"}
    for party in ("9999", "10000"):
        task = cluster(party, portal=True, deferrable=deferrable)
        said = task.run()
        assert task.ti.xcoms["fedlcm_participant_id"] == said["participant_id"]
        assert (said["party_id"], said["namespace"], said["managed"]) == (party, f"fate-{party}", True)
        assert said["version"] == "v1.11.1-fedlcm-v0.3.0"
        assert said["pages"] == {"fateboard": f"http://party-{party}.fateboard.example.org"}
        host, _, port = said["access"]["frontend"].rpartition(":")
        assert said["portal_connection"] == {
            "conn_type": "fate_site_portal",
            "host": host,
            "port": int(port),
            "login": "Admin",
            "extra": {"tls": True},
        }
    routes = yaml.safe_load(of(fedlcm, "exchange")["deployment_yaml"])
    assert set(routes["nginx"]["route_table"]) == {"9999", "10000"}
    assert [one["fqdn"] for one in routes["trafficServer"]["route_table"]["sni"]] == [
        "9999.example.org",
        "10000.example.org",
    ]


def test_values_are_merged_into_fedlcms_yaml_and_airflow_keeps_nothing_of_them(
    ready: FakeFedlcm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ready.fails["install"] = "helm install error"
    task = cluster(values={"mysql": {"password": "{{ secret }}", "size": "2Gi"}, "persistence": True})
    trigger = task.start()
    operator = task.make()
    operator.render_template_fields(task.context)
    fields = {name: getattr(operator, name) for name in operator.template_fields}
    event = asyncio.run(asyncio.wait_for(trigger.wait(), 20))
    with pytest.raises(FateClusterFailed, match="job is Failed, job info") as failed:
        task.resume(event)
    document = yaml.safe_load(of(ready)["deployment_yaml"])
    assert document["mysql"] == {"password": SECRET, "size": "2Gi"}
    assert (document["persistence"], document["computing"]) == (True, "Spark")
    told = [json.dumps(one) for one in (task.ti.xcoms, fields, event)]
    for text in (*told, repr(trigger.serialize()), str(failed.value), repr(failed.value.states), caplog.text):
        assert SECRET not in text
        assert PASSWORD not in text


def test_the_mark_of_the_task_is_in_the_description(ready: FakeFedlcm) -> None:
    cluster(description="the bank").run()
    assert of(ready)["description"].startswith("the bank [airflow ")


def test_an_external_federation(fedlcm: FakeFedlcm) -> None:
    assert external("exchange").run()["managed"] is False
    said = external("cluster", name="telco", party_id="10000").run()
    assert said["access"]["nginx"] == "10.0.0.5:30930"
    again = external("cluster", name="telco", party_id="10000")
    again.ti.run_id = "another"
    assert again.run()["participant_id"] == said["participant_id"]
    other = external("cluster", name="telco", party_id="10000", proxy="10.0.0.6:30651")
    other.ti.run_id = "another"
    with pytest.raises(FateConflictError, match="it is another one than is asked for"):
        other.run()


def test_an_external_cluster_waits_for_its_route(ready: FakeFedlcm) -> None:
    external("cluster", name="telco", party_id="10000").run()
    assert "10000" in yaml.safe_load(of(ready, "exchange")["deployment_yaml"])["nginx"]["route_table"]


# -- refused before anything is deployed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"version": "v2.0.0"}, "FedLCM deploys FATE up to 1.11.1, and has no chart of FATE 2"),
        ({"values": {"chartVersion": "v2.1.0"}}, "FateClusterDeployOperator"),
        ({"values": {"computing": "Eggroll"}}, "Spark, HDFS and Pulsar only"),
        ({"values": {"federation": "OSX"}}, "federation='OSX' is not offered"),
        ({"values": {"modules": ["osx", "python"]}}, "module 'osx' belongs to OSX"),
    ],
)
def test_fate_2_is_refused_by_name(ready: FakeFedlcm, given: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        cluster(**given).run()
    assert ready.requests == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"namespace": "Fate"}, "is no namespace of Kubernetes"),
        ({"party_id": "guest"}, "is no party id"),
        ({"name": "..."}, "is no name"),
        ({"service_type": "ClusterIP"}, "neither 'LoadBalancer' nor 'NodePort'"),
        ({"federation": "nobody"}, "FedLCM has no federation with FATE"),
        ({"endpoint": "nowhere"}, "no such KubeFATE; it has kubefate"),
        ({"version": "v1.9.0"}, r"it has v1\.10\.0, v1\.11\.1"),
        ({"certificates": True}, "FedLCM has no certificate authority"),
    ],
)
def test_wrong_arguments_are_told_and_nothing_is_deployed(ready: FakeFedlcm, given: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        cluster(**given).run()
    assert [row["name"] for row in ready.participants] == ["exchange"]


def test_a_cluster_needs_an_active_exchange_and_a_free_party_id(fedlcm: FakeFedlcm) -> None:
    with pytest.raises(FateConflictError, match="The exchange of credit is not there"):
        cluster().run()
    exchange().run()
    cluster().run()
    with pytest.raises(FateConflictError, match="party_id=9999 is used by another cluster"):
        cluster(name="another", namespace="another").run()


# -- once --------------------------------------------------------------------------------------------------------------


def test_a_lost_answer_does_not_deploy_twice(ready: FakeFedlcm) -> None:
    ready.lose = 2  # the check of the party id is a POST as well, and repeated
    assert cluster().run()["status"] == "active"
    assert posted(ready) == 1


def test_a_retry_after_a_kill_of_the_worker_takes_up_what_is_deployed(ready: FakeFedlcm) -> None:
    task = cluster()
    task.start()
    task.retry()
    assert task.run()["status"] == "active"
    assert posted(ready) == 1


def test_a_cluster_that_is_there_is_adopted_and_never_removed_by_a_kill(ready: FakeFedlcm) -> None:
    there = cluster().run()
    ready.requests.clear()
    another = cluster(description="of another DAG")
    another.ti.run_id = "another"
    assert another.run()["participant_id"] == there["participant_id"]
    another.clear()
    assert another.run()["participant_id"] == there["participant_id"]
    assert posted(ready) == 0
    assert not [asked for asked in ready.requests if asked.startswith("DELETE")]


def test_another_cluster_of_this_name_is_refused(ready: FakeFedlcm) -> None:
    cluster().run()
    other = cluster(namespace="elsewhere", party_id="8888")
    other.ti.run_id = "another"
    with pytest.raises(FateConflictError, match=r"another one than is asked for.*\n.*FateLcmRemoveOperator"):
        other.run()


def test_a_federation_has_one_exchange(ready: FakeFedlcm) -> None:
    other = exchange(name="second", namespace="second")
    with pytest.raises(FateConflictError, match="it is another one than is asked for"):
        other.run()


def test_a_kill_removes_what_was_begun(ready: FakeFedlcm) -> None:
    ready.helm_takes = 1000.0
    task = cluster()
    trigger = task.start()
    in_worker(task, trigger).on_kill()
    assert of(ready)["status"] == REMOVING
    assert [asked for asked in ready.requests if asked.startswith("DELETE") and asked.endswith("force=true")]


def test_a_task_that_is_out_of_time_removes_what_it_has_begun(ready: FakeFedlcm) -> None:
    from datetime import timedelta

    ready.helm_takes = 1000.0
    task = cluster(execution_timeout=timedelta(seconds=0.5))
    with pytest.raises(FateExecutionTimeout, match="It was stopped"):
        task.run()
    assert of(ready)["status"] == REMOVING


# -- failures ----------------------------------------------------------------------------------------------------------


def test_the_reason_of_a_failure_comes_from_the_events(ready: FakeFedlcm) -> None:
    ready.fails["install"] = "checkout Cluster status timeOut!"
    task = cluster()
    with pytest.raises(FateClusterFailed, match=r"checkout Cluster status timeOut!") as failed:
        task.run()
    assert failed.value.states[0] == "start creating cluster"
    assert of(ready)["status"] == FAILED  # nothing was uninstalled
    assert ready.namespaces["fate-9999"] == "party-9999"


def test_what_has_failed_is_removed_by_the_next_try(ready: FakeFedlcm) -> None:
    ready.fails["install"] = "no room"
    task = cluster()
    with pytest.raises(FateClusterFailed):
        task.run()
    del ready.fails["install"]
    task.retry()
    assert task.run()["status"] == "active"
    assert [row["name"] for row in ready.participants] == ["exchange", "party-9999"]


def test_an_installation_of_somebody_else_in_the_namespace_is_named(ready: FakeFedlcm) -> None:
    ready.namespaces["fate-9999"] = "by-hand"
    with pytest.raises(FateClusterFailed, match=r"existing installations.*\n.*take another namespace"):
        cluster().run()


def test_a_restart_loses_what_goes_on_and_the_task_sees_it(ready: FakeFedlcm) -> None:
    """The participant stays Installing for ever."""
    ready.helm_takes = 1000.0
    task = cluster()
    trigger = task.start()
    ready.let_pass(60)
    ready.restart()
    with pytest.raises(FateClusterFailed, match=r"does not go on with it any more \(Installing\)\nIt was restarted"):
        finish(task, trigger)
    assert of(ready)["status"] == INSTALLING
    ready.helm_takes = 1.0
    task.retry()
    assert task.run()["status"] == "active"
    assert len(ready.participants) == 2


def test_a_restart_with_a_configured_key_is_told_by_silence(ready: FakeFedlcm) -> None:
    ready.fixed_key, ready.helm_takes = True, 1000.0
    task = cluster()
    trigger = task.start()
    ready.restart()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(trigger.wait(), 0.5))
    ready.let_pass(6000)
    with pytest.raises(FateClusterFailed, match="does not go on with it any more"):
        finish(task, trigger)


def test_a_restart_between_two_deployments_ends_no_wait(ready: FakeFedlcm) -> None:
    ready.restart()
    assert cluster().run()["status"] == "active"


def test_fedlcm_that_is_away_for_a_moment_ends_no_wait(ready: FakeFedlcm) -> None:
    task = cluster()
    trigger = task.start()
    ready.away = True
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(trigger.wait(), 0.6))
    ready.away = False
    assert finish(task, trigger)["status"] == "active"


def test_active_comes_before_the_route_of_the_exchange(ready: FakeFedlcm) -> None:
    ready.fails["route"] = "job is Failed"
    task = cluster()
    with pytest.raises(FateClusterFailed, match=r"route table.*\n.*builds all routes anew"):
        task.run()
    assert of(ready)["status"] == ACTIVE
    task.retry()
    with pytest.raises(FateConflictError, match="its exchange has no route to it"):
        task.run()
    assert of(ready)["status"] == ACTIVE  # a cluster that works is not removed for a route


def test_removed_behind_our_back(ready: FakeFedlcm) -> None:
    ready.helm_takes = 1000.0
    task = cluster()
    trigger = task.start()
    ready.participants.remove(of(ready))
    with pytest.raises(FateClusterFailed, match="it was removed"):
        finish(task, trigger)


def test_many_waits_ask_once_for_a_federation_and_log_in_once(ready: FakeFedlcm) -> None:
    from airflow_provider_fate.remote.kinds.fedlcm import ParticipantRef
    from airflow_provider_fate.remote.kinds.fedlcm_managed import FateDeploy

    ready.helm_takes = 1000.0
    triggers = [cluster(str(party)).start() for party in (1, 2, 3)]
    refs = [ParticipantRef.from_json(trigger.ref) for trigger in triggers]
    ready.restart()
    ready.requests.clear()

    async def look() -> Any:
        async with FateDeploy(CONN) as kind:
            return await kind.look(refs)

    seen = asyncio.run(look())
    assert {snapshot.detail.partition(":")[0] for snapshot in seen.values()} == {"Installing"}
    assert sorted(asked.split("/")[1] for asked in ready.requests) == ["event"] * 3 + ["federation"] * 2 + ["user"]
    assert ready.logins == 2  # the second one after the restart

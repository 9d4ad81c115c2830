"""A cluster is deployed once, and only done when its FATE-Flow answers: whatever KubeFATE says meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clusters import Fate2Cluster, Ingress, Ingresses, IngressHost, Mysql, Python
from airflow_provider_fate.errors import FateClusterFailed, FateConflictError, FateExecutionTimeout
from airflow_provider_fate.remote.states import WorkState
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger
from tests.support.cluster_side import SECRET, connect_kubefate, deploy, live_of, party, until
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.support.fake_kubefate.server import PASSWORD
from tests.support.task import Task, in_worker


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        yield fake


def installs(fake: FakeKubefate) -> int:
    return len([job for job in fake.jobs if job["method"] == "ClusterInstall"])


def wait_some(trigger: RemoteWorkTrigger, seconds: float = 0.4) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(trigger.wait(), seconds))


def finish(task: Task, trigger: RemoteWorkTrigger) -> Any:
    return task.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 20)))


# -- what it is for ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_cluster_is_deployed_and_described(kubefate: FakeKubefate, fake_flow: FakeFlow, deferrable: bool) -> None:
    url = f"http://127.0.0.1:{fake_flow.port}"
    said = deploy(party(fake_flow), deferrable=deferrable).run()
    assert said == {
        "name": "fate-9999",
        "namespace": "fate-9999",
        "cluster_id": kubefate.live[0]["uuid"],
        "chart": "fate",
        "chart_version": "v2.0.0",
        "party_id": "9999",
        "status": "Running",
        "flow_url": url,
        "flow_version": "2.2.0",
        "proxy": "127.0.0.1:30091",
        "pages": {"fateboard": "http://party9999.fateboard.example.com"},
        "connection": {
            "conn_type": "fate",
            "host": "127.0.0.1",
            "port": fake_flow.port,
            "extra": {
                "party_id": "9999",
                "tls": False,
                "board_url": "http://party9999.fateboard.example.com/#/details?job_id={job_id}&role={role}"
                "&party_id={party_id}",
            },
        },
    }


def test_the_connection_that_comes_out_works(
    kubefate: FakeKubefate, fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_fate.hooks.flow import FateFlowHook

    monkeypatch.setenv("AIRFLOW_CONN_NEW", json.dumps(deploy(party(fake_flow)).run()["connection"]))
    good, words = FateFlowHook("new").test_connection()
    assert good, words


def test_a_typed_cluster_and_a_file_with_jinja(kubefate: FakeKubefate, fake_flow: FakeFlow, tmp_path: Path) -> None:
    typed = Fate2Cluster(
        name="fate-10000",
        namespace="fate-10000",
        party_id=10000,
        python=Python(type="NodePort", http_node_port=fake_flow.port),
        mysql=Mysql(password="{{ mysql }}"),
        ingress=Ingresses(
            fateboard=Ingress(hosts=[IngressHost(name="b.example.com")]),
            client=Ingress(hosts=[IngressHost(name="n.example.com")]),
        ),
    )
    file = tmp_path / "party.yaml"
    file.write_text(json.dumps(party(fake_flow, mysql={"password": "{{ mysql }}"})))
    assert deploy(typed).run()["party_id"] == "10000"
    assert deploy(str(file)).run()["party_id"] == "9999"
    assert [cluster["Spec"]["mysql"]["password"] for cluster in kubefate.live] == [SECRET, SECRET]


def test_passwords_are_in_no_xcom_rendered_field_trigger_row_or_log(
    kubefate: FakeKubefate, fake_flow: FakeFlow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    kubefate.kubernetes.fails["install"] = f"values: mysql password {SECRET} is refused"
    task = deploy(party(fake_flow))
    trigger = task.start()
    operator = task.make()
    operator.render_template_fields(task.context)
    fields = {name: getattr(operator, name) for name in operator.template_fields}
    event = asyncio.run(asyncio.wait_for(trigger.wait(), 20))
    with pytest.raises(FateClusterFailed, match=r"mysql password \*\*\* is refused") as failed:
        task.resume(event)
    del kubefate.kubernetes.fails["install"]
    task.retry()
    said = task.run()
    told = [json.dumps(one) for one in (said, task.ti.xcoms, fields, event)]
    for text in (*told, repr(trigger.serialize()), str(failed.value), repr(failed.value.states), caplog.text):
        assert SECRET not in text
        assert PASSWORD not in text
    assert failed.value.states[-1].startswith("helm install error")


def test_a_file_beside_the_dag_is_found_and_airflow_keeps_nothing_of_a_cluster(
    kubefate: FakeKubefate, fake_flow: FakeFlow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import DAG

    from airflow_provider_fate.operators import _cluster

    hidden: list[str] = []
    monkeypatch.setattr(_cluster, "mask_in_logs", hidden.append)
    (tmp_path / "party.yaml").write_text(json.dumps(party(fake_flow)))

    def in_dag(cluster: Any) -> Task:
        task = deploy(cluster)
        with DAG(dag_id="d", template_searchpath=str(tmp_path)):
            operator = task.make()
        return Task(lambda: operator)

    assert in_dag("party.yaml").run()["party_id"] == "9999"
    assert hidden == [SECRET] * len(hidden) != []
    with pytest.raises(AirflowFailException, match="neither beside the DAG"):
        in_dag("partei.yaml").run()
    with pytest.raises(AirflowFailException, match="is not a file on this worker"):
        in_dag(str(tmp_path / "partei.yaml")).run()
    literal = in_dag(party(fake_flow)).make()
    assert SECRET not in json.dumps(serialized(literal.dag))


def serialized(dag: Any) -> dict[str, Any]:
    """What Airflow keeps of a DAG."""
    from airflow.serialization import serialized_objects

    kind: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    made: dict[str, Any] = kind.to_dict(dag)
    return made


def test_many_waits_log_in_once(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.kubernetes.namespaces += [f"fate-{i}" for i in range(5)]
    kubefate.kubernetes.ready_after = 1.0
    tasks = [deploy(party(fake_flow, name=f"fate-{i}", namespace=f"fate-{i}"), strict=False) for i in range(5)]
    triggers = [task.start() for task in tasks]
    kubefate.restart_tokens()
    before = kubefate.logins

    async def wait_all() -> list[dict[str, Any]]:
        return await asyncio.gather(*(trigger.wait() for trigger in triggers))

    for task, event in zip(tasks, asyncio.run(asyncio.wait_for(wait_all(), 20)), strict=True):
        assert task.resume(event)["status"] == "Running"
    assert kubefate.logins == before + 1


# -- once --------------------------------------------------------------------------------------------------------------


def test_a_lost_answer_does_not_install_twice(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.lose = 1
    assert deploy(party(fake_flow)).run()["status"] == "Running"
    assert installs(kubefate) == 1


def test_a_retry_takes_up_what_the_try_before_has_begun(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.kubernetes.ready_after = 1.0
    task = deploy(party(fake_flow))
    task.start()
    task.retry()
    assert task.run()["status"] == "Running"
    assert installs(kubefate) == 1


def test_a_cluster_that_is_as_it_shall_be_is_adopted(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """KubeFATE answers 'already existed' with 500, with and without cover."""
    there = kubefate.install_before(party(fake_flow))
    task = deploy(party(fake_flow))
    assert task.run()["cluster_id"] == there["uuid"]
    task.clear()
    assert task.run()["cluster_id"] == there["uuid"]
    assert kubefate.jobs == []


def test_another_cluster_of_this_name_is_refused(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.install_before(party(fake_flow, persistence=True))
    with pytest.raises(AirflowFailException, match=r"its cluster\.yaml is another one") as refused:
        deploy(party(fake_flow)).run()
    assert "FateClusterUpdateOperator" in str(refused.value)
    assert kubefate.jobs == []


def test_a_clear_takes_the_cluster_up_again(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    task = deploy(party(fake_flow))
    first = task.run()["cluster_id"]
    task.clear()
    assert task.run()["cluster_id"] == first
    assert installs(kubefate) == 1


def test_a_cluster_that_was_removed_meanwhile_is_installed_again(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    task = deploy(party(fake_flow))
    first = task.run()["cluster_id"]
    kubefate.live[0]["DeletedAt"] = kubefate.moment()
    kubefate.kubernetes.releases.clear()
    task.retry()
    assert task.run()["cluster_id"] != first


# -- traps of section 1.4: installation --------------------------------------------------------------------------------


def test_pending_after_running_is_no_end(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """Running, Pending, Running, Success: a worker writes a stale row."""
    kubefate.pace, kubefate.kubernetes.ready_after = 1.0, 0.1
    seen: list[tuple[str, WorkState]] = []
    task = deploy(party(fake_flow))
    trigger = task.start()
    kind, ref = trigger.work()

    async def look() -> None:
        async with kind:
            while not seen or seen[-1][1].value == "running":
                snapshot = (await kind.look([ref]))[ref.id]
                if not seen or seen[-1] != (kubefate.jobs[0]["status"], snapshot.state):
                    seen.append((kubefate.jobs[0]["status"], snapshot.state))
                await asyncio.sleep(0.01)

    asyncio.run(look())
    assert [status for status, _ in seen][-3:] == ["Pending", "Running", "Success"]
    assert {state.value for _, state in seen[:-1]} == {"running"}


def test_a_success_without_fate_flow_is_none(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """StatefulSets count as ready with 0 of 0 pods, and FATE-Flow is one."""
    with fake_flow.refusing():
        task = deploy(party(fake_flow))
        trigger = task.start()
        wait_some(trigger)
        assert kubefate.jobs[0]["status"] == "Success"
        assert kubefate.live[0]["status"] == "Running"
    assert finish(task, trigger)["flow_version"] == "2.2.0"


def test_a_cluster_of_stateful_sets_alone_is_unavailable_for_ever_and_works(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    """KubeFATE calls it a Success at once, and then, by its Deployments alone, Unavailable."""
    said = deploy(party(fake_flow, modules=["mysql", "python"]), strict=False).run()
    assert said["status"] == "Unavailable"
    assert said["flow_version"] == "2.2.0"


def test_a_workload_that_never_becomes_ready_is_named_when_time_is_up(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    from datetime import timedelta

    kubefate.kubernetes.broken.add("osx")
    with pytest.raises(FateExecutionTimeout, match="It was stopped") as late:
        deploy(party(fake_flow), execution_timeout=timedelta(seconds=1.5)).run()
    assert late.value.hint == "waits for osx"
    until(lambda: not live_of(kubefate))
    assert kubefate.kubernetes.releases == {}


def test_a_failed_installation_whose_record_vanishes(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """Job Failed without an end, cluster 'record not found': the reason is in the job's states alone."""
    kubefate.kubernetes.fails["install"] = (
        'Service "osx" is invalid: nodePort: 30091: provided port is already allocated'
    )
    task = deploy(party(fake_flow))
    with pytest.raises(FateClusterFailed, match="provided port is already allocated") as failed:
        task.run()
    assert failed.value.states[0] == "update job status to Running"
    assert kubefate.jobs[0]["end_time"].startswith("0001")
    del kubefate.kubernetes.fails["install"]
    task.retry()
    assert task.run()["status"] == "Running"
    assert installs(kubefate) == 2


def test_the_hour_of_kubefate_ends(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.checks_at_most = 3
    kubefate.kubernetes.broken.add("osx")
    with pytest.raises(FateClusterFailed, match="timeOut"):
        deploy(party(fake_flow)).run()


@pytest.mark.parametrize("ready_after", [0.0, 30.0])
def test_a_kill_stops_the_job_or_removes_the_cluster(
    kubefate: FakeKubefate, fake_flow: FakeFlow, ready_after: float
) -> None:
    """KubeFATE stops a job only while it is Running: not in the bounce, and not when it is over."""
    kubefate.kubernetes.ready_after = ready_after
    with fake_flow.refusing():
        task = deploy(party(fake_flow))
        trigger = task.start()
        if not ready_after:
            wait_some(trigger)
        in_worker(task, trigger).on_kill()
    assert kubefate.live == []
    assert kubefate.kubernetes.releases == {}
    assert kubefate.jobs[0]["status"] == ("Canceled" if ready_after else "Success")


def test_a_kill_leaves_what_was_there_before(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.install_before(party(fake_flow))
    with fake_flow.refusing():
        task = deploy(party(fake_flow))
        in_worker(task, task.start()).on_kill()
    assert [cluster["status"] for cluster in kubefate.live] == ["Running"]


def test_a_cluster_yaml_that_is_none_would_run_for_ever(kubefate: FakeKubefate) -> None:
    with pytest.raises(AirflowFailException, match="no YAML"):
        deploy("a: [1, {\n").run()
    assert kubefate.requests == []


def test_a_document_that_kubefate_cannot_read_is_a_failure_though_it_says_running(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    task = deploy(party(fake_flow))
    trigger = task.start()
    kubefate.jobs[0] |= {"states": ["update job status to Running", "create Cluster error, Duplicate entry"]}
    kubefate.jobs[0]["status"] = "Running"
    with kubefate.lock:
        kubefate._workers.clear()
    with pytest.raises(FateClusterFailed, match="create Cluster error, Duplicate entry"):
        finish(task, trigger)


def test_a_restart_of_kubefate_after_helm_was_through_is_survived(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """Job Running and cluster Creating for ever; the pods become ready all the same."""
    kubefate.kubernetes.ready_after = 0.6
    task = deploy(party(fake_flow))
    trigger = task.start()
    wait_some(trigger, 0.3)
    kubefate.restart()
    wait_some(trigger, 0.3)
    kubefate.let_pass(300)
    assert finish(task, trigger)["status"] == "Creating"
    assert kubefate.jobs[0]["status"] == "Running"
    assert kubefate.logins == 2
    task.retry()
    assert task.run()["status"] == "Creating"
    assert installs(kubefate) == 1


def test_a_restart_of_kubefate_before_helm_is_told_and_the_next_try_begins_anew(
    kubefate: FakeKubefate, fake_flow: FakeFlow
) -> None:
    kubefate.helm_takes = 1000
    task = deploy(party(fake_flow))
    trigger = task.start()
    until(lambda: live_of(kubefate))
    kubefate.restart()
    kubefate.helm_takes = 0.1
    kubefate.let_pass(1000)
    with pytest.raises(FateClusterFailed, match="it was restarted, and goes on with no job"):
        finish(task, trigger)
    assert [cluster["status"] for cluster in kubefate.live] == ["Creating"]
    # Helm has not got to it: there is no release that could be removed.
    task.retry()
    assert task.run()["status"] == "Running"
    assert installs(kubefate) == 2


def test_the_namespace_must_exist(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    with pytest.raises(AirflowFailException, match="kubectl create namespace fate-1"):
        deploy(party(fake_flow, namespace="fate-1")).run()
    assert kubefate.jobs == []


def test_a_namespace_that_cannot_be_asked_for_is_left_to_helm(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.kubernetes.away = True
    trigger = deploy(party(fake_flow, namespace="fate-1")).start()
    kubefate.kubernetes.away = False
    task = deploy(party(fake_flow, namespace="fate-1"))
    with pytest.raises(FateClusterFailed, match="kubectl create namespace fate-1"):
        finish(task, trigger)


def test_the_chart_of_fate_2_is_in_no_public_repository(
    kubefate: FakeKubefate, fake_flow: FakeFlow, tmp_path: Path
) -> None:
    kubefate.charts.clear()
    with pytest.raises(AirflowFailException, match="Give chart="):
        deploy(party(fake_flow)).run()
    chart = tmp_path / "fate-v2.0.0.tgz"
    chart.write_bytes(b"\x1f\x8b" + b"0" * 100)
    for _ in range(2):
        assert deploy(party(fake_flow), chart=str(chart)).run()["status"] == "Running"
    assert len(kubefate.charts) == 1


def test_a_chart_that_cannot_be_downloaded(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    given = party(fake_flow, chartVersion="v1.11.9", federation="Eggroll")
    given["modules"] = ["rollsite", *given["modules"][1:]]
    given["rollsite"] = given.pop("osx")
    with pytest.raises(FateClusterFailed, match=r"failed to download.*\nGive chart="):
        deploy(given).run()


def test_the_examples_of_kubefates_repository_are_refused(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """rollsite in a 2.x chart: no proxy at all, and still a Success."""
    given = party(fake_flow, federation="Eggroll")
    given["modules"] = ["rollsite", *given["modules"][1:]]
    with pytest.raises(AirflowFailException, match="FATE 2 has no rollsite"):
        deploy(given).run()
    assert kubefate.requests == []
    assert deploy(given, strict=False).run()["proxy"] is None


def test_ingress_hosts_of_other_clusters_are_not_taken(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    kubefate.install_before(party(fake_flow, name="fate-10000", namespace="fate-10000"))
    with pytest.raises(AirflowFailException, match="belongs to cluster 'fate-10000'"):
        deploy(party(fake_flow)).run()
    assert kubefate.jobs == []
    assert deploy(party(fake_flow), strict=False).run()["status"] == "Running"


def test_names_of_release_and_document_are_one(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    """Where they differ the job never ends: objects are looked for by the one, and carry the other."""
    deploy(party(fake_flow)).run()
    assert {release.label for release in kubefate.kubernetes.releases.values()} == {"fate-9999"}
    assert kubefate.jobs[0]["meta_data"]["name"] == kubefate.live[0]["Spec"]["name"] == "fate-9999"


def test_a_cluster_that_is_being_removed_is_waited_for(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    from tests.support.cluster_side import delete

    first = kubefate.install_before(party(fake_flow))
    kubefate.pace = 0.3
    delete().start()
    assert deploy(party(fake_flow)).run()["cluster_id"] != first["uuid"]
    second = kubefate.live[0]
    second["status"] = "Deleting"  # and the service was restarted
    other = deploy(party(fake_flow))
    other.ti.run_id = "tomorrow"
    with times_replaced(create=0.3), pytest.raises(FateConflictError, match="FateClusterDeleteOperator"):
        other.run()


# -- FATE-Flow's address -----------------------------------------------------------------------------------------------


def test_flow_url_and_check_flow(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    hidden = party(python={"type": "LoadBalancer"})
    with pytest.raises(AirflowFailException, match="flow_url=, or check_flow=False"):
        deploy(hidden).run()
    url = f"http://127.0.0.1:{fake_flow.port}"
    assert deploy(hidden, flow_url=url).run()["flow_url"] == url
    said = deploy(hidden, check_flow=False).run()
    assert (said["flow_url"], said["connection"]) == (None, None)
    with pytest.raises(AirflowFailException, match="flow_url is not the address"):
        deploy(hidden, flow_url="http://user:s3cret@host").run()


def test_fate_flow_that_wants_signatures_has_answered(kubefate: FakeKubefate, fake_flow_auth: FakeFlow) -> None:
    assert deploy(party(fake_flow_auth)).run()["flow_url"].endswith(str(fake_flow_auth.port))


def test_kubernetes_that_is_away_is_waited_for(kubefate: FakeKubefate, fake_flow: FakeFlow) -> None:
    task = deploy(party(fake_flow))
    trigger = task.start()
    kubefate.kubernetes.away = True
    wait_some(trigger, 0.5)
    kubefate.kubernetes.away = False
    assert finish(task, trigger)["status"] == "Running"

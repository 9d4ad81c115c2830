"""A job on a site portal: approved by others, run once, and its end told without rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fedlcm.auth import forget_tokens
from airflow_provider_fate.errors import FateConflictError, FateExecutionTimeout, FateJobFailed, FateWaitingTimeout
from airflow_provider_fate.operators.portal import FatePortalJobOperator
from airflow_provider_fate.remote.kinds import portal_job
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger
from tests.support.fake_site_portal import PASSWORD, FakeSitePortal
from tests.support.fake_site_portal.jobs import DELETED, DEPLOYING, PENDING, RUNNING
from tests.support.task import Task, in_worker

CONN = "portal_there"


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSitePortal]:
    forget_tokens()
    with FakeSitePortal() as fake, times_replaced(settle=0.1, appear=1.0, appear_pause=0.05, first_event=0.0):
        given = {"conn_type": "fate_site_portal", "host": "127.0.0.1", "port": fake.port, "login": "Admin"}
        given |= {"password": PASSWORD, "extra": {"timeout": 5}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN.upper()}", json.dumps(given))
        fake.pace = 0.005
        fake.with_project()
        yield fake


def job(**given: Any) -> Task:
    base: dict[str, Any] = {
        "task_id": "train",
        "portal_conn_id": CONN,
        "poll_interval": 0.05,
        "project": "credit",
        "name": "train",
        "data": "accounts",
        "label_column": "y",
        "others": {"10000": "usage"},
        "algorithm": "hetero_secureboost",
        "validation": 20,
        "model_name": "credit",
    }
    return Task(lambda: FatePortalJobOperator(**base | given))


def finish(task: Task, trigger: RemoteWorkTrigger) -> Any:
    return task.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 20)))


def approved(fake: FakeSitePortal, task: Task) -> RemoteWorkTrigger:
    trigger = task.start()
    assert isinstance(trigger, RemoteWorkTrigger)
    fake.answer_job(trigger.ref["uuid"], 10000)
    return trigger


def submitted(fake: FakeSitePortal) -> int:
    return len([asked for asked in fake.requests if asked.startswith("POST /project/")])


def test_a_job_that_is_approved_runs_and_its_metrics_are_told(portal: FakeSitePortal) -> None:
    task = job()
    said = finish(task, approved(portal, task))
    assert said == {
        "job_id": portal.jobs[0]["uuid"],
        "name": "train",
        "project": "credit",
        "flow_job_id": portal.jobs[0]["fate_job_id"],
        "model": "arbiter-10000#guest-9999#model#1",
        "metrics": {"auc": 0.8312, "ks": 0.51},
    }
    assert task.ti.xcoms["portal_job_id"] == said["job_id"]
    asked = portal.jobs[0]["request"]
    assert (asked["training_algorithm_type"], asked["training_validation_percent"]) == (4, 20)
    assert asked["initiator_data"]["label_name"] == "y"


def test_rows_of_a_prediction_or_a_psi_are_in_no_xcom(portal: FakeSitePortal) -> None:
    portal.models.append({"uuid": "m1", "name": "credit", "project_uuid": portal.projects[0]["uuid"]})
    predict = job(kind="predict", model="credit", name="score")
    said = finish(predict, approved(portal, predict))
    assert said["rows"] == 4711
    assert "person-1" not in json.dumps(said)
    psi = job(kind="psi", name="psi", algorithm="")
    said = finish(psi, approved(portal, psi))
    assert (said["overlap"], said["overlap_rate"]) == (812, 0.5)
    assert "person-1" not in json.dumps(said)


def test_a_job_waits_for_the_other_sites(portal: FakeSitePortal) -> None:
    task = job(waiting_timeout=timedelta(seconds=0.5))
    with pytest.raises(FateWaitingTimeout, match=r"It was stopped.*\n.*approval of telco \(10000\)"):
        task.run()
    assert portal.jobs[0]["status"] == DELETED
    portal.answer_job(portal.jobs[0]["uuid"], 10000)
    assert portal.flow_jobs == {}  # it never runs


def test_a_site_that_rejects_is_named(portal: FakeSitePortal) -> None:
    task = job()
    trigger = task.start()
    portal.answer_job(trigger.ref["uuid"], 10000, approve=False)
    with pytest.raises(FateJobFailed, match=r"rejected by telco\(10000\).*\nAsk that site why"):
        finish(task, trigger)


def test_a_job_that_fails_in_fate_is_told_with_its_id(portal: FakeSitePortal) -> None:
    portal.flow_ends = "failed"
    task = job()
    with pytest.raises(FateJobFailed, match=r"FATE Job status is: failed\. FATE's job \d+ is failed"):
        finish(task, approved(portal, task))
    task.retry()
    portal.flow_ends = "success"
    assert finish(task, approved(portal, task))["metrics"]
    assert submitted(portal) == 2


def test_a_lost_answer_submits_no_second_job(portal: FakeSitePortal) -> None:
    portal.lose = 1
    task = job()
    finish(task, approved(portal, task))
    assert submitted(portal) == 1


def test_a_retry_takes_up_what_the_try_before_has_submitted(portal: FakeSitePortal) -> None:
    task = job()
    task.start()
    task.retry()
    finish(task, approved(portal, task))
    assert submitted(portal) == 1


def test_after_a_restart_a_job_moves_only_when_it_is_refreshed(
    portal: FakeSitePortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_job, "REFRESH", 0.2)
    portal.flow_takes = 0.0
    task = job()
    trigger = approved(portal, task)
    with portal.lock:
        portal.pace = 10_000.0  # the portal's own look comes too late
        while portal.jobs[0]["status"] == PENDING:
            portal._ahead += 10_000.0
            portal._work()
    portal.restart()
    assert portal.jobs[0]["status"] == RUNNING
    assert finish(task, trigger)["metrics"]["auc"] == 0.8312
    assert [asked for asked in portal.requests if asked.endswith("/refresh")]


def test_a_restart_while_the_model_is_deployed_leaves_it_deploying_for_ever(portal: FakeSitePortal) -> None:
    task = job(execution_timeout=timedelta(seconds=1))
    trigger = approved(portal, task)
    portal.restart()
    portal.jobs[0]["status"] = DEPLOYING
    event = asyncio.run(asyncio.wait_for(trigger.wait(), 20))
    operator = task.make()
    operator._kind = operator.kind()
    operator._kind._running.add(trigger.ref["uuid"])
    with pytest.raises(FateExecutionTimeout, match=r"cannot be cancelled.*\n.*never comes to an end"):
        operator.execute_complete(task.context, event)


def test_a_kill_deletes_what_waits_and_leaves_what_runs(portal: FakeSitePortal) -> None:
    portal.flow_takes = 100_000.0
    task = job()
    trigger = task.start()
    in_worker(task, trigger).on_kill()
    assert portal.jobs[0]["status"] == DELETED
    task.clear()
    trigger = approved(portal, task)

    async def until_it_runs() -> None:
        async with portal_job.PortalJobKind(CONN) as kind:
            ref = portal_job.PortalJobRef.from_json(trigger.ref)
            while (await kind.look([ref]))[ref.id].detail.startswith(("waits", "approved")):
                await asyncio.sleep(0.02)

    asyncio.run(until_it_runs())
    worker = in_worker(task, trigger)
    worker._kind._running.add(trigger.ref["uuid"])
    worker.on_kill()
    assert portal.jobs[1]["status"] == RUNNING


def test_a_psi_alone_is_refused_before_the_portal_starts_it(portal: FakeSitePortal) -> None:
    """The portal submits it to FATE, and then says that it cannot."""
    with pytest.raises(AirflowFailException, match="a PSI needs two sites"):
        job(kind="psi", others={}, algorithm="").run()
    assert (portal.requests, portal.flow_jobs) == ([], {})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"algorithm": "sshe_lr"}, r"trains homo_lr, homo_secureboost, hetero_lr, hetero_secureboost, with FATE 1\.x"),
        ({"algorithm": "hetero_nn"}, "FateJobOperator, with a connection of the type fate to a site with FATE 2"),
        ({"conf": {"dag": {"parties": []}}}, "conf is a job of FATE 2"),
        ({"dsl": '{"schema_version": "2.2.0"}'}, "dsl is a job of FATE 2"),
    ],
)
def test_fate_2_is_refused_by_name(portal: FakeSitePortal, given: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        job(**given).run()
    assert portal.requests == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"project": "fraud"}, "is no project of this site"),
        ({"data": "customers"}, "no such data of this site; it has accounts"),
        ({"others": {"10000": "calls"}}, "no such data of party 10000; it has usage"),
        ({"others": {}}, "hetero_secureboost needs two sites"),
        ({"kind": "predict"}, "model= belongs to kind='predict'"),
        ({"kind": "predict", "model": "churn"}, "'churn' is no model of project 'credit'; it has none"),
        ({"kind": "cluster"}, "not one of training, predict, psi"),
        ({"dsl": "{"}, "dsl is no JSON"),
        ({"validation": 100}, "no share in percent"),
        ({"name": ""}, "name is empty"),
    ],
)
def test_wrong_arguments_are_told_and_nothing_is_submitted(
    portal: FakeSitePortal, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        job(**given).run()
    assert portal.jobs == []


def test_without_an_fml_manager_there_are_no_other_sites(portal: FakeSitePortal) -> None:
    portal.manager = False
    with pytest.raises(FateConflictError, match="Register the site with the FML manager"):
        job().run()

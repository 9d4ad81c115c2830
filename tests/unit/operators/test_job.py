import asyncio
import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import (
    FateJobFailed,
    FateJobStopped,
    FateJobTimeout,
    FateTableNotFound,
    FateUnreachable,
)
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.remote.flow.jobs import MARK
from tests.support.fake_flow import Failure, Script
from tests.support.task import CONN_ID, FakeTaskInstance, Task, connect

PSI = Psi(guest=Party("9999", "credit.bank_{{ day }}"), hosts=[Party("10000", "credit.telco_{{ day }}")])


def psi(**kwargs):
    arguments = {"task_id": "task", "job": PSI, "fate_conn_id": CONN_ID, "check_tables": False} | kwargs
    return Task(lambda: FateJobOperator(**arguments), templates={"day": "20260101"})


def states(fake):
    """State of every job, over all parties."""
    return {job.job_id: "/".join(sorted({str(s) for s in job.status.values()})) for job in fake.jobs.values()}


def unfinished(fake):
    return [job_id for job_id, state in states(fake).items() if "waiting" in state or "running" in state]


# -- the usual way -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_job_runs_and_gives_back_ids_and_metrics(site, deferrable):
    result = psi(deferrable=deferrable).run()
    (job_id,) = site.jobs
    assert result["job_id"] == job_id
    assert result["model_id"] == job_id
    assert result["status"] == "success"
    assert result["metrics"]["psi_0.intersect_count"] > 0


def test_ids_are_visible_while_the_job_runs(site):
    site.plan(Script(stall="psi"))
    task = psi()
    task.start()
    assert task.ti.xcoms["job_id"] in site.jobs
    assert task.ti.xcoms["model_version"] == "0"


def test_the_link_is_visible_while_the_job_runs(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow, board_url="https://board/{job_id}/{role}/{party_id}")
    task = psi()
    task.start()
    url = f"https://board/{task.ti.xcoms['job_id']}/guest/9999"
    assert task.ti.xcoms["job_url"] == url
    assert task.ti.xcoms["_link_FateBoardLink"] == url


def test_templates_in_a_recipe_are_rendered_and_the_recipe_stays_as_it_was(site):
    psi().run()
    (job,) = site.jobs.values()
    readers = job.schema["dag"]["party_tasks"]
    assert readers["guest_9999"]["tasks"]["reader_0"]["parameters"]["name"] == "bank_20260101"
    assert PSI.guest.table == "credit.bank_{{ day }}"


def test_a_job_may_be_a_mapping_or_text(site):
    dag = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")])
    for job in (dag.dag(), dag.to_yaml()):
        assert psi(job=job, task_id=f"t{len(site.jobs)}").run()["status"] == "success"
        site.jobs.clear()


def test_a_template_file_is_read(site, tmp_path):
    from airflow.sdk import DAG

    (tmp_path / "psi.yaml").write_text(
        Psi(guest=Party("9999", "a.b_{{ day }}"), hosts=[Party("10000", "a.c")]).to_yaml()
    )

    def make():
        with DAG("dag", template_searchpath=str(tmp_path)):
            return FateJobOperator(task_id="task", job="psi.yaml", fate_conn_id=CONN_ID, check_tables=False)

    Task(make, templates={"day": "20260101"}).run()
    (job,) = site.jobs.values()
    assert job.schema["dag"]["party_tasks"]["guest_9999"]["tasks"]["reader_0"]["parameters"]["name"] == "b_20260101"


def test_progress_is_logged_per_task_and_party_as_it_changes(site, capsys):
    psi().run()
    said = capsys.readouterr().out
    assert "reader_0" in said
    assert "success (guest 9999, host 10000)" in said
    assert said.count("is running [") <= 1


def test_a_partner_learns_nothing_from_the_mark(site):
    psi().run()
    (job,) = site.jobs.values()
    mark = job.schema["dag"]["conf"]["extra"][MARK]
    assert set(mark) == {"key", "epoch"}
    assert "dag" not in mark["key"]


# -- once only -----------------------------------------------------------------------------------------------------


def test_a_retry_after_a_crash_attaches_to_the_running_job(site):
    site.plan(Script(seconds=0.5))
    task = psi()
    task.start()  # and the worker is gone before anything else
    task.retry()
    assert task.run()["status"] == "success"
    assert len(site.jobs) == 1


def test_a_retry_after_the_job_has_succeeded_takes_its_result(site):
    task = psi()
    asyncio.run(task.start().wait())
    task.retry()
    assert task.run()["job_id"] in site.jobs
    assert len(site.jobs) == 1


def test_a_retry_after_a_failure_runs_a_new_job(site):
    site.plan(Script(fail={"psi": Failure()}))
    task = psi()
    with pytest.raises(FateJobFailed):
        task.run()
    site.plan(Script())
    task.retry()
    assert task.run()["status"] == "success"
    assert len(site.jobs) == 2


def test_a_cleared_task_runs_a_new_job_and_stops_the_old_one(site):
    site.plan(Script(stall="psi"))
    task = psi()
    task.start()
    site.plan(Script())
    task.clear()
    assert task.run()["status"] == "success"
    assert sorted(states(site).values()) == ["canceled", "success"]


def test_a_cleared_task_that_had_succeeded_runs_a_new_job(site):
    task = psi()
    first = task.run()
    task.clear()
    assert task.run()["job_id"] != first["job_id"]


def test_a_lost_reply_does_not_submit_twice(site):
    site.faults.drop_reply_after_submit()
    assert psi().run()["status"] == "success"
    assert len(site.jobs) == 1


@pytest.mark.parametrize("answer", ["last", "104"])
def test_copies_made_by_fate_flow_are_stopped(site, answer):
    site.plan(Script(seconds=1.0))
    site.faults.twin_submits(3, answer=answer)
    result = psi().run()
    assert result["status"] == "success"
    ended = states(site)
    assert ended.pop(result["job_id"]) == "success"
    assert set(ended.values()) == {"canceled"}


def test_mapped_tasks_have_jobs_of_their_own(site):
    for index in range(3):
        task = psi()
        task.ti = FakeTaskInstance(map_index=index)
        task.run()
    assert len(site.jobs) == 3


# -- bad ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_failed_job_names_task_party_and_reason(site, deferrable, capsys):
    site.plan(Script(fail={"psi": Failure("ValueError: curve_type=nope is not allowed")}))
    with pytest.raises(FateJobFailed, match=r"psi_0 failed on guest 9999: ValueError: curve_type=nope") as e:
        psi(deferrable=deferrable).run()
    assert e.value.diagnosis.failed[0].name == "psi_0"
    said = capsys.readouterr().out
    assert "Failing side: guest 9999 (known" in said
    assert "reader_0" in said


def test_a_failure_at_an_invisible_partner_says_what_is_inferred(fake_site, monkeypatch):
    connect(monkeypatch, fake_site)
    fake_site.plan(Script(fail={"reader_0": Failure("no such table", party=("host", "10000"))}))
    with pytest.raises(FateJobFailed, match="probably a partner"):
        psi().run()


def test_a_job_that_somebody_stops_is_told_apart_from_a_failure(site):
    site.plan(Script(stall="psi"))
    task = psi()
    trigger = task.start()
    from airflow_provider_fate.clients.flow import FlowClient

    with FlowClient(site.settings) as flow:
        flow.job.stop(task.ti.xcoms["job_id"])
    with pytest.raises(FateJobStopped):
        task.resume(asyncio.run(trigger.wait()))


def test_the_queue_limit_stops_the_job(site):
    site.plan(Script(waiting=60))
    with pytest.raises(FateJobTimeout, match="waiting_timeout"):
        psi(waiting_timeout=timedelta(seconds=0.3)).run()
    assert not unfinished(site)


def test_the_execution_timeout_holds_while_deferred_and_stops_the_job(site):
    site.plan(Script(stall="psi"))
    with pytest.raises(FateJobTimeout, match="execution_timeout"):
        psi(execution_timeout=timedelta(seconds=0.5)).run()
    assert not unfinished(site)


def test_a_kill_in_the_worker_stops_the_job(site):
    site.plan(Script(stall="psi"))
    operator = psi(deferrable=False).make()
    task = psi()
    operator._ref = operator.ref_from(task.start().ref)
    operator.on_kill()
    assert not unfinished(site)


def test_a_kill_whose_stop_is_answered_with_an_error_still_ends_the_job(site):
    site.plan(Script(stall="psi"))
    site.faults.answer(104, "Read timed out.", "/job/stop", act=True)
    operator = psi().make()
    operator._ref = operator.ref_from(psi().start().ref)
    operator.on_kill()
    assert not unfinished(site)


# -- before anything is submitted ----------------------------------------------------------------------------------


def broken(change):
    dag = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")]).dag()
    change(dag["dag"])
    return dag


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["tasks"]["psi_0"].update(component_ref="psy"), "psy"),
        (lambda d: d["party_tasks"].pop("host_10000"), "10000"),
        (lambda d: d["tasks"].pop("reader_0"), "reader_0"),
        (lambda d: d["conf"]["task"]["engine_run"].update(cores=64), "64"),
        (lambda d: d["parties"][1].update(party_id=[]), "host"),
    ],
)
def test_a_job_that_cannot_run_is_refused_and_nothing_is_submitted(site, change, says):
    with pytest.raises(AirflowFailException, match=says):
        psi(job=broken(change)).run()
    assert not site.jobs


def test_a_connection_of_another_party_is_refused(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow, party_id="8888")
    with pytest.raises(AirflowFailException, match="8888"):
        psi().run()
    assert not fake_flow.jobs


def test_a_server_of_another_party_is_refused(fake_site, monkeypatch):
    connect(monkeypatch, fake_site, party_id="10000", role="host")
    with pytest.raises(AirflowFailException, match="is party '9999'"):
        psi().run()
    assert not fake_site.jobs


def test_an_own_table_that_is_missing_is_named(site):
    with pytest.raises(FateTableNotFound, match=r"credit\.bank_20260101"):
        psi(check_tables=True).run()
    assert not site.jobs


def test_a_site_that_is_down_is_waited_for(site):
    site.down()
    import threading

    threading.Timer(1.0, site.up).start()
    assert psi().run()["status"] == "success"


def test_a_site_that_stays_down_gives_a_clear_error(site):
    site.down()
    began = time.monotonic()
    with pytest.raises(FateUnreachable, match=r"127\.0\.0\.1"):
        psi().run()
    assert time.monotonic() - began < 20


def test_an_outage_while_the_job_runs_fails_nothing(site):
    site.plan(Script(seconds=0.3))
    task = psi()
    trigger = task.start()

    async def with_outage():
        wait = asyncio.create_task(trigger.wait())
        await asyncio.sleep(0.2)
        await asyncio.to_thread(site.down)
        await asyncio.sleep(1)
        await asyncio.to_thread(site.up)
        return await asyncio.wait_for(wait, 20)

    assert task.resume(asyncio.run(with_outage()))["status"] == "success"


def test_requests_are_signed_where_the_site_asks_for_it(fake_flow_auth, monkeypatch):
    connect(monkeypatch, fake_flow_auth)
    assert psi().run()["status"] == "success"


def test_a_hundred_waiting_jobs_ask_one_question_per_interval(site):
    site.plan(Script(stall="psi"))
    triggers = []
    for index in range(100):
        task = psi()
        task.ti = FakeTaskInstance(map_index=index)
        triggers.append(task.start())

    async def wait_a_while():
        waits = [asyncio.create_task(trigger.wait()) for trigger in triggers]
        await asyncio.sleep(0.5)
        site.requests.clear()
        await asyncio.sleep(1.0)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    asyncio.run(wait_a_while())
    # An interval is 0.05 s: at most 20 questions in a second, whatever the number of jobs; nothing else is asked.
    assert 1 <= site.requests.count("/job/list/query") <= 22
    assert site.requests.count("/job/query") <= 5

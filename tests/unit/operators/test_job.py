import asyncio
import copy
import re
import tarfile
import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG
from airflow.sdk.definitions.xcom_arg import PlainXComArg

from airflow_provider_fate.clients.fate_flow.endpoints.job import JobGroup
from airflow_provider_fate.errors import (
    FateJobFailed,
    FateJobStopped,
    FateJobTimeout,
    FateServerError,
    FateSignatureError,
    FateStallTimeout,
    FateTableNotFound,
    FateUnreachable,
    FateWaitingTimeout,
)
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.psi import FatePsiOperator
from airflow_provider_fate.operators.upload import FateUploadOperator
from airflow_provider_fate.remote.kinds.fate_marks import MARK
from airflow_provider_fate.remote.operator import WAITS_FOR
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger
from airflow_provider_fate.remote.work import Kill
from airflow_provider_fate.site import evidence
from tests.support.fake_flow import Failure, Script
from tests.support.task import CONN_ID, FakeTaskInstance, Task, connect, in_worker

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
    told = task.ti.xcoms["fate_job"]
    assert told["job_id"] in site.jobs
    assert (told["role"], told["party_id"], told["model_version"], told["url"]) == ("guest", "9999", "0", None)
    assert not any(isinstance(value, str) and value.isdigit() for value in task.ti.xcoms.values()), "shown as a number"


def test_the_link_is_visible_while_the_job_runs(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow, board_url="https://board/{job_id}/{role}/{party_id}")
    task = psi()
    task.start()
    url = f"https://board/{task.ti.xcoms['fate_job']['job_id']}/guest/9999"
    assert task.ti.xcoms["fate_job"]["url"] == url
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


def test_a_table_in_a_recipe_may_end_like_the_name_of_a_file(site):
    job = Psi(guest=Party("9999", "a.b.json"), hosts=[Party("10000", "a.c.yaml")])
    assert psi(job=job).run()["status"] == "success"


def test_a_job_that_has_succeeded_already_is_not_waited_for(site):
    task = psi()
    first = task.run()
    task.retry()
    again = task.start()  # the result, and no trigger
    assert again["job_id"] == first["job_id"]


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


# -- what a retry or a clear does about the job before --------------------------------------------------------------


def psi_twice(**changes):
    """A job of a reader and two intersections, the second with other parameters."""
    dag = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")]).dag()
    tasks = dag["dag"]["tasks"]
    tasks["psi_1"] = copy.deepcopy(tasks["psi_0"])
    tasks["psi_1"]["dependent_tasks"] = ["psi_0"]
    source = tasks["psi_1"]["inputs"]["data"]["input_data"]["task_output_artifact"]
    source = source[0] if isinstance(source, list) else source
    source.update(producer_task="psi_0", output_artifact_key="output_data")
    for name, parameters in changes.items():
        tasks[name]["parameters"] = parameters
    return dag


def failed_once(site, **kwargs):
    """A task whose job has failed in psi_1, about to be retried."""
    site.plan(Script(fail={"psi_1": Failure()}))
    task = psi(job=psi_twice(), **kwargs)
    with pytest.raises(FateJobFailed):
        task.run()
    site.plan(Script())
    task.retry()
    return task


def test_a_rerun_goes_on_with_the_same_job(site):
    task = failed_once(site, on_retry="rerun")
    (job,) = site.jobs.values()
    job.script = Script()

    assert task.run()["job_id"] == job.job_id
    assert {t.name: t.version for t in job.tasks} == {"reader_0": 0, "psi_0": 0, "psi_1": 1}


@pytest.mark.parametrize("on_retry", ["rerun", "inherit"])
def test_a_job_whose_description_has_changed_inherits_what_stays_the_same(site, on_retry):
    task = failed_once(site, on_retry=on_retry)
    (old,) = site.jobs
    changed = psi_twice(psi_1={"curve_type": "curve25519"})
    task.make = psi(job=changed, on_retry=on_retry).make

    new = task.run()["job_id"]

    assert new != old
    inheritance = site.jobs[new].schema["dag"]["conf"]["inheritance"]
    assert inheritance == {"job_id": old, "task_list": ["reader_0", "psi_0"]}


def test_a_job_whose_first_task_has_changed_inherits_nothing(site):
    task = failed_once(site, on_retry="inherit")
    task.make = psi(job=psi_twice(psi_0={"curve_type": "curve25519"}), on_retry="inherit").make
    new = task.run()["job_id"]
    assert site.jobs[new].schema["dag"]["conf"]["inheritance"]["task_list"] == ["reader_0"]


def test_a_job_that_has_finished_nothing_is_run_anew(site):
    site.plan(Script(fail={"reader_0": Failure()}))
    task = psi(on_retry="rerun")
    with pytest.raises(FateJobFailed):
        task.run()
    site.plan(Script())
    task.retry()
    assert task.run()["status"] == "success"
    assert len(site.jobs) == 2


def test_a_rerun_that_starts_nothing_says_so(site):
    task = failed_once(site, on_retry="rerun")
    site.faults.answer(0, "success", "/job/rerun", act=False)
    with times_replaced(rerun=0.2), pytest.raises(FateServerError, match="did not start again"):
        task.run()


def test_a_cleared_task_takes_up_its_running_job_where_it_is_told_to(site):
    site.plan(Script(seconds=0.4))
    task = psi(on_clear="attach")
    trigger = task.start()
    assert not trigger.stop_on_clear
    task.clear()
    assert task.run()["status"] == "success"
    assert len(site.jobs) == 1


def test_a_cleared_task_that_attaches_takes_the_result_of_its_job(site):
    task = psi(on_clear="attach")
    first = task.run()
    task.clear()
    assert task.run()["job_id"] == first["job_id"]


def test_a_cleared_task_that_attaches_runs_a_new_job_after_a_failure(site):
    task = failed_once(site, on_clear="attach")
    task.clear()
    assert task.run()["status"] == "success"
    assert len(site.jobs) == 2


def test_a_cleared_task_may_rerun_its_failed_job(site):
    task = failed_once(site, on_clear="rerun")
    (job,) = site.jobs.values()
    job.script = Script()
    task.clear()
    assert task.run()["job_id"] == job.job_id


@pytest.mark.parametrize("wrong", [{"on_retry": "again"}, {"on_clear": "inherit"}])
def test_a_rule_that_does_not_exist_is_refused_when_the_dag_is_parsed(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name}='{value}' is not one of new, "):
        psi(**wrong).make()


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


def test_a_failure_at_an_invisible_partner_names_the_party_to_ask(fake_site, monkeypatch):
    connect(monkeypatch, fake_site)
    fake_site.plan(Script(fail={"reader_0": Failure("no such table", party=("host", "10000"))}))
    with pytest.raises(FateJobFailed, match=r"Failing side: host 10000 \(known: the scheduler's log") as e:
        psi().run()
    assert "Ask host 10000 for the log of job" in str(e.value)
    assert "task reader_0 failed on host 10000." in str(e.value)
    assert "guest 9999" not in str(e.value), "nothing has failed there"
    assert "no such table" not in str(e.value), "the reason stays at the partner"


def test_a_failure_at_an_invisible_partner_is_inferred_where_another_site_schedules(fake_site, monkeypatch):
    connect(monkeypatch, fake_site)
    monkeypatch.setattr(evidence.Evidence, "schedule_log", lambda self: ())
    fake_site.plan(Script(fail={"reader_0": Failure("no such table", party=("host", "10000"))}))
    with pytest.raises(FateJobFailed, match=r"host 10000 \(inferred"):
        psi().run()


def test_the_logs_of_a_failed_job_are_kept_where_the_task_wants_them(site, tmp_path):
    site.plan(Script(fail={"psi": Failure()}))
    task = psi(log_archive=f"file://{tmp_path}/logs")
    with pytest.raises(FateJobFailed) as e:
        task.run()
    assert tarfile.is_tarfile(tmp_path / "logs" / f"{e.value.job_id}.tar.gz")


def test_logs_that_cannot_be_kept_do_not_hide_the_failure(site):
    site.plan(Script(fail={"psi": Failure("ValueError: that is it")}))
    with pytest.raises(FateJobFailed, match="that is it"):
        psi(log_archive="nosuchstore://bucket/logs").run()


@pytest.mark.parametrize(
    ("report", "says"),
    [
        ('Check failed[{"code":7001,"message":"No found table: name[a],namespace[b]"}\n]', "Let that party upload it"),
        ("RuntimeError: could not find registered cpn named `psy`", "component_ref"),
        ("ValueError: curve_type=nope is not allowed in config", "Correct the job"),
        ("MemoryError", "ran out of memory"),
        ("KeyError: \"['x9'] not in index\"", "Compare the table's columns"),
    ],
)
def test_a_known_reason_comes_with_the_next_step(site, report, says):
    site.plan(Script(fail={"psi": Failure(report)}))
    with pytest.raises(FateJobFailed, match=re.escape(says)):
        psi().run()


def test_a_job_that_somebody_stops_is_told_apart_from_a_failure(site):
    site.plan(Script(stall="psi"))
    task = psi()
    trigger = task.start()
    from airflow_provider_fate.clients.fate_flow import FlowClient

    with FlowClient(site.settings) as flow:
        flow.job.stop(task.ti.xcoms["fate_job"]["job_id"])
    with pytest.raises(FateJobStopped):
        task.resume(asyncio.run(trigger.wait()))


def test_the_queue_limit_stops_the_job(site):
    site.plan(Script(waiting=60))
    with pytest.raises(FateJobTimeout, match="waiting_timeout"):
        psi(waiting_timeout=timedelta(seconds=0.3)).run()
    assert not unfinished(site)


def test_a_job_that_shows_no_progress_is_stopped_and_its_tasks_are_shown(site):
    site.plan(Script(stall="psi"))
    with pytest.raises(FateStallTimeout, match=r"no sign of progress for stall_timeout=0:00:01.*It was stopped"):
        psi(stall_timeout=timedelta(seconds=1)).run()
    assert not unfinished(site)


def test_a_limit_whose_stop_fails_says_that_the_job_may_still_run(site, monkeypatch):
    site.plan(Script(waiting=60))
    site.faults.answer(1004, "Kill job failed", "/job/stop", act=False, times=100)
    with times_replaced(stop=0.1), pytest.raises(FateWaitingTimeout, match="may still run"):
        psi(waiting_timeout=timedelta(seconds=0.3)).run()


@pytest.mark.parametrize(("tries_left", "says"), [(1, "the next try takes it up"), (0, "It was stopped")])
def test_a_site_that_refuses_to_answer_leaves_a_job_only_for_a_next_try(site, tries_left, says):
    site.plan(Script(stall="psi"))
    task = psi()
    task.ti.max_tries = tries_left
    trigger = task.start()
    refusal = {"error": "FateSignatureError", "detail": "varify failed!"}
    event = {"work_id": trigger.work()[1].id, "ref": trigger.ref, "outcome": "refused", "state": "running", **refusal}
    with pytest.raises(FateSignatureError, match=says):
        task.resume(event)
    assert bool(unfinished(site)) == bool(tries_left)


def test_the_execution_timeout_holds_while_deferred_and_stops_the_job(site):
    site.plan(Script(stall="psi"))
    with pytest.raises(FateJobTimeout, match="execution_timeout"):
        psi(execution_timeout=timedelta(seconds=0.5)).run()
    assert not unfinished(site)


def test_a_kill_in_the_worker_stops_the_job(site):
    site.plan(Script(stall="psi"))
    task = psi(deferrable=False)
    in_worker(task, psi().start()).on_kill()
    assert not unfinished(site)


@pytest.mark.parametrize("deferrable", [True, False])
def test_only_a_task_that_waits_in_its_worker_notes_how_its_job_is_stopped(site, deferrable):
    task = psi(deferrable=deferrable)
    task.start()

    noted = task.ti.xcoms.get(WAITS_FOR)
    if deferrable:
        assert noted is None
    else:
        assert noted["classpath"] == "airflow_provider_fate.remote.trigger.RemoteWorkTrigger"
        kind, ref = RemoteWorkTrigger(**noted["kwargs"]).work()
        assert ref.id == task.ti.xcoms["fate_job"]["job_id"]
        assert kind.kill(ref) is Kill.STOPS


def test_a_kill_during_a_submit_stops_the_job_that_the_submit_has_made(site):
    site.plan(Script(stall="psi"))
    operator = psi().make()
    context = psi().context
    operator.render_template_fields(context)
    submit = JobGroup.__dict__["submit"]

    def killed_meanwhile(self, *args, **kwargs):
        submitted = submit.__get__(self, JobGroup)(*args, **kwargs)
        operator.on_kill()  # the job exists, and its id has not come back
        assert not unfinished(site)
        return submitted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobGroup, "submit", killed_meanwhile)
        with pytest.raises(AirflowFailException, match="killed"):
            operator.execute(context)
    assert not unfinished(site)


def test_a_kill_before_the_submit_submits_nothing(site):
    operator = psi().make()
    context = psi().context
    operator.render_template_fields(context)
    operator.on_kill()
    with pytest.raises(AirflowFailException, match="killed"):
        operator.execute(context)
    assert not site.jobs


def test_a_kill_whose_stop_is_answered_with_an_error_still_ends_the_job(site):
    site.plan(Script(stall="psi"))
    site.faults.answer(104, "Read timed out.", "/job/stop", act=True)
    in_worker(psi(), psi().start()).on_kill()
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
        # On a busy machine it takes a while until all wait.
        await asyncio.sleep(0.5)
        site.requests.clear()
        began = time.monotonic()
        while site.requests.count("/job/list/query") < 5 and time.monotonic() < began + 60:
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - began
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return seconds

    seconds = asyncio.run(wait_a_while())
    # An interval is 0.05 s: at most 20 questions in a second, whatever the number of jobs; nothing else is asked.
    assert 5 <= site.requests.count("/job/list/query") <= 20 * seconds + 2
    assert site.requests.count("/job/query") <= 5


# -- outputs of other tasks in recipes ---------------------------------------------------------------------------------


def upload_then_job(job_of, kind=FateJobOperator, **kwargs):
    """A DAG in which a job names what an upload gives back."""
    with DAG("outputs", schedule=None) as dag:
        load = FateUploadOperator(task_id="load", source="bank.csv", table="credit.bank", fate_conn_id=CONN_ID)
        kind(task_id="task", job=job_of(load.output), fate_conn_id=CONN_ID, check_tables=False, **kwargs)
    return dag


JOBS_OF_OUTPUTS = [
    lambda out: Psi(guest=Party("9999", out), hosts=[Party("10000", "a.c")]),
    lambda out: Psi(guest=Party("9999", out["table"]), hosts=[Party("10000", "a.c")]),
    lambda out: Psi(guest=Party(out["party"], "a.b"), hosts=[Party("10000", "a.c")]),
    lambda out: Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")], cores=out["cores"]),
]


@pytest.mark.parametrize("job_of", JOBS_OF_OUTPUTS)
def test_outputs_of_other_tasks_are_taken_in_every_field_and_draw_the_edge(job_of):
    dag = upload_then_job(job_of)
    assert dag.get_task("task").upstream_task_ids == {"load"}


@pytest.mark.parametrize("job_of", JOBS_OF_OUTPUTS)
def test_outputs_of_other_tasks_are_in_the_job_that_runs(site, monkeypatch, job_of):
    given = {"table": "credit.bank", "party": "9999", "cores": 2}
    monkeypatch.setattr(
        PlainXComArg, "resolve", lambda self, _: given if self.key == "return_value" else given[self.key]
    )
    task = Task(lambda: copy.deepcopy(upload_then_job(job_of).get_task("task")))
    assert task.run()["status"] == "success"


def test_what_an_output_turns_out_to_be_is_checked(site, monkeypatch):
    monkeypatch.setattr(PlainXComArg, "resolve", lambda self, _: {"rows": 3})
    task = Task(lambda: copy.deepcopy(upload_then_job(JOBS_OF_OUTPUTS[0]).get_task("task")))
    with pytest.raises(AirflowFailException, match=r"guest\.table"):
        task.run()
    assert not site.jobs


def test_an_intersection_of_uploads_is_found(site, monkeypatch):
    monkeypatch.setattr(PlainXComArg, "resolve", lambda self, _: {"table": "credit.bank"})
    task = Task(lambda: copy.deepcopy(upload_then_job(JOBS_OF_OUTPUTS[0], FatePsiOperator).get_task("task")))
    assert task.run()["overlap"] > 0


def test_outputs_in_a_partial_recipe_draw_the_edge_and_every_mapped_task_takes_them(site, monkeypatch):
    with DAG("mapped", schedule=None) as dag:
        load = FateUploadOperator(task_id="load", source="bank.csv", table="credit.bank", fate_conn_id=CONN_ID)
        FateJobOperator.partial(
            task_id="task",
            job=Psi(guest=Party("9999", load.output), hosts=[Party("10000", "a.c")]),
            fate_conn_id=CONN_ID,
            check_tables=False,
        ).expand(log_archive=["/tmp/a", "/tmp/b"])
    mapped = dag.get_task("task")
    assert mapped.upstream_task_ids == {"load"}
    monkeypatch.setattr(PlainXComArg, "resolve", lambda output, _: {"table": "credit.bank"})
    task = Task(lambda: copy.deepcopy(mapped.unmap({"log_archive": "/tmp/a"})))
    assert task.run()["status"] == "success"

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from asgiref.sync import SyncToAsync, sync_to_async

from airflow_provider_fate.errors import FateUnreachable
from airflow_provider_fate.remote import listener
from airflow_provider_fate.remote.kinds.fate_job import FateJob
from airflow_provider_fate.remote.operator import WAITS_FOR
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.ui.plugin import FatePlugin

TRIGGER = "airflow_provider_fate.remote.trigger.RemoteWorkTrigger"
JOB = {"job_id": "job-1", "role": "guest", "party_id": "9999"}
WAITS_FOR_JOB = {"kind": FateJob.path(), "conn_id": "fate_site", "ref": JOB}


def task_instance(classpath=TRIGGER, **kwargs):
    """A deferred task instance as the API server knows it."""
    row = SimpleNamespace(classpath=classpath, kwargs=WAITS_FOR_JOB | kwargs)
    return SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, trigger_id=7, trigger=row)


@pytest.fixture
def stopped(monkeypatch):
    """Ids of the jobs that were stopped; ``stopped.faults`` are raised first."""
    jobs = []
    faults = []

    async def stop(self, ref):
        if faults:
            raise faults.pop()
        jobs.append(ref.id)

    async def look(self, refs):
        return {ref.id: Snapshot(WorkState.STOPPED if ref.id in jobs else WorkState.RUNNING) for ref in refs}

    monkeypatch.setattr(FateJob, "stop", stop)
    monkeypatch.setattr(FateJob, "look", look)
    with times_replaced(stop_pause=0.0, stop_abandoned=5.0):
        yield SimpleNamespace(jobs=jobs, faults=faults)


@pytest.mark.parametrize("end", ["failed", "success", "skipped"])
def test_a_waiting_task_that_a_user_ends_leaves_no_job_running(stopped, monkeypatch, end):
    threads = []
    stop = listener.stop_abandoned_work
    monkeypatch.setattr(listener, "stop_abandoned_work", lambda ti: threads.append(stop(ti)))

    getattr(listener, f"on_task_instance_{end}")(task_instance=task_instance())

    threads[0].join(10)
    assert stopped.jobs == ["job-1"]


def test_a_stop_that_does_not_reach_the_site_is_repeated(stopped):
    stopped.faults.append(FateUnreachable("down"))

    listener.stop_abandoned_work(task_instance()).join(10)

    assert stopped.jobs == ["job-1"]


def test_a_stop_that_never_succeeds_is_told_in_the_log(stopped, caplog):
    stopped.faults += [FateUnreachable("down")] * 10

    with times_replaced(stop_abandoned=-1.0):
        listener.stop_abandoned_work(task_instance()).join(10)

    assert stopped.jobs == []
    assert "job-1 could not be stopped and may still run" in caplog.text


@pytest.mark.parametrize("owner", ["observed", "changed"])
def test_work_that_the_task_has_not_created_goes_on(stopped, owner):
    assert listener.stop_abandoned_work(task_instance(ref=JOB | {"ownership": owner})) is None


def test_triggers_of_other_providers_are_none_of_our_business(stopped):
    assert listener.stop_abandoned_work(task_instance("airflow.providers.standard.triggers.file.FileTrigger")) is None


@pytest.mark.parametrize("known", [{}, {"trigger_id": None}], ids=["in a worker", "in the scheduler"])
def test_a_task_that_ended_by_itself_has_nothing_to_stop(stopped, known):
    assert listener.stop_abandoned_work(SimpleNamespace(dag_id="d", **known)) is None


class Session:
    """As much of a session of the database as is used: the XComs of one task."""

    def __init__(self, xcoms):
        self.xcoms = xcoms

    def execute(self, query):
        wanted = query.compile().params
        found = [
            SimpleNamespace(value=value)
            for key, value in self.xcoms.items()
            if {key, "d", "r", "t", -1} == set(wanted.values())
        ]
        return SimpleNamespace(first=lambda: next(iter(found), None))


@pytest.fixture
def in_worker(monkeypatch):
    """Makes a task instance that has waited in its worker, as the API server and the scheduler know it."""

    def make(state="failed", key=WAITS_FOR, **noted):
        noted = {"classpath": TRIGGER, "kwargs": WAITS_FOR_JOB} | noted
        monkeypatch.setattr("sqlalchemy.orm.object_session", lambda row: Session({"job_id": "x", key: noted}))
        ids = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
        return SimpleNamespace(**ids, trigger_id=None, trigger=None, state=state)

    return make


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_a_task_that_is_ended_while_it_waits_in_its_worker_leaves_no_job_running(stopped, in_worker, state):
    stopped.faults += [FateUnreachable("down")] * 10  # for longer than Airflow lets its process live

    listener.stop_abandoned_work(in_worker(state)).join(10)

    assert stopped.jobs == ["job-1"]


def test_a_stop_leaves_no_thread_that_forked_workers_would_wait_for(stopped, in_worker, monkeypatch):
    asked = []
    shared = ThreadPoolExecutor(1)
    monkeypatch.setattr(SyncToAsync, "single_thread_executor", shared)

    async def stop(self, ref):
        asked.append(await sync_to_async(threading.get_ident)())  # as Airflow reads a connection
        stopped.jobs.append(ref.id)

    monkeypatch.setattr(FateJob, "stop", stop)

    listener.stop_abandoned_work(in_worker()).join(10)

    assert len(asked) == 1
    assert not shared._threads


@pytest.mark.parametrize("state", ["up_for_retry", "restarting", None])
def test_the_job_of_a_lost_worker_goes_on_where_another_try_takes_it_up(stopped, in_worker, state):
    assert listener.stop_abandoned_work(in_worker(state)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"key": "return_value"},
        {"classpath": "some.other.Trigger"},
        {"kwargs": {"kind": "no_such_module:Kind", "conn_id": "c", "ref": {}}},
        {"kwargs": {"work_id": "of another release"}},
        {"kwargs": "s3://moved/there/by/a/backend"},
    ],
)
def test_a_task_that_has_noted_nothing_of_ours_has_nothing_to_stop(stopped, in_worker, other):
    assert listener.stop_abandoned_work(in_worker(**other)) is None


def test_a_run_that_a_user_ends_leaves_no_job_running_where_airflow_does_not_tell_of_its_tasks(monkeypatch):
    ended = []
    monkeypatch.setattr(listener, "marked_runs_tell_their_tasks", lambda: False)
    monkeypatch.setattr(listener, "stop_abandoned_work", ended.append)
    monkeypatch.setattr("sqlalchemy.orm.object_session", lambda run: "session")
    run = SimpleNamespace(get_task_instances=lambda session: ["one", "two"] if session == "session" else [])

    listener.on_dag_run_failed(dag_run=run)
    listener.on_dag_run_success(dag_run=SimpleNamespace())

    assert ended == ["one", "two"]


def test_airflow_finds_the_listener():
    assert listener in FatePlugin.listeners

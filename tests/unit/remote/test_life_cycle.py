"""The promises of the life cycle, for two kinds of work that have nothing in common: FATE jobs, and named objects."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_fate.errors import FateError, FateExecutionTimeout
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.remote import listener
from airflow_provider_fate.remote import trigger as trigger_module
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.remote.work import Kill
from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.object_kind import ObjectOperator
from tests.support.object_server import ObjectServer
from tests.support.task import CONN_ID, Task, connect, in_worker


class World(ABC):
    """A remote system, as the tests of this file need it."""

    @abstractmethod
    def task(self, **kwargs: Any) -> Task:
        """A task that asks it for work."""

    @abstractmethod
    def stay(self) -> None:
        """What is begun from now on does not end by itself."""

    @abstractmethod
    def fail(self) -> None:
        """What is begun from now on fails, because of 'no luck'."""

    @abstractmethod
    def lose_reply(self) -> None:
        """The answer to the next order is lost."""

    @abstractmethod
    def forget(self) -> None:
        """All work vanishes."""

    @property
    @abstractmethod
    def created(self) -> int:
        """So much work was begun."""

    @property
    @abstractmethod
    def running(self) -> int:
        """So much of it goes on."""


class FateWorld(World):
    def __init__(self, site: FakeFlow) -> None:
        self.site = site

    def task(self, **kwargs: Any) -> Task:
        job = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")])
        arguments = {"task_id": "task", "job": job, "fate_conn_id": CONN_ID, "check_tables": False} | kwargs
        return Task(lambda: FateJobOperator(**arguments))

    def stay(self) -> None:
        self.site.plan(Script(stall="psi"))

    def fail(self) -> None:
        self.site.plan(Script(fail={"psi": Failure("no luck")}))

    def lose_reply(self) -> None:
        self.site.faults.answer(104, "Read timed out.", "/job/submit", act=True)

    def forget(self) -> None:
        self.site.jobs.clear()

    @property
    def created(self) -> int:
        return len(self.site.jobs)

    @property
    def running(self) -> int:
        states = [{str(state) for state in job.status.values()} for job in self.site.jobs.values()]
        return sum(bool(found & {"waiting", "running"}) for found in states)


class ObjectWorld(World):
    def __init__(self, server: ObjectServer) -> None:
        self.server = server

    def task(self, **kwargs: Any) -> Task:
        return Task(lambda: ObjectOperator(**{"task_id": "task", "name": "thing", "conn_id": "objects"} | kwargs))

    def stay(self) -> None:
        self.server.next_state = "running"

    def fail(self) -> None:
        self.server.next_state = "failed"

    def lose_reply(self) -> None:
        self.server.lose = 1

    def forget(self) -> None:
        self.server.objects.clear()

    @property
    def created(self) -> int:
        return self.server.created

    @property
    def running(self) -> int:
        return sum(found["state"] in ("pending", "running") for found in self.server.objects.values())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")
    with times_replaced(settle=0.1, reach=3.0, appear=3.0, appear_pause=0.05, stop=5.0, stop_pause=0.05):
        yield


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    with ObjectServer().serving() as server:
        connection = {"conn_type": "http", "host": "127.0.0.1", "port": server.port}
        monkeypatch.setenv("AIRFLOW_CONN_OBJECTS", json.dumps(connection))
        yield server


@pytest.fixture(params=["FATE job", "object"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    if request.param == "object":
        return ObjectWorld(request.getfixturevalue("objects"))
    site = request.getfixturevalue("fake_flow")
    connect(monkeypatch, site, cores=32)
    return FateWorld(site)


# -- exactly once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_work_is_begun_once_and_gives_its_result(world: World, deferrable: bool) -> None:
    assert world.task(deferrable=deferrable).run()
    assert world.created == 1


def test_a_retry_after_a_crash_takes_up_what_runs(world: World) -> None:
    world.stay()
    task = world.task()
    first = task.start()
    task.retry()
    assert task.start().ref == first.ref
    assert world.created == 1


def test_a_retry_after_a_success_waits_for_nothing(world: World) -> None:
    task = world.task()
    first = task.run()
    task.retry()
    assert task.start() == first
    assert world.created == 1


def test_a_clear_stops_what_runs_and_begins_anew(world: World) -> None:
    world.stay()
    task = world.task()
    task.start()
    task.clear()
    task.start()
    assert (world.created, world.running) == (2, 1)


def test_a_lost_answer_begins_nothing_twice(world: World) -> None:
    world.stay()
    world.lose_reply()
    world.task().start()
    assert world.running == 1


# -- bad ends ----------------------------------------------------------------------------------------------------------


def test_a_failure_is_explained_by_the_kind(world: World) -> None:
    world.fail()
    with pytest.raises(FateError, match=r"no luck|failed"):
        world.task().run()


def test_work_that_vanishes_is_missed(world: World) -> None:
    world.stay()
    task = world.task()
    trigger = task.start()
    world.forget()
    event = asyncio.run(asyncio.wait_for(trigger.wait(), 30))
    assert event["state"] == "missing"
    with pytest.raises(FateError):
        task.resume(event)


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_limit_leaves_nothing_running(world: World, deferrable: bool) -> None:
    world.stay()
    with pytest.raises(FateExecutionTimeout, match="It was stopped"):
        world.task(execution_timeout=timedelta(seconds=0.5), deferrable=deferrable).run()
    assert world.running == 0


# -- kills -------------------------------------------------------------------------------------------------------------


def test_a_kill_in_the_worker_stops_what_the_task_has_created(world: World) -> None:
    world.stay()
    task = world.task()
    in_worker(task, task.start()).on_kill()
    assert world.running == 0


def test_a_kill_in_the_triggerer_stops_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failed(*_: object) -> str:
        return "failed"

    world.stay()
    trigger = world.task().start()
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    monkeypatch.setattr(trigger_module, "task_state", failed)
    asyncio.run(trigger.on_kill())
    assert world.running == 0


def test_the_api_server_stops_what_nobody_waits_for_any_more(world: World) -> None:
    world.stay()
    classpath, kwargs = world.task().start().serialize()
    row = SimpleNamespace(classpath=classpath, kwargs=kwargs)
    ended = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, trigger_id=7, trigger=row)
    thread = listener.stop_abandoned_work(ended)
    assert thread is not None
    thread.join(20)
    assert world.running == 0


# -- what only the second kind can show --------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["changed", "observed"])
def test_work_that_the_task_has_not_created_survives_every_end_of_it(objects: ObjectServer, owner: str) -> None:
    objects.next_state = "running"
    objects.objects["thing"] = {"state": "running", "message": ""}
    task = ObjectWorld(objects).task(ownership=owner, execution_timeout=timedelta(seconds=0.3))
    trigger = task.start()
    kind, ref = trigger.work()
    assert kind.kill(ref) is Kill.LEAVES
    in_worker(task, trigger).on_kill()
    row = SimpleNamespace(classpath=trigger.serialize()[0], kwargs=trigger.serialize()[1])
    ended = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, trigger_id=7, trigger=row)
    assert listener.stop_abandoned_work(ended) is None
    with pytest.raises(FateExecutionTimeout, match="was not started by this task and goes on"):
        task.resume(asyncio.run(trigger.wait()))
    assert "thing" in objects.objects


def test_many_that_wait_share_one_question(objects: ObjectServer) -> None:
    objects.next_state = "running"
    triggers = []
    for number in range(20):
        task = ObjectWorld(objects).task(name=f"thing-{number}")
        task.ti.task_id = f"task-{number}"
        triggers.append(task.start())
    objects.questions = 0
    objects.next_state = "ready"

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(trigger.wait() for trigger in triggers))

    events = asyncio.run(all_of_them())
    assert {event["state"] for event in events} == {"succeeded"}
    assert objects.questions <= 5


def test_an_outage_fails_no_wait(objects: ObjectServer) -> None:
    objects.next_state = "running"
    task = ObjectWorld(objects).task()
    trigger = task.start()

    async def through_an_outage() -> Any:
        waiting = asyncio.create_task(trigger.wait())
        await asyncio.sleep(0.2)
        objects.down = True
        await asyncio.sleep(0.3)
        objects.down, objects.next_state = False, "ready"
        return await asyncio.wait_for(waiting, 20)

    assert task.resume(asyncio.run(through_an_outage())) == {"name": "thing-0-0"}


def test_what_others_make_of_it_meanwhile_is_what_counts(objects: ObjectServer) -> None:
    objects.next_state = "running"
    task = ObjectWorld(objects).task()
    trigger = task.start()
    objects.next_state = "failed"
    objects.objects["thing-0-0"] |= {"state": "failed", "message": "changed by somebody"}
    with pytest.raises(FateError, match="changed by somebody"):
        task.resume(asyncio.run(trigger.wait()))

import asyncio
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import pytest

from airflow_provider_fate.errors import FateError, FateSignatureError, FateUnreachable
from airflow_provider_fate.remote import trigger as module
from airflow_provider_fate.remote.poller import SharedPoller
from airflow_provider_fate.remote.report import Reporter
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times, times_replaced
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger
from airflow_provider_fate.remote.work import Kill, WorkKind, WorkRef

QUEUED, RUNNING = Snapshot(WorkState.QUEUED), Snapshot(WorkState.RUNNING, 50)
DONE, FAILED = Snapshot(WorkState.SUCCEEDED, 100), Snapshot(WorkState.FAILED)
STOPPED, MISSING = Snapshot(WorkState.STOPPED), Snapshot(WorkState.MISSING)


@dataclass(frozen=True)
class ScriptRef(WorkRef):
    name: str

    @property
    def id(self):
        return self.name


class ScriptKind(WorkKind):
    """Plays a list of answers; the last one is repeated."""

    ref_type = ScriptRef
    tracks: ClassVar[dict] = {}

    @property
    def track(self):
        return self.tracks[self.conn_id]

    async def find(self, attempt, request):
        return []

    async def look(self, refs):
        script = self.track.script
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, Exception):
            raise answer
        return {ref.id: answer for ref in refs}

    async def pulse(self, ref):
        pulses = self.track.pulses
        return pulses.pop(0) if len(pulses) > 1 else pulses[0]

    async def stop(self, ref):
        self.track.stops.append(ref.id)
        if self.track.faults:
            raise self.track.faults.pop()
        self.track.script[:] = [STOPPED]

    def reporter(self, ref):
        return self.track.reporter or super().reporter(ref)


class ScriptTrigger(RemoteWorkTrigger):
    def __init__(self, script=(), owner="created", reporter=None, **kwargs):
        name = f"script-{id(self)}"
        ScriptKind.tracks[name] = self.track = SimpleNamespace(
            script=list(script), stops=[], pulses=["unchanged"], faults=[], reporter=reporter
        )
        arguments = {"kind": ScriptKind.path(), "conn_id": name, "ref": {"name": "w", "ownership": owner}}
        super().__init__(**arguments | {"poll_interval": 0.01} | kwargs)

    @property
    def stops(self):
        return self.track.stops


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(SharedPoller, "_pause", lambda self, failures: 0.01)
    with times_replaced(settle=0.05, stop_pause=0.0):
        yield


async def outcome(*script, **kwargs):
    event = await asyncio.wait_for(ScriptTrigger(script, **kwargs).wait(), 5)
    return event["outcome"], event["state"]


async def test_success_ends_the_wait_at_once():
    assert await outcome(QUEUED, RUNNING, DONE) == ("over", "succeeded")


async def test_the_event_carries_all_that_the_resumed_task_needs():
    done = Snapshot(WorkState.SUCCEEDED, 100, "done", found={"rows": 3})
    event = await ScriptTrigger([done]).wait()
    assert event == {
        "work_id": "w",
        "ref": {"name": "w", "ownership": "created"},
        "outcome": "over",
        "state": "succeeded",
        "detail": "done",
        "error": None,
        "found": {"rows": 3},
    }


async def test_a_failure_that_turns_out_to_be_a_stop_is_reported_as_a_stop():
    assert await outcome(RUNNING, FAILED, STOPPED) == ("over", "stopped")


async def test_a_failure_that_is_rerun_at_once_is_waited_for():
    assert await outcome(FAILED, RUNNING, DONE) == ("over", "succeeded")


async def test_an_unknown_job_gets_some_grace():
    assert await outcome(MISSING, MISSING, RUNNING, DONE) == ("over", "succeeded")
    assert await outcome(MISSING) == ("over", "missing")


async def test_an_outage_fails_nothing_and_is_said_once(capsys):
    assert await outcome(RUNNING, *[FateUnreachable("down")] * 30, DONE) == ("over", "succeeded")
    said = capsys.readouterr().out
    assert said.count("waiting goes on") == 1
    assert said.count("answers again") == 1


async def test_a_refusal_that_lasts_ends_the_wait_with_its_reason():
    event = await ScriptTrigger([RUNNING, FateSignatureError("bad signature")]).wait()
    assert (event["outcome"], event["state"]) == ("refused", "running")
    assert (event["error"], event["detail"]) == ("FateSignatureError", "bad signature")


async def test_work_without_a_sign_of_progress_has_stalled():
    assert await outcome(RUNNING, stall_after=0.2) == ("stalled", "running")


async def test_signs_of_progress_keep_the_wait_going():
    trigger = ScriptTrigger([RUNNING] * 60 + [DONE], stall_after=0.2)
    trigger.track.pulses = [str(n) for n in range(100)]
    assert (await trigger.wait())["outcome"] == "over"
    assert len(trigger.track.pulses) < 100


async def test_work_is_not_said_to_stall_while_it_cannot_be_asked():
    assert await outcome(RUNNING, *[FateUnreachable("down")] * 60, RUNNING, DONE, stall_after=0.3) == (
        "over",
        "succeeded",
    )


async def test_the_deadline_is_kept_while_the_work_runs():
    assert await outcome(RUNNING, deadline=time.time() + 0.1) == ("deadline", "running")


async def test_the_deadline_is_kept_while_the_site_is_silent():
    assert await outcome(FateUnreachable("down"), deadline=time.time() + 0.1) == ("deadline", "queued")


async def test_the_queue_limit_counts_only_while_queued():
    assert await outcome(QUEUED, queue_deadline=time.time() + 0.1) == ("queue_limit", "queued")
    assert await outcome(RUNNING, RUNNING, DONE, queue_deadline=time.time() - 1) == ("over", "succeeded")


async def test_a_report_that_fails_does_not_end_the_wait():
    class Mute(Reporter):
        async def news(self, kind, snapshot, now):
            raise FateError("no tasks")
            yield ""

    assert (await ScriptTrigger([RUNNING, DONE], reporter=Mute("w")).wait())["state"] == "succeeded"


async def test_what_changes_is_said_once(capsys):
    await ScriptTrigger([QUEUED, QUEUED, RUNNING, RUNNING, DONE]).wait()
    said = capsys.readouterr().out
    assert [said.count(f"w: {word}") for word in ("queued", "running", "succeeded")] == [1, 1, 1]


async def test_no_event_comes_before_the_deferral_can_have_been_handled(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    async def at_once():
        return {}

    trigger = ScriptTrigger([DONE])
    monkeypatch.setattr(trigger, "wait", at_once)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    assert len([event async for event in trigger.run()]) == 1
    assert slept == [pytest.approx(times().first_event, abs=1)]


def test_serialized_arguments_make_the_same_trigger():
    trigger = RemoteWorkTrigger(
        kind="a:B", conn_id="c", ref={"a": 1}, deadline=1.0, poll_interval=3, stop_on_clear=False
    )
    path, kwargs = trigger.serialize()
    assert path == "airflow_provider_fate.remote.trigger.RemoteWorkTrigger"
    assert RemoteWorkTrigger(**kwargs).serialize() == (path, kwargs)


@pytest.mark.parametrize("kind", ["", "no_such_module:Kind", "json:dumps", "airflow_provider_fate.errors:Nothing"])
def test_a_kind_that_does_not_exist_is_named(kind):
    with pytest.raises(LookupError, match="kind of remote work"):
        RemoteWorkTrigger(kind=kind, conn_id="c", ref={}).work()


# -- kills ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def killed(monkeypatch):
    def make(state, slow=0.0, **kwargs):
        async def ask(*_):
            await asyncio.sleep(slow)
            if isinstance(state, Exception):
                raise state
            return state

        monkeypatch.setattr(module, "task_state", ask)
        trigger = ScriptTrigger([RUNNING], **kwargs)
        trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
        return trigger

    return make


async def test_a_killed_task_stops_its_work(killed):
    trigger = killed("failed")
    await trigger.on_kill()
    assert len(trigger.stops) == 1


async def test_a_trigger_that_only_moves_leaves_the_work_alone(killed):
    trigger = killed("deferred")
    await trigger.on_kill()
    assert trigger.stops == []


async def test_an_unknown_state_leaves_the_work_alone(killed):
    trigger = killed(RuntimeError("no supervisor"))
    await trigger.on_kill()
    assert trigger.stops == []


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "running"])
async def test_a_cleared_task_that_takes_its_work_up_again_leaves_it_alone(killed, state):
    trigger = killed(state, stop_on_clear=False)
    await trigger.on_kill()
    assert trigger.stops == []


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
async def test_a_task_that_a_user_ends_stops_its_work_whatever_a_clear_would_do(killed, state):
    trigger = killed(state, stop_on_clear=False)
    await trigger.on_kill()
    assert len(trigger.stops) == 1


@pytest.mark.parametrize("owner", ["observed", "changed"])
async def test_work_that_the_task_has_not_created_is_never_stopped(killed, owner):
    trigger = killed("failed", owner=owner)
    await trigger.on_kill()
    assert trigger.stops == []


async def test_work_that_cannot_be_cancelled_goes_on_and_the_log_tells(killed, monkeypatch, capsys):
    monkeypatch.setattr(ScriptKind, "kill", lambda self, ref: Kill.CANNOT)
    trigger = killed("failed")
    await trigger.on_kill()
    assert trigger.stops == []
    assert "w cannot be cancelled and goes on" in capsys.readouterr().out


async def test_the_stop_survives_that_airflow_cancels_on_kill(killed):
    trigger = killed("failed", slow=0.1)
    kill = asyncio.create_task(trigger.on_kill())
    await asyncio.sleep(0.02)
    kill.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kill
    await asyncio.sleep(0.2)
    assert len(trigger.stops) == 1


async def test_a_stop_that_fails_is_tried_again(killed):
    trigger = killed("failed")
    trigger.track.faults = [FateUnreachable("down"), FateUnreachable("down")]
    await trigger.on_kill()
    assert len(trigger.stops) == 3


async def test_a_wait_makes_no_task_of_its_own_for_a_limit():
    """Thousands wait at a time."""
    triggers = [ScriptTrigger([QUEUED], deadline=time.time() + 60) for _ in range(20)]
    waits = [asyncio.create_task(trigger.wait()) for trigger in triggers]
    await asyncio.sleep(0.05)
    made = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
    assert "RemoteWorkTrigger.wait" in made
    assert not [name for name in made if name.startswith("Wait.")]
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)

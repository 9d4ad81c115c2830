import asyncio
import contextlib
import time
from dataclasses import dataclass

import pytest

from airflow_provider_fate.errors import FateError, FateUnreachable
from airflow_provider_fate.remote.limits import SLOWEST, pace
from airflow_provider_fate.remote.meter import Allowance
from airflow_provider_fate.remote.poller import REPEATS, SharedPoller
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import WorkKind, WorkRef


@dataclass(frozen=True)
class Thing(WorkRef):
    name: str

    @property
    def id(self):
        return self.name


class Scripted(WorkKind):
    ref_type = Thing

    def __init__(self, conn_id):
        super().__init__(conn_id)
        self.looks = self.closed = 0
        self.outage = False
        self.keys = []

    async def find(self, attempt, request):
        return []

    async def look(self, refs):
        self.looks += 1
        self.keys.append(sorted(ref.id for ref in refs))
        if self.outage:
            raise FateUnreachable("down")
        return {ref.id: seen(f"{ref.id}@{self.looks}") for ref in refs}

    def is_idle(self, seen):
        return False

    async def close(self):
        self.closed += 1


def seen(detail):
    return Snapshot(WorkState.RUNNING, detail=detail)


def shared(kind, conn_id, interval):
    """The poller of a connection, and the kind that looks for it."""
    poller = SharedPoller.shared(kind(conn_id), Thing("any"), interval)
    return poller, poller.kind


async def test_many_waits_share_one_question_per_interval():
    _, kind = shared(Scripted, "c", 0.05)
    waits = [shared(Scripted, "c", 0.05)[0].watch(Thing(str(i))) for i in range(200)]
    answers = await asyncio.gather(*(wait.next() for wait in waits))
    assert len(answers) == 200
    assert kind.looks <= 2
    for wait in waits:
        wait.leave()


async def test_connections_have_a_poller_of_their_own():
    assert shared(Scripted, "a", 1)[0] is shared(Scripted, "a", 1)[0]
    assert shared(Scripted, "a", 1)[0] is not shared(Scripted, "b", 1)[0]


async def test_the_last_one_who_leaves_stops_it_and_closes_its_client():
    poller, kind = shared(Scripted, "last", 0.01)
    wait_1 = poller.watch(Thing("1"))
    wait_2 = poller.watch(Thing("2"))
    await wait_1.next()
    wait_1.leave()
    async with asyncio.timeout(10):
        while kind.keys[-1] != ["2"]:
            await asyncio.sleep(0.01)
    wait_2.leave()
    looks = kind.looks
    await asyncio.sleep(0.05)
    assert kind.looks == looks
    assert kind.closed


async def test_it_starts_again_for_the_next_one():
    poller, _ = shared(Scripted, "again", 0.01)
    for _ in range(2):
        wait = poller.watch(Thing("1"))
        assert (await wait.next()).detail.startswith("1@")
        wait.leave()
        await asyncio.sleep(0)


async def test_an_outage_is_told_and_ends_by_itself():
    poller, kind = shared(Scripted, "outage", 0.01)
    kind.outage = True
    wait = poller.watch(Thing("1"))
    with pytest.raises(FateUnreachable):
        await wait.next()
    kind.outage = False
    assert (await asyncio.wait_for(wait.next(), 5)).detail.startswith("1@")
    wait.leave()


async def test_what_nobody_foresaw_is_told_at_every_look_and_ends_no_looking(monkeypatch):
    poller, kind = shared(Scripted, "c", 0.01)
    monkeypatch.setattr(poller, "_pause", lambda failures: 0.01)
    news = poller.watch(Thing("a"))
    await news.next()

    async def broken(refs):
        raise RuntimeError("nobody foresaw this")

    kind.look = broken
    told = []
    while len(told) < 6:
        try:
            await asyncio.wait_for(news.next(), 5)
        except FateError as e:
            told.append(str(e))
    del kind.look

    assert all("nobody foresaw this" in text for text in told)
    for _ in range(2):
        with contextlib.suppress(FateError):  # one may still be on its way
            told_at_last = await asyncio.wait_for(news.next(), 5)
    assert told_at_last.detail.startswith("a@")
    news.leave()


async def test_a_slow_reader_gets_the_newest_answer_only():
    poller, kind = shared(Scripted, "slow", 0.01)
    wait = poller.watch(Thing("1"))
    await asyncio.sleep(0.1)
    assert (await wait.next()).detail == f"1@{kind.looks}"
    wait.leave()


async def test_a_newcomer_does_not_wait_for_the_pace_of_the_old_ones(monkeypatch):
    monkeypatch.setattr("airflow_provider_fate.remote.poller.pace", lambda age, shortest, least: 30.0)
    poller, _ = shared(Scripted, "newcomer", 0.02)
    wait_1 = poller.watch(Thing("old"))
    await wait_1.next()
    wait_2 = poller.watch(Thing("new"))
    assert (await asyncio.wait_for(wait_2.next(), 2)).detail.startswith("new@")
    wait_1.leave()
    wait_2.leave()


class Idle(Scripted):
    """Always sees the same, until `state` is changed."""

    state = "running"

    async def look(self, refs):
        self.looks += 1
        if self.outage:
            raise FateUnreachable("down")
        return {ref.id: seen(self.state) for ref in refs}

    def is_idle(self, seen):
        return seen.detail == "running"


async def told(wait, seconds):
    """What arrives within some seconds."""
    heard = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                try:
                    heard.append((await wait.next()).detail)
                except FateUnreachable:
                    heard.append("down")
    return heard


@pytest.fixture
async def idle(request):
    poller, kind = shared(Idle, request.node.name, 0.01)
    wait = poller.watch(Thing("1"))
    yield kind, wait
    wait.leave()


async def test_what_does_not_change_wakes_nobody_for_long(idle):
    kind, wait = idle
    heard = await told(wait, 0.5)
    assert heard == ["running"] * (1 + REPEATS)
    assert kind.looks > 2 * len(heard)


async def test_what_changes_is_told_at_once(idle):
    kind, wait = idle
    await told(wait, 0.2)
    kind.state = "failed"
    assert (await asyncio.wait_for(wait.next(), 1)).detail == "failed"


async def test_an_end_is_told_as_often_as_it_is_seen(idle):
    kind, wait = idle
    kind.state = "failed"
    assert len(await told(wait, 0.5)) > 2 * (1 + REPEATS)


async def test_the_same_is_told_again_after_an_outage(idle):
    kind, wait = idle
    await told(wait, 0.2)
    kind.outage = True
    with pytest.raises(FateUnreachable):
        await wait.next()
    kind.outage = False
    assert "running" in await told(wait, 0.5)


async def test_a_wait_is_reminded_so_that_it_can_look_for_signs_of_progress(idle, monkeypatch):
    monkeypatch.setattr("airflow_provider_fate.remote.poller.REMIND", 0.05)
    _, wait = idle
    assert len(await told(wait, 1.0)) >= 1 + REPEATS + 5


async def test_expensive_looks_become_rare():
    class Expensive(Scripted):
        async def look(self, refs):
            end = time.thread_time() + 0.02
            while time.thread_time() < end:
                pass
            return await super().look(refs)

    poller, kind = shared(Expensive, "expensive", 0.01)
    poller._allowance = Allowance(burst=0.0)
    wait = poller.watch(Thing("1"))
    await asyncio.sleep(1.0)
    wait.leave()
    # 20 ms of CPU time in 0.4 s are 5 %.
    assert kind.looks <= 4


def test_a_costly_look_makes_the_pause_longer_than_the_slowest():
    assert pace(0, 2, least=1) == 2
    assert pace(36_000, 2, least=40) == 40


def test_young_work_is_looked_at_often_and_old_work_seldom():
    assert pace(0, 2) == 2
    assert pace(59, 2) == 2
    assert 2 < pace(300, 2) < SLOWEST
    assert pace(36_000, 2) == SLOWEST
    assert pace(0, 30) == 30


class Apart(Scripted):
    """Each is asked for at its own interval."""

    together = False

    def subject(self, ref):
        return ref.name.partition("/")[0]


async def test_each_subject_is_asked_for_at_its_own_interval():
    poller, kind = shared(Apart, "apart", 60)
    often, seldom = poller.watch(Thing("often"), 0.05), poller.watch(Thing("seldom"), 60)
    await seldom.next()
    for _ in range(4):
        await asyncio.wait_for(often.next(), 5)
    asked = [name for names in kind.keys for name in names]
    assert asked.count("seldom") == 1
    assert asked.count("often") >= 3
    often.leave()
    seldom.leave()


async def test_references_to_one_subject_are_looked_at_together():
    poller, kind = shared(Apart, "subject", 60)
    waits = [poller.watch(Thing(f"table/{want}"), 0.05) for want in ("few", "many")]
    for wait in waits:
        await asyncio.wait_for(wait.next(), 5)
    assert kind.keys[-1] == ["table/few", "table/many"]
    for wait in waits:
        wait.leave()

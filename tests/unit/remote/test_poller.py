import asyncio
import contextlib
import time

import pytest

from airflow_provider_fate.errors import FateError, FateUnreachable
from airflow_provider_fate.remote.limits import SLOWEST, pace
from airflow_provider_fate.remote.meter import Allowance
from airflow_provider_fate.remote.poller import REPEATS, SharedPoller


class Scripted(SharedPoller[str]):
    looks: int
    closed: int
    outage: bool

    def __init__(self, conn_id, interval):
        super().__init__(conn_id, interval)
        self.looks = self.closed = 0
        self.outage = False
        self.keys = []

    async def look(self, keys):
        self.looks += 1
        self.keys.append(sorted(keys))
        if self.outage:
            raise FateUnreachable("down")
        return {key: f"{key}@{self.looks}" for key in keys}

    async def close(self):
        self.closed += 1


async def test_many_waits_share_one_question_per_interval():
    poller = Scripted.shared("c", 0.05)
    waits = [Scripted.shared("c", 0.05).watch(str(i)) for i in range(200)]
    answers = await asyncio.gather(*(wait.next() for wait in waits))
    assert len(answers) == 200
    assert poller.looks <= 2
    for wait in waits:
        wait.leave()


async def test_connections_have_a_poller_of_their_own():
    assert Scripted.shared("a", 1) is Scripted.shared("a", 1)
    assert Scripted.shared("a", 1) is not Scripted.shared("b", 1)


async def test_the_last_one_who_leaves_stops_it_and_closes_its_client():
    poller = Scripted.shared("last", 0.01)
    wait_1 = poller.watch("1")
    wait_2 = poller.watch("2")
    await wait_1.next()
    wait_1.leave()
    async with asyncio.timeout(10):
        while poller.keys[-1] != ["2"]:
            await asyncio.sleep(0.01)
    wait_2.leave()
    looks = poller.looks
    await asyncio.sleep(0.05)
    assert poller.looks == looks
    assert poller.closed


async def test_it_starts_again_for_the_next_one():
    poller = Scripted.shared("again", 0.01)
    for _ in range(2):
        wait = poller.watch("1")
        assert (await wait.next()).startswith("1@")
        wait.leave()
        await asyncio.sleep(0)


async def test_an_outage_is_told_and_ends_by_itself():
    poller = Scripted.shared("outage", 0.01)
    poller.outage = True
    wait = poller.watch("1")
    with pytest.raises(FateUnreachable):
        await wait.next()
    poller.outage = False
    assert (await asyncio.wait_for(wait.next(), 5)).startswith("1@")
    wait.leave()


async def test_what_nobody_foresaw_is_told_at_every_look_and_ends_no_looking(monkeypatch):
    poller = Scripted.shared("c", 0.01)
    monkeypatch.setattr(poller, "_pause", lambda failures: 0.01)
    news = poller.watch("a")
    await news.next()
    look = Scripted.look

    async def broken(keys):
        raise RuntimeError("nobody foresaw this")

    poller.look = broken
    told = []
    while len(told) < 6:
        try:
            await asyncio.wait_for(news.next(), 5)
        except FateError as e:
            told.append(str(e))
    poller.look = look.__get__(poller)

    assert all("nobody foresaw this" in text for text in told)
    for _ in range(2):
        with contextlib.suppress(FateError):  # one may still be on its way
            seen = await asyncio.wait_for(news.next(), 5)
    assert seen.startswith("a@")
    news.leave()


async def test_a_slow_reader_gets_the_newest_answer_only():
    poller = Scripted.shared("slow", 0.01)
    wait = poller.watch("1")
    await asyncio.sleep(0.1)
    assert await wait.next() == f"1@{poller.looks}"
    wait.leave()


async def test_a_newcomer_does_not_wait_for_the_pace_of_the_old_ones(monkeypatch):
    monkeypatch.setattr("airflow_provider_fate.remote.poller.pace", lambda age, shortest, least: 30.0)
    poller = Scripted.shared("newcomer", 0.02)
    wait_1 = poller.watch("old")
    await wait_1.next()
    wait_2 = poller.watch("new")
    assert (await asyncio.wait_for(wait_2.next(), 2)).startswith("new@")
    wait_1.leave()
    wait_2.leave()


class Idle(Scripted):
    """Always sees the same, until `state` is changed."""

    state = "running"

    async def look(self, keys):
        self.looks += 1
        if self.outage:
            raise FateUnreachable("down")
        return dict.fromkeys(keys, self.state)

    def is_idle(self, observation):
        return observation == "running"


async def told(wait, seconds):
    """What arrives within some seconds."""
    heard = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                try:
                    heard.append(await wait.next())
                except FateUnreachable:
                    heard.append("down")
    return heard


@pytest.fixture
async def idle(request):
    poller = Idle.shared(request.node.name, 0.01)
    wait = poller.watch("1")
    yield poller, wait
    wait.leave()


async def test_what_does_not_change_wakes_nobody_for_long(idle):
    poller, wait = idle
    heard = await told(wait, 0.5)
    assert heard == ["running"] * (1 + REPEATS)
    assert poller.looks > 2 * len(heard)


async def test_what_changes_is_told_at_once(idle):
    poller, wait = idle
    await told(wait, 0.2)
    poller.state = "failed"
    assert await asyncio.wait_for(wait.next(), 1) == "failed"


async def test_an_end_is_told_as_often_as_it_is_seen(idle):
    poller, wait = idle
    poller.state = "failed"
    assert len(await told(wait, 0.5)) > 2 * (1 + REPEATS)


async def test_the_same_is_told_again_after_an_outage(idle):
    poller, wait = idle
    await told(wait, 0.2)
    poller.outage = True
    with pytest.raises(FateUnreachable):
        await wait.next()
    poller.outage = False
    assert "running" in await told(wait, 0.5)


async def test_a_wait_is_reminded_so_that_it_can_look_for_signs_of_progress(idle, monkeypatch):
    monkeypatch.setattr("airflow_provider_fate.remote.poller.REMIND", 0.05)
    _, wait = idle
    assert len(await told(wait, 1.0)) >= 1 + REPEATS + 5


async def test_expensive_looks_become_rare():
    class Expensive(Scripted):
        async def look(self, keys):
            end = time.thread_time() + 0.02
            while time.thread_time() < end:
                pass
            return await super().look(keys)

    poller = Expensive.shared("expensive", 0.01)
    poller._allowance = Allowance(burst=0.0)
    wait = poller.watch("1")
    await asyncio.sleep(1.0)
    wait.leave()
    # 20 ms of CPU time in 0.4 s are 5 %.
    assert poller.looks <= 4


def test_a_costly_look_makes_the_pause_longer_than_the_slowest():
    assert pace(0, 2, least=1) == 2
    assert pace(36_000, 2, least=40) == 40


def test_young_work_is_looked_at_often_and_old_work_seldom():
    assert pace(0, 2) == 2
    assert pace(59, 2) == 2
    assert 2 < pace(300, 2) < SLOWEST
    assert pace(36_000, 2) == SLOWEST
    assert pace(0, 30) == 30

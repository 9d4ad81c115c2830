import asyncio

import pytest

from airflow_provider_fate.errors import FateUnreachable
from airflow_provider_fate.remote.limits import SLOWEST, pace
from airflow_provider_fate.remote.poller import SharedPoller


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
    watches = [Scripted.shared("c", 0.05).watch(str(i)) for i in range(200)]
    answers = await asyncio.gather(*(wait.next() for _, wait in watches))
    assert len(answers) == 200
    assert poller.looks <= 2
    for leave, _ in watches:
        leave()


async def test_connections_have_a_poller_of_their_own():
    assert Scripted.shared("a", 1) is Scripted.shared("a", 1)
    assert Scripted.shared("a", 1) is not Scripted.shared("b", 1)


async def test_the_last_one_who_leaves_stops_it_and_closes_its_client():
    poller = Scripted.shared("last", 0.01)
    leave_1, wait_1 = poller.watch("1")
    leave_2, _ = poller.watch("2")
    await wait_1.next()
    leave_1()
    await asyncio.sleep(0.03)
    assert poller.keys[-1] == ["2"]
    leave_2()
    looks = poller.looks
    await asyncio.sleep(0.05)
    assert poller.looks == looks
    assert poller.closed


async def test_it_starts_again_for_the_next_one():
    poller = Scripted.shared("again", 0.01)
    for _ in range(2):
        leave, wait = poller.watch("1")
        assert (await wait.next()).startswith("1@")
        leave()
        await asyncio.sleep(0)


async def test_an_outage_is_told_and_ends_by_itself():
    poller = Scripted.shared("outage", 0.01)
    poller.outage = True
    leave, wait = poller.watch("1")
    with pytest.raises(FateUnreachable):
        await wait.next()
    poller.outage = False
    assert (await asyncio.wait_for(wait.next(), 5)).startswith("1@")
    leave()


async def test_a_slow_reader_gets_the_newest_answer_only():
    poller = Scripted.shared("slow", 0.01)
    leave, wait = poller.watch("1")
    await asyncio.sleep(0.1)
    assert await wait.next() == f"1@{poller.looks}"
    leave()


async def test_a_newcomer_does_not_wait_for_the_pace_of_the_old_ones(monkeypatch):
    monkeypatch.setattr("airflow_provider_fate.remote.poller.pace", lambda age, shortest: 30.0)
    poller = Scripted.shared("newcomer", 0.02)
    leave_1, wait_1 = poller.watch("old")
    await wait_1.next()
    leave_2, wait_2 = poller.watch("new")
    assert (await asyncio.wait_for(wait_2.next(), 2)).startswith("new@")
    leave_1()
    leave_2()


def test_young_work_is_looked_at_often_and_old_work_seldom():
    assert pace(0, 2) == 2
    assert pace(59, 2) == 2
    assert 2 < pace(300, 2) < SLOWEST
    assert pace(36_000, 2) == SLOWEST
    assert pace(0, 30) == 30

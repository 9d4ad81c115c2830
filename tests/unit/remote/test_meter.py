import asyncio
import time

import pytest

from airflow_provider_fate.remote.meter import LONGEST, Allowance, Meter


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def work(steps, seconds):
    for _ in range(steps):
        burn(seconds)
        await asyncio.sleep(0)
    return "done"


async def test_only_its_own_steps_count():
    meter = Meter()
    result, _ = await asyncio.gather(meter.of(work(5, 0.01)), work(20, 0.01))
    assert result == "done"
    assert 0.05 <= meter.seconds < 0.1


async def test_sleeping_costs_nothing():
    meter = Meter()
    await meter.of(asyncio.sleep(0.1))
    assert meter.seconds < 0.05


async def test_an_error_passes_through():
    async def fail():
        await asyncio.sleep(0)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await Meter().of(fail())


async def test_a_cancellation_reaches_the_work():
    cleaned = []

    async def endless():
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    task = asyncio.create_task(Meter().of(endless()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]


def test_a_burst_is_free_and_the_rest_keeps_to_the_share():
    allowance = Allowance(share=0.05, burst=0.5)
    allowance.spend(0.4, now=100.0)
    assert allowance.pause == 0
    now, used = 100.0, 0.0
    for _ in range(50):
        now += max(2.0, allowance.pause)
        allowance.spend(0.3, now)
        used += 0.3
    assert used / (now - 100.0) <= 0.05 + 0.5 / (now - 100.0)


def test_what_was_not_used_is_not_saved_up():
    allowance = Allowance(share=0.05, burst=0.5)
    allowance.spend(0.1, now=0.0)
    allowance.spend(1.0, now=10_000.0)
    assert allowance.pause == pytest.approx(10.0)


def test_one_expensive_exception_does_not_stop_the_looks_for_minutes():
    allowance = Allowance(share=0.05, burst=0.5)
    allowance.spend(60.0, now=0.0)
    assert allowance.pause == pytest.approx(LONGEST)

import threading
import time

import pytest

from airflow_provider_fate.data.ahead import in_threads


def test_results_come_in_order_whichever_is_ready_first():
    def slow_if_even(number):
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number * 10

    found = [(item, result()) for item, result in in_threads(slow_if_even, iter(range(20)), 3)]
    assert found == [(number, number * 10) for number in range(20)]


def test_several_calls_go_on_at_the_same_time():
    together = threading.Barrier(2, timeout=10)
    assert [result() for _, result in in_threads(lambda _: together.wait() >= 0, iter(range(4)), 2)] == [True] * 4


def test_an_error_is_raised_where_its_result_is_asked_for():
    results = in_threads(lambda number: 1 // number, iter([1, 0, 1]), 2)
    assert next(results)[1]() == 1
    _, bad = next(results)
    with pytest.raises(ZeroDivisionError):
        bad()
    assert next(results)[1]() == 1


def test_no_more_is_read_ahead_than_there_are_threads():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_threads(lambda number: number, items(), 2)
    next(results)
    assert len(taken) == 2
    results.close()
    assert len(taken) == 2

"""PSI and KS, against SciPy and against what a textbook does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from airflow_provider_fate.models.drift.measures import ks_distance, ks_p_value, psi_by_chance, psi_index

COUNTS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=30)


def textbook(before: list[int], now: list[int]) -> float:
    p, q = np.array(before) / sum(before), np.array(now) / sum(now)
    return float(np.sum((q - p) * np.log(q / p)))


def test_it_is_the_textbooks_index_where_no_bin_is_small() -> None:
    before, now = [100_000, 300_000, 600_000], [200_000, 300_000, 500_000]
    assert psi_index(before, now) == pytest.approx(textbook(before, now), rel=1e-4)
    assert psi_index(before, now) == pytest.approx(0.0875, abs=1e-4)


def test_an_empty_bin_gives_a_large_number_and_no_infinite_one() -> None:
    assert 0.25 < psi_index([500, 500], [0, 1000]) < 10


@given(COUNTS)
def test_it_is_never_negative_and_the_same_both_ways_round(counts: list[tuple[int, int]]) -> None:
    before, now = [list(side) for side in zip(*counts, strict=True)]
    index = psi_index(before, now)
    assert index >= 0
    assert psi_index(now, before) == pytest.approx(index)
    assert psi_index(before, before) == 0


@given(COUNTS)
def test_bins_that_are_empty_on_both_sides_do_not_count(counts: list[tuple[int, int]]) -> None:
    before, now = [list(side) for side in zip(*counts, strict=True)]
    assert psi_index([*before, 0], [*now, 0]) == psi_index(before, now)


@pytest.mark.parametrize(("bins", "before", "now"), [(2, 500, 500), (6, 130, 60), (10, 1000, 300), (10, 5000, 5000)])
def test_samples_of_one_population_exceed_chance_as_often_as_it_says(bins: int, before: int, now: int) -> None:
    draw = np.random.default_rng(7)
    level, tries = 0.05, 4000
    same = np.full(bins, 1 / bins)
    pairs = zip(draw.multinomial(before, same, tries), draw.multinomial(now, same, tries), strict=True)
    limit = psi_by_chance(bins, before, now, level)
    exceeded = sum(psi_index(one.tolist(), other.tolist()) > limit for one, other in pairs) / tries
    assert level / 2 < exceeded < 2 * level


@pytest.mark.parametrize("free", [1, 2, 5, 9, 49])
@pytest.mark.parametrize("level", [0.01, 0.001, 0.01 / 300])
def test_the_quantile_is_that_of_chi_square(free: int, level: float) -> None:
    assert psi_by_chance(free + 1, 2, 2, level) == pytest.approx(stats.chi2.isf(level, free), rel=1e-9)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=200), st.lists(st.integers(0, 20), min_size=1, max_size=200))
def test_the_distance_is_scipys_where_each_value_has_a_bin(before: list[int], now: list[int]) -> None:
    found = ks_distance(np.bincount(before, minlength=21).tolist(), np.bincount(now, minlength=21).tolist())
    assert found == pytest.approx(stats.ks_2samp(before, now, method="asymp").statistic)


@pytest.mark.parametrize(("before", "now"), [(20, 30), (100, 100), (1000, 400), (50_000, 70_000)])
@pytest.mark.parametrize("times", [0.5, 1.0, 1.5, 2.0])
def test_the_p_value_is_near_scipys_exact_one(before: int, now: int, times: float) -> None:
    distance = times / np.sqrt(before * now / (before + now))
    exact = stats.kstwo.sf(distance, round(before * now / (before + now)))
    assert ks_p_value(distance, before, now) == pytest.approx(exact, rel=0.1, abs=0.003)


def test_nothing_is_no_distance() -> None:
    assert ks_distance([0, 0], [1, 2]) == 0
    assert ks_p_value(0, 10, 10) == 1
    assert ks_p_value(1e-9, 10, 10) == 1

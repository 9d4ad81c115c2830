"""What a comparison finds, against a naive one that has all values in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.drift import (
    ColumnDrift,
    DriftReport,
    DriftThresholds,
    compare_profiles,
    current_profile,
    reference_profile,
)
from airflow_provider_fate.models.drift.report_text import report_lines, report_markdown, summary
from tests.unit.models.drift.test_profile import EXAMPLES, table

DRAW = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test draws the same, whichever others run."""
    monkeypatch.setitem(globals(), "DRAW", np.random.default_rng(11))


FINITE = st.floats(-1e6, 1e6, width=32)


def compare(before: dict[str, Any], now: dict[str, Any], **kwargs: Any) -> DriftReport:
    learned = {key: kwargs.pop(key) for key in ("min_count", "binning", "categories") if key in kwargs}
    reference, left_out = reference_profile(table(before, "before"), **learned)
    current, more = current_profile(table(now, "now"), reference, name="before")
    return compare_profiles(reference, current, names=("before", "now"), not_compared=left_out | more, **kwargs)


def one(before: Any, now: Any, **kwargs: Any) -> ColumnDrift:
    (column,) = compare({"x": before}, {"x": now}, **kwargs).columns
    return column


def naive_psi(before: np.ndarray[Any, Any], now: np.ndarray[Any, Any], bins: int = 10) -> float:
    edges = np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1])
    p, q = (np.bincount(np.searchsorted(edges, side), minlength=bins) for side in (before, now))
    p, q = (p + 0.5) / (p.sum() + bins / 2), (q + 0.5) / (q.sum() + bins / 2)
    return float(((q - p) * np.log(q / p)).sum())


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("rows", [5_000, 60_000])
def test_it_finds_what_a_naive_comparison_finds(shift: float, rows: int) -> None:
    before, now = DRAW.gamma(2, size=rows), DRAW.gamma(2, size=rows // 2) + shift
    found = one(before, now)
    assert found.psi == pytest.approx(naive_psi(before, now), rel=0.1, abs=0.003)
    exact = stats.ks_2samp(before, now)
    assert found.ks is not None
    assert found.ks_error is not None
    assert found.ks_error < 0.01
    assert -found.ks_error <= exact.statistic - found.ks <= found.ks_error


@settings(max_examples=EXAMPLES)
@given(
    st.lists(FINITE, min_size=1, max_size=300),
    st.lists(FINITE, min_size=1, max_size=300),
    st.sampled_from([1, 5, 20]),
)
def test_the_true_distance_is_as_near_as_is_said(before: list[float], now: list[float], base: int) -> None:
    found = one(pa.array(before, pa.float64()), pa.array(now, pa.float64()), min_count=base)
    if found.ks is None:  # so few that their number is rounded to nothing
        assert min(len(before), len(now)) < base
        return
    assert found.ks_error is not None
    exact = stats.ks_2samp(before, now, method="asymp").statistic
    # Counts, and with them totals, are rounded: each is off by half of the base at most.
    rounding = base // 2 * (1 / len(before) + 1 / len(now))
    assert exact - found.ks <= found.ks_error + rounding + 1e-6
    assert found.ks - exact <= found.ks_error + rounding + 1e-6
    if base == 1:
        assert found.ks <= exact + 1e-6


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(FINITE, st.none()), min_size=1, max_size=300), st.sampled_from([1, 5]))
def test_a_table_does_not_differ_from_itself(values: list[float | None], base: int) -> None:
    found = one(pa.array(values, pa.float64()), pa.array(values, pa.float64()), min_count=base)
    assert (found.verdict, found.psi) == ("stable", 0)
    assert found.ks in (0, None)


def test_columns_with_few_numbers_are_exact() -> None:
    before, now = DRAW.poisson(1.0, 20_000) * 0.5, DRAW.poisson(1.2, 10_000) * 0.5
    found = one(before, now, min_count=1)
    assert found.ks == pytest.approx(stats.ks_2samp(before, now).statistic, abs=1e-6)


def draws(rows: int) -> dict[str, Any]:
    """A table of columns of all kinds, which are always spread in the same way."""
    return {
        "normal": DRAW.normal(size=rows),
        "skewed": DRAW.gamma(0.5, size=rows),
        "few": DRAW.poisson(1.0, rows) * 1.0,
        "mostly 0": np.where(DRAW.random(rows) < 0.8, 0, DRAW.normal(size=rows)),
        "town": DRAW.choice([f"t{n}" for n in range(40)], rows, p=np.arange(1, 41) / 820),
        "missing": pa.array([v if v > -1.5 else None for v in DRAW.normal(size=rows)], pa.float64()),
    }


@pytest.mark.parametrize(("before", "now"), [(140, 60), (60, 140), (500, 100)])
@pytest.mark.parametrize("base", [1, 5])
def test_small_tables_do_not_drift_by_chance(before: int, now: int, base: int) -> None:
    changed = sum(compare(draws(before), draws(now), min_count=base).verdict != "stable" for _ in range(40))
    assert changed <= 4


def test_a_value_between_known_ones_is_seen() -> None:
    found = one([1.0, 2.0] * 500, [1.0, 1.5] * 500)
    assert found.verdict == "drifted"
    assert found.ks == pytest.approx(0.5)


def test_a_constant_column_that_varies_now_has_drifted() -> None:
    assert one([3.0] * 1000, DRAW.normal(3, 1, 1000)).verdict == "drifted"
    assert one([3.0] * 1000, [3.0] * 1000).verdict == "stable"


def test_values_that_are_missing_now_are_drift() -> None:
    values = DRAW.normal(size=1000)
    gone = pa.array([None if n % 3 else v for n, v in enumerate(values)], pa.float64())
    found = one(values, gone)
    assert (found.verdict, found.missing_before) == ("drifted", 0)
    assert found.missing_now == pytest.approx(0.665)
    assert one(values, pa.array([None] * 1000, pa.float64())).ks is None


def test_bins_of_equal_width_see_the_same_shift() -> None:
    before, now = DRAW.uniform(size=20_000), DRAW.beta(2, 1.5, size=20_000)
    quantile, equal = (one(before, now, binning=binning).psi for binning in ("quantile", "equal"))
    assert equal == pytest.approx(quantile, rel=0.2)


# --- categories -------------------------------------------------------------------------------------------------------


def test_categories_are_compared_one_by_one() -> None:
    found = one(["a"] * 500 + ["b"] * 300 + ["c"] * 200, ["a"] * 200 + ["b"] * 300 + ["c"] * 500)
    # The naive sum: 0.3 * ln(0.5 / 0.2), from both ends.
    assert found.psi == pytest.approx(2 * 0.3 * np.log(2.5), rel=0.01)
    assert (found.kind, found.ks, found.verdict) == ("category", None, "drifted")


def test_a_new_category_is_named_and_one_that_is_gone_is_drift() -> None:
    found = one(["a", "b"] * 500, ["a", "new"] * 500)
    assert found.new_categories == ("new",)
    assert found.verdict == "drifted"


def test_what_may_have_been_there_before_is_not_called_new() -> None:
    rare = [f"r{n}" for n in range(100)]
    before = ["a"] * 900 + rare
    assert one(before, ["a"] * 950 + ["r1"] * 50).new_categories == ()
    assert one(before, ["a"] * 800 + ["r1"] * 200).new_categories == ("r1",)


# --- the verdict ------------------------------------------------------------------------------------------------------


def test_thresholds_decide() -> None:
    before, now = DRAW.normal(size=20_000), DRAW.normal(0.42, size=20_000)
    psi = one(before, now).psi
    assert 0.1 < psi < 0.25
    assert one(before, now).verdict == "shifted"
    assert one(before, now, thresholds=DriftThresholds(0.05, 0.1)).verdict == "drifted"
    assert one(before, now, thresholds=DriftThresholds(0.3, 0.4)).verdict == "stable"
    assert one(before, now, thresholds=DriftThresholds(0.3, 0.4, ks=0.1)).verdict == "drifted"


def test_a_table_drifts_with_as_many_columns_as_are_wanted() -> None:
    before = {name: DRAW.normal(size=2000) for name in "abc"}
    now = before | {"a": before["a"] + 3, "b": before["b"] + 3}
    verdicts = [compare(before, now, thresholds=DriftThresholds(min_columns=n)).verdict for n in (1, 2, 3)]
    assert verdicts == ["drifted", "drifted", "shifted"]


def test_the_largest_drift_comes_first() -> None:
    before = {name: DRAW.normal(size=2000) for name in "abc"}
    report = compare(before, {"a": before["a"], "b": before["b"] + 0.6, "c": before["c"] + 2})
    assert [column.column for column in report.columns] == ["c", "b", "a"]
    assert report.of_verdict("drifted") == ["c", "b"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"shifted": 0}, "shifted=0"),
        ({"drifted": float("nan")}, "drifted=nan"),
        ({"shifted": 0.5}, "shifted=0.5 is above drifted=0.25"),
        ({"ks": 1.5}, "ks=1.5"),
        ({"min_columns": 0}, "min_columns=0"),
    ],
)
def test_thresholds_that_cannot_be_right_are_named(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(FateInputError, match=says):
        DriftThresholds(**arguments)


def test_profiles_with_other_bins_are_not_compared() -> None:
    one_, other = (reference_profile(table({"x": DRAW.normal(size=1000)}))[0] for _ in range(2))
    with pytest.raises(FateInputError, match="not the same"):
        compare_profiles(one_, other)
    texts = reference_profile(table({"x": ["a", "b"] * 50}))[0]
    with pytest.raises(FateInputError, match="categories in the other"):
        compare_profiles(one_, texts)
    with pytest.raises(FateInputError, match="no column in common"):
        compare_profiles(one_, reference_profile(table({"y": ["a", "b"] * 50}))[0])
    with pytest.raises(FateInputError, match="bins=1"):
        compare_profiles(one_, one_, bins=1)


# --- for people -------------------------------------------------------------------------------------------------------


@pytest.fixture
def report() -> DriftReport:
    before = {"age": DRAW.normal(40, 10, 2000), "town|<b>": ["x"] * 2000, "id": [f"p{n}" for n in range(2000)]}
    return compare(before, {"age": DRAW.normal(60, 10, 1000), "town|<b>": ["x", "# new\n[y](z)"] * 500})


def test_the_log_has_the_largest_drift_first(report: DriftReport) -> None:
    lines = report_lines(report)
    assert lines[0].split()[:3] == ["column", "verdict", "PSI"]
    assert lines[1].startswith("town|<b>")
    assert "# new\ufffd[y](z)" in lines[1]
    assert lines[2].startswith("age")
    assert "40" in lines[2]
    assert report_lines(report, most=1)[-1].startswith("... and 1 more")
    assert summary(report) == (
        "now (1,000 rows) against before (2,000 rows) is drifted: 2 of 2 columns have drifted, 0 have shifted"
    )


def test_nothing_in_the_page_becomes_markdown(report: DriftReport) -> None:
    text = report_markdown(report)
    assert text.startswith("# Drift: drifted\n")
    assert "town\\|\\<b\\>" in text
    assert "\\# new \\[y\\](z)" in text
    assert "| id | no text" in text
    assert report_markdown(report) == text


def test_a_report_is_read_as_it_was_written(report: DriftReport) -> None:
    assert DriftReport.model_validate_json(report.to_json()) == report

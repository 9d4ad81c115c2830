"""Profiles: what is counted, how well, and what is not shown."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_fate.errors import FateDataError, FateInputError
from airflow_provider_fate.models.drift import DriftProfile, DriftTable, current_profile, reference_profile
from airflow_provider_fate.models.drift.bins import learn_bins
from airflow_provider_fate.models.drift.counter import TextCounter
from airflow_provider_fate.models.drift.profile import CategoryProfile, NumericProfile
from airflow_provider_fate.models.drift.sample import RowSample

EXAMPLES = settings.default.max_examples // 4 if settings.default else 50
FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=32)


def table(columns: dict[str, Any], name: str = "table t", batch: int = 100, **kwargs: Any) -> DriftTable:
    data = pa.table(columns)

    def read(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from data.select(wanted).to_batches(max_chunksize=batch)

    return DriftTable(name, data.column_names, read, **kwargs)


def numeric(values: Any, **kwargs: Any) -> NumericProfile:
    found = reference_profile(table({"x": values}), **kwargs)[0].columns["x"]
    assert isinstance(found, NumericProfile)
    return found


def category(values: Any, **kwargs: Any) -> CategoryProfile:
    found = reference_profile(table({"x": values}), **kwargs)[0].columns["x"]
    assert isinstance(found, CategoryProfile)
    return found


# --- numbers ----------------------------------------------------------------------------------------------------------


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(FLOATS, st.none()), min_size=1, max_size=300))
def test_each_value_is_counted_in_the_bin_that_it_is_in(values: list[float | None]) -> None:
    found = numeric(pa.array(values, pa.float64()), min_count=1)
    known = [value for value in values if value is not None and value == value]
    assert (found.count, found.missing) == (len(known), len(values) - len(known))
    below = [sum(value <= edge for value in known) for edge in found.edges]
    assert list(accumulate(found.counts))[:-1] == below
    finite = [value for value in known if np.isfinite(value)]
    assert (found.min, found.max) == ((min(finite), max(finite)) if finite else (None, None))
    if finite:
        assert found.mean == pytest.approx(np.mean(finite), rel=1e-6, abs=1e-30)
        assert found.std == pytest.approx(np.std(finite), rel=1e-6, abs=abs(found.mean or 0) * 1e-6 + 1e-30)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(FLOATS, st.none()), min_size=1, max_size=300), st.integers(1, 7))
def test_batches_change_nothing(values: list[float | None], batch: int) -> None:
    array = pa.array(values, pa.float64())
    one, many = (
        reference_profile(table({"x": array}, batch=size), min_count=1)[0].columns["x"] for size in (1000, batch)
    )
    assert isinstance(one, NumericProfile)
    assert isinstance(many, NumericProfile)
    assert (one.edges, one.counts, one.min, one.max) == (many.edges, many.counts, many.min, many.max)
    assert (one.mean or 0) == pytest.approx(many.mean or 0, rel=1e-6, abs=1e-30)


@settings(max_examples=EXAMPLES)
@given(st.lists(FLOATS.filter(np.isfinite), min_size=1, max_size=600), st.integers(1, 20), st.integers(2, 50))
def test_bins_are_of_about_equal_size_but_for_frequent_values(values: list[float], least: int, fine: int) -> None:
    sample = np.sort(np.array(values, dtype=np.float64))
    bins = learn_bins(sample, least, fine=fine)
    counts = np.bincount(np.searchsorted(bins.edges, sample), minlength=len(bins.edges) + 1)
    size = max(least, -(-len(values) // fine))
    for place, count in enumerate(counts):
        if place not in bins.atoms:
            assert count < 2 * size
    for place in bins.atoms:
        held = sample[(sample > bins.edges[place - 1]) & (sample <= bins.edges[place])]
        assert len(set(held)) == 1
        assert len(held) >= size


def test_a_frequent_value_is_found_again_whether_it_was_kept_in_32_bits_or_in_64() -> None:
    values = [0.1, 0.3, 1e9 + 1, 1e9 + 2] * 50
    reference = reference_profile(table({"x": pa.array(values, pa.float64())}), min_count=1)[0]
    for kind in (pa.float32(), pa.float64()):
        found = current_profile(table({"x": pa.array(values[:2] * 50, pa.float64()).cast(kind)}), reference)[0]
        counts = found.columns["x"].counts  # type: ignore[union-attr]
        assert [count for count in counts if count] == [50, 50]
        assert [place for place, count in enumerate(counts) if count] == list(reference.columns["x"].atoms[:2])  # type: ignore[union-attr]


def test_bins_can_be_of_equal_width() -> None:
    found = numeric(np.linspace(0, 1, 1000) ** 4, binning="equal", min_count=1)
    widths = np.diff(found.edges)
    assert widths.max() == pytest.approx(widths.min())
    assert len(found.edges) == 255


def test_a_column_without_a_value_has_no_bins() -> None:
    found = numeric(pa.array([None] * 20, pa.float64()))
    assert (found.count, found.missing, found.edges, found.mean, found.min) == (0, 20, (), None, None)


@pytest.mark.parametrize(
    "values", [[True, False] * 10, ["a", "b"] * 10, [b"a", b"1"] * 10, [1, 2] * 10, [b"1", b"2"] * 10, [b"", b""] * 10]
)
def test_texts_truths_and_few_whole_numbers_are_categories(values: list[Any]) -> None:
    category(values)


@pytest.mark.parametrize("values", [[1.0, 2.0], list(range(21)), [b"1.5", b"2"], [str(n).encode() for n in range(30)]])
def test_other_numbers_are_numbers_also_in_csv(values: list[Any]) -> None:
    numeric([value for value in values for _ in range(5)])
    category([value for value in values for _ in range(5)], categories=["x"])


def test_a_column_of_csv_that_turns_out_to_hold_text_is_one_of_categories() -> None:
    found = category([*[b"%d.5" % (n % 3) for n in range(300)], *[b"unknown"] * 50], categories=())
    assert found.count == 350
    assert found.categories["unknown"] == 50


def test_what_stands_for_missing_in_csv_is_missing() -> None:
    found = numeric([b"1.5", b" 2.5 ", b"", b"NA", b"nan", b"None", b"7", b"8.25"] * 10, min_count=1)
    assert (found.count, found.missing) == (40, 40)


def test_whole_numbers_are_one_category_however_they_are_written() -> None:
    reference = reference_profile(table({"x": [1, 2] * 50}))[0]
    for same in ([1.0, 2.0] * 50, [b"1", b"2.0"] * 50, ["1", "2"] * 50):
        assert current_profile(table({"x": same}), reference)[0] == reference


# --- categories -------------------------------------------------------------------------------------------------------


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(st.sampled_from("abcdefg"), st.none()), min_size=1, max_size=300))
def test_categories_are_counted(values: list[str | None]) -> None:
    found = category(pa.array(values, pa.string()), min_count=1)
    assert found.categories == {text: values.count(text) for text in found.categories}
    assert set(found.categories) == set(values) - {None}
    assert (found.others, found.missing) == (0, values.count(None))
    assert list(found.categories.values()) == sorted(found.categories.values(), reverse=True)


def test_no_more_than_50_are_named_and_the_others_counted() -> None:
    values = [f"c{n:02}" for n in range(80) for _ in range(100 - n)]
    found = category(values, min_count=1)
    assert list(found.categories) == [f"c{n:02}" for n in range(50)]
    assert found.others == sum(100 - n for n in range(50, 80))


def test_the_frequent_ones_are_found_among_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = TextCounter(["rare"], remembered=100)
    for part in range(200):
        counter.add(pa.array([f"id{part}-{n}" for n in range(50)] + ["often"] * 5 + (["rare"] if part == 3 else [])))
    assert counter.forgot
    assert counter.most(1) == [("often", 1000)]
    assert counter.always == {"rare": 1}
    assert counter.different <= 200
    assert counter.count == 200 * 55 + 1


def test_ids_and_types_that_cannot_be_compared_are_left_out_with_the_reason() -> None:
    rows = 200
    columns = {"id": [f"p{n}" for n in range(rows)], "day": [date(2026, 1, 1)] * rows, "x": np.arange(rows) / 7}
    profile, left_out = reference_profile(table(columns))
    assert list(profile.columns) == ["x"]
    assert left_out.keys() == {"id", "day"}
    assert "ids" in left_out["id"]
    assert "date32" in left_out["day"]


# --- what is not shown ------------------------------------------------------------------------------------------------


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(FLOATS, st.none()), min_size=1, max_size=200), st.sampled_from([2, 5, 10]))
def test_counts_are_rounded_and_distributions_stay_within_half_of_that(values: list[Any], base: int) -> None:
    array = pa.array(values, pa.float64())
    found = numeric(array, min_count=base)
    assert all(count % base == 0 for count in (*found.counts, found.missing))
    known = [value for value in values if value is not None and value == value]
    for edge, below in zip(found.edges, accumulate(found.counts), strict=False):
        assert abs(sum(value <= edge for value in known) - below) <= base / 2


def test_extremes_are_those_that_several_rows_reach() -> None:
    found = numeric([1000.0, *range(100), -1000.0, -2000.5], min_count=5)
    assert (found.min, found.max) == (2.0, 96.0)
    few = numeric([1.0, 2.0, 3.0], min_count=5)
    assert (few.min, few.max, few.mean, few.std) == (None, None, None, None)


def test_an_edge_is_no_value_of_a_row_unless_many_rows_have_it() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    found = numeric([*values, *[42.0] * 100])
    assert not set(found.edges) & set(values)


def test_a_rare_category_is_not_named() -> None:
    text = reference_profile(table({"x": ["common"] * 50 + ["Mr Miller"] * 4}))[0].to_json()
    assert "common" in text
    assert "Miller" not in text


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(rows: int) -> int:
        columns = [f"x{n}" for n in range(4)]

        def read(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
            draw = np.random.default_rng(3)
            for _ in range(rows // 5000):
                yield pa.record_batch({name: draw.normal(size=5000) for name in columns})

        tracemalloc.start()
        try:
            reference_profile(DriftTable("t", columns, read))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(200_000), peak(600_000)
    assert many < 1.2 * few
    assert many < 30 << 20


def test_a_sample_is_drawn_evenly_and_again_the_same() -> None:
    def drawn() -> RowSample:
        sample = RowSample(1, most=1000)
        for begin in range(0, 100_000, 2500):
            sample.add(2500, {"x": np.arange(begin, begin + 2500, dtype=np.float64)})
        return sample

    values = drawn().sorted("x")
    assert values.size == 1000
    assert np.histogram(values, 10, (0, 100_000))[0].min() > 60
    assert (values == drawn().sorted("x")).all()


# --- on paper ---------------------------------------------------------------------------------------------------------


def test_a_profile_is_read_as_it_was_written() -> None:
    columns = {"x": np.random.default_rng(1).normal(size=500), "c": ["a", "b", None, "a", "b"] * 100}
    profile = reference_profile(table(columns, labels=["c"]))[0]
    text = profile.to_json()
    assert DriftProfile.read(text, "p") == profile
    assert DriftProfile.read(text, "p").to_json() == text
    assert profile.columns["c"].label


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format_version": 2}, "format_version"),
        ({"format": "something"}, "format"),
        ({"columns": {"x": {"kind": "numeric"}}}, "Field required"),
        ({"min_count": 0}, "min_count"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_no_profile_is_refused_with_the_reason(change: dict[str, Any], says: str) -> None:
    good = json.loads(reference_profile(table({"x": np.arange(100) / 3}))[0].to_json())
    with pytest.raises(FateInputError, match=says) as caught:
        DriftProfile.read(json.dumps(good | change), "s3://b/p.json")
    assert "s3://b/p.json" in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"edges": [2.0, 1.0]}, {"count": 7}, {"counts": [1]}, {"atoms": [99]}, {"counts": [-1, 101]}]
)
def test_a_profile_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    good = json.loads(reference_profile(table({"x": np.arange(100) / 3}))[0].to_json())
    good["columns"]["x"] |= change
    with pytest.raises(FateInputError, match="no profile of a table"):
        DriftProfile.read(json.dumps(good), "p.json")


# --- tables that cannot be compared -----------------------------------------------------------------------------------


def test_a_column_that_is_missing_is_named_with_those_that_there_are() -> None:
    reference = reference_profile(table({"x": [1.5] * 100, "age": [2.5] * 100}))[0]
    with pytest.raises(FateInputError, match=r"table t has no column 'age'.*the training.*\n.*'x', 'Age'"):
        current_profile(table({"x": [1.5], "Age": [2.5]}), reference, name="the training")


def test_the_label_may_be_missing() -> None:
    reference = reference_profile(table({"x": [1.5] * 100, "y": [0, 1] * 50}, labels=["y"]))[0]
    profile, left_out = current_profile(table({"x": [1.5] * 100}), reference)
    assert list(profile.columns) == ["x"]
    assert left_out == {"y": "the label is not in table t"}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (np.arange(100) / 3, ["a"] * 100),
        (np.arange(100) / 3, [b"1.5", b"red"] * 50),
        (np.arange(100) / 3, [True] * 100),
        (["a", "b"] * 50, np.arange(100) / 3),
        (["a", "b"] * 50, [1] * 100),
        (["a", "b"] * 50, [date(2026, 1, 1)] * 100),
    ],
)
def test_another_type_is_named(before: Any, now: Any) -> None:
    reference = reference_profile(table({"x": before}))[0]
    with pytest.raises(FateDataError, match="Column 'x' of table t"):
        current_profile(table({"x": now}), reference)


def test_texts_that_are_not_utf8_are_named() -> None:
    with pytest.raises(FateDataError, match="not UTF-8"):
        reference_profile(table({"x": [b"\xff\xfe", b"a"] * 10}))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(FateDataError, match="several columns named 'x'"):
        DriftTable("t", ["x", "y", "x"], lambda _: iter(()))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"columns": []}, "not a list"),
        ({"columns": "x"}, "not a list"),
        ({"columns": ["z"]}, "no column 'z', which columns names"),
        ({"categories": ["z"]}, "no column 'z', which categories names"),
        ({"min_count": 0}, "min_count=0"),
        ({"binning": "log"}, "binning='log'"),
    ],
)
def test_arguments_that_cannot_be_right_are_named(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(FateInputError, match=says):
        reference_profile(table({"x": [1.5] * 100}), **arguments)

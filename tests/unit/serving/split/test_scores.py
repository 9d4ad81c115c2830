"""The services of all parties together give what FATE's formulas give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.serving.split.document import SplitTerms
from airflow_provider_fate.serving.split.make import split_part_of
from tests.unit.models.test_convert import (
    GUEST,
    HOST,
    SCALE,
    both,
    dot,
    estimator,
    forest,
    rows,
    sigmoid,
    softmax,
    tree_scores,
)
from tests.unit.serving.split.samples import (
    IDS,
    features_of,
    host_of,
    linear_packages,
    parts_of,
    peer_of,
    running_host,
    score,
)


@pytest.mark.parametrize("component", ["sshe_lr", "coordinated_lr", "sshe_linr", "coordinated_linr"])
async def test_partial_sums_are_added_up(tmp_path: Path, component: str) -> None:
    guest, host = parts_of(linear_packages(tmp_path, component))
    with running_host(host_of(host, tmp_path)) as port:
        found = await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS)

    linear = [dot(GUEST | HOST, row, 0.5) for row in rows()]
    expected = linear if component.endswith("linr") else [sigmoid(value) for value in linear]
    assert [one for (one,) in found] == pytest.approx(expected, abs=1e-5)


async def test_several_classes(tmp_path: Path) -> None:
    sides = [
        {"data": {"estimator": {str(n): estimator({c: w * (n + 1) for c, w in part.items()}, bias) for n in range(3)}}}
        for part, bias in ((GUEST, 0.25), (HOST, None))
    ]
    guest, host = parts_of(both(tmp_path, "coordinated_lr", *sides))
    with running_host(host_of(host, tmp_path)) as port:
        found = await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS)

    for row, scores in zip(rows(), found, strict=True):
        weights = [{c: w * (n + 1) for c, w in (GUEST | HOST).items()} for n in range(3)]
        assert scores == pytest.approx([sigmoid(dot(one, row, 0.25)) for one in weights], abs=1e-5)


async def test_each_party_scales_its_own_columns(tmp_path: Path) -> None:
    packages = linear_packages(tmp_path, steps={"scale_0": ("feature_scale", SCALE)})
    guest, host = parts_of(packages)
    assert "std" not in host.to_bytes().decode()
    with running_host(host_of(host, tmp_path)) as port:
        found = await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS)

    expected = [sigmoid(dot(GUEST | HOST, row | {"a": (row["a"] - 0.5) / 2.0}, 0.5)) for row in rows()]
    assert [one for (one,) in found] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("objective", "classes", "finish"),
    [
        ("binary:bce", 2, lambda sums: [sigmoid(sums[0])]),
        ("multi:ce", 3, softmax),
        ("regression:l2", 1, lambda sums: [sums[0] + 17.5]),
    ],
)
async def test_rows_walk_down_the_trees_of_both_parties(
    tmp_path: Path, objective: str, classes: int, finish: Callable[[list[float]], list[float]]
) -> None:
    guest, host = parts_of(both(tmp_path, "hetero_secureboost", *forest(objective, 6, classes)))
    with running_host(host_of(host, tmp_path)) as port:
        found = await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS)

    width = classes if objective.startswith("multi") else 1
    whole: dict[str, Any] = forest(objective, 6, classes)[0]
    for row, scores in zip(rows(), found, strict=True):
        assert scores == pytest.approx(finish(tree_scores(whole, row, width)), abs=1e-6)


async def test_more_rows_than_a_host_takes_at_once_are_asked_for_in_pieces(tmp_path: Path) -> None:
    guest, host = parts_of(linear_packages(tmp_path), rows_per_request=7)
    trees = parts_of(both(tmp_path / "t", "hetero_secureboost", *forest("binary:bce", 4)), rows_per_request=7)
    for (own, other), folder in (((guest, host), tmp_path), (trees, tmp_path / "t")):
        with running_host(host_of(other, folder)) as port:
            many = await score(own, features_of(own, folder), {"10000": peer_of(own, port)}, IDS)
            few = [
                (await score(own, features_of(own, folder), {"10000": peer_of(own, port)}, [who]))[0] for who in IDS[:3]
            ]
        assert many[:3] == few
        assert len(many) == len(IDS)


async def test_an_id_may_be_asked_for_twice_and_in_any_order(tmp_path: Path) -> None:
    guest, host = parts_of(both(tmp_path, "hetero_secureboost", *forest("regression:l2", 5, 1)))
    asked = [IDS[9], IDS[3], IDS[9], IDS[150], IDS[3]]
    with running_host(host_of(host, tmp_path)) as port:
        found = await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, asked)
    whole, every = forest("regression:l2", 5, 1)[0], rows()
    expected = [tree_scores(whole, every[IDS.index(who)], 1)[0] + 17.5 for who in asked]
    assert [one for (one,) in found] == pytest.approx(expected, abs=1e-6)


async def test_the_guests_columns_may_come_with_the_question(tmp_path: Path) -> None:
    guest, host = parts_of(linear_packages(tmp_path))
    given = {"a": [0.25, -4.0], "b": [1.5, 2.0]}
    with running_host(host_of(host, tmp_path)) as port:
        found = await score(guest, None, {"10000": peer_of(guest, port)}, IDS[:2], given)
        some = await score(
            guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS[:2], {"a": given["a"]}
        )
    for number, row in enumerate(rows()[:2]):
        fresh = row | {name: values[number] for name, values in given.items()}
        assert found[number][0] == pytest.approx(sigmoid(dot(GUEST | HOST, fresh, 0.5)), abs=1e-5)
        half = row | {"a": given["a"][number]}
        assert some[number][0] == pytest.approx(sigmoid(dot(GUEST | HOST, half, 0.5)), abs=1e-5)


async def test_a_part_holds_nothing_of_the_other_party(tmp_path: Path) -> None:
    for packages, names in (
        (linear_packages(tmp_path), {"guest": {"a", "b"}, "host": {"c", "d"}}),
        (both(tmp_path / "t", "hetero_secureboost", *forest("binary:bce", 2)), {"guest": {"a", "b"}, "host": {"c"}}),
    ):
        for package in packages:
            part = split_part_of(package, terms=SplitTerms())
            assert set(part.columns) == names[part.role]
            if part.role == "host":
                assert '"weight":' not in part.to_bytes().decode(), "weights of leaves are the guest's"

"""A converted model gives what FATE's formulas give for the same rows, and nothing is put together without consent."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert import Converted, convert, require_equal
from airflow_provider_fate.models.convert.compare import scores_of
from airflow_provider_fate.models.convert.trees import _split_value
from airflow_provider_fate.models.manifest import ModelManifest, ModelParty, content_digest
from airflow_provider_fate.models.package import ModelPackage, write_package
from airflow_provider_fate.models.part import unpack_part
from tests.unit.models.samples import META, tar

PARTIES = (("guest", "9999"), ("host", "10000"))
DICE = random.Random(5)


def as_float32(value: float) -> float:
    """As FATE stores the values of columns."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


ROWS = {name: [as_float32(DICE.gauss(0, 1)) for _ in range(200)] for name in "abcd"}


def pack(
    folder: Path, role: str, party_id: str, tasks: Mapping[str, tuple[str, Any]], job_id: str = "1"
) -> ModelPackage:
    """A package of models that are given as JSON, by task: component and model."""
    parts = []
    for task, (component, model) in tasks.items():
        (place := folder / role / party_id / task).mkdir(parents=True)
        files = {"json_model": json.dumps(model).encode(), "json_model.meta.yaml": META}
        parts.append(unpack_part(tar(files), place, task=task, component=component, provider=None))
    described = tuple(one.part for one in parts)
    manifest = ModelManifest(
        role=role, party_id=party_id, job_id=job_id, model_id=job_id, model_version="0", parts=described,
        parties=tuple(ModelParty(role=r, party_id=p) for r, p in PARTIES), content_sha256=content_digest(described),
    )  # fmt: skip
    return write_package(manifest, parts, folder / f"{role}-{party_id}.zip")


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def softmax(values: Sequence[float]) -> list[float]:
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


def rows() -> list[dict[str, float]]:
    return [{name: values[number] for name, values in ROWS.items()} for number in range(200)]


def dot(weights: Mapping[str, float], row: Mapping[str, float], intercept: float = 0.0) -> float:
    return sum(weight * row[column] for column, weight in weights.items()) + intercept


# --- homo LR ----------------------------------------------------------------------------------------------------------


def homo(weights: list[list[float]], biases: list[float]) -> dict[str, Any]:
    state = {f"models.{n}.weight": [row] for n, row in enumerate(weights)}
    state |= {f"models.{n}.bias": [bias] for n, bias in enumerate(biases)}  # type: ignore[misc]
    return {"param": {"model": {"feature_num": 4, "label_num": len(weights), "state_dict": state}}, "meta": {}}


def test_a_homo_lr_of_two_classes(tmp_path: Path) -> None:
    weights = [0.5, -1.25, 2.0, 0.125]
    package = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo([weights], [0.75]))})

    converted = convert([package], columns=list("abcd"))

    assert (converted.inputs, converted.width) == (("a", "b", "c", "d"), 1)
    expected = [sigmoid(dot(dict(zip("abcd", weights, strict=True)), row, 0.75)) for row in rows()]
    assert require_equal(converted, ROWS, expected) < 1e-6


def test_a_homo_lr_of_three_classes_is_a_softmax_of_sigmoids(tmp_path: Path) -> None:
    weights = [[1.0, 0.0, -2.0, 0.5], [0.25, 1.5, 0.0, -1.0], [-1.0, 0.5, 1.0, 2.0]]
    package = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo(weights, [0.1, -0.2, 0.3]))})

    converted = convert([package], columns=list("abcd"))

    expected = []
    for row in rows():
        linear = zip(weights, (0.1, -0.2, 0.3), strict=True)
        expected.append(softmax([sigmoid(dot(dict(zip("abcd", w, strict=True)), row, b)) for w, b in linear]))
    assert converted.width == 3
    assert require_equal(converted, ROWS, expected) < 1e-6


@pytest.mark.parametrize("columns", [None, ["a", "b"], ["a", "b", "c", "c"]])
def test_a_homo_lr_needs_the_names_of_its_columns(tmp_path: Path, columns: list[str] | None) -> None:
    package = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo([[1.0] * 4], [0.0]))})
    with pytest.raises(FateInputError, match="was trained on 4 columns, and columns="):
        convert([package], columns=columns)


# --- hetero linear ----------------------------------------------------------------------------------------------------


def estimator(weights: Mapping[str, float], intercept: float | None) -> dict[str, Any]:
    param = {"coef_": [[w] for w in weights.values()], "intercept_": None if intercept is None else [intercept]}
    return {"param": param, "header": list(weights), "fit_intercept": intercept is not None}


GUEST, HOST = {"a": 0.5, "b": -1.0}, {"c": 2.0, "d": 0.25}
SCALE = {
    "data": {"scaler_info": {"mean": {"a": 0.5}, "std": {"a": 2.0}, "select_col": ["a"]}},
    "meta": {"method": "standard"},
}


def both(folder: Path, component: str, guest: Any, host: Any, steps: Mapping[str, Any] | None = None) -> list[Any]:
    more = {task: (kind, model) for task, (kind, model) in (steps or {}).items()}
    return [
        pack(folder, "guest", "9999", {"model_0": (component, guest), **more}),
        pack(folder, "host", "10000", {"model_0": (component, host)}),
    ]


def consented(packages: list[ModelPackage], **arguments: Any) -> Converted:
    return convert(packages, signed_off=[package.sha256 for package in packages], **arguments)


@pytest.mark.parametrize("component", ["sshe_lr", "coordinated_lr", "sshe_linr", "coordinated_linr"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_parts_of_a_linear_model_are_added_up(tmp_path: Path, component: str, order: int) -> None:
    packages = both(
        tmp_path,
        component,
        {"data": {"estimator": estimator(GUEST, 0.5)}},
        {"data": {"estimator": estimator(HOST, None)}},
    )

    converted = consented(packages[::order])

    linear = [dot(GUEST | HOST, row, 0.5) for row in rows()]
    expected = linear if component.endswith("linr") else [sigmoid(value) for value in linear]
    assert converted.inputs == ("a", "b", "c", "d")
    assert require_equal(converted, ROWS, expected) < 1e-6


def test_several_classes_have_a_sigmoid_each(tmp_path: Path) -> None:
    sides = [
        {"data": {"estimator": {str(n): estimator({c: w * (n + 1) for c, w in part.items()}, bias) for n in range(3)}}}
        for part, bias in ((GUEST, 0.25), (HOST, None))
    ]
    converted = consented(both(tmp_path, "coordinated_lr", *sides))

    expected = [
        [sigmoid(dot({c: w * (n + 1) for c, w in (GUEST | HOST).items()}, row, 0.25)) for n in range(3)]
        for row in rows()
    ]
    assert require_equal(converted, ROWS, expected) < 1e-6


def test_scaling_becomes_part_of_the_graph(tmp_path: Path) -> None:
    parts = ({"data": {"estimator": estimator(GUEST, 0.5)}}, {"data": {"estimator": estimator(HOST, None)}})
    converted = consented(both(tmp_path, "sshe_lr", *parts, steps={"scale_0": ("feature_scale", SCALE)}))

    expected = [sigmoid(dot(GUEST | HOST, row | {"a": (row["a"] - 0.5) / 2.0}, 0.5)) for row in rows()]
    assert require_equal(converted, ROWS, expected) < 1e-6


def test_columns_of_one_name_are_told_apart_by_their_party(tmp_path: Path) -> None:
    parts = ({"data": {"estimator": estimator({"x": 1.0}, 0.0)}}, {"data": {"estimator": estimator({"x": 2.0}, None)}})
    converted = consented(both(tmp_path, "sshe_linr", *parts))

    assert converted.inputs == ("guest_9999.x", "host_10000.x")
    assert scores_of(converted, {"guest_9999.x": [1.0], "host_10000.x": [10.0]}) == [[21.0]]


# --- trees ------------------------------------------------------------------------------------------------------------


def forest(objective: str, count: int, classes: int = 2) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trees of two levels: the guest splits first, then the host to the left and the guest to the right."""
    guest: list[Any] = []
    host: list[Any] = []
    for number in range(count):
        shift = 0.1 * number

        def node(nid: int, who: str, left: int = -1, right: int = -1, **rest: Any) -> dict[str, Any]:
            empty = {"fid": None, "bid": None, "weight": 0.0}
            return {"nid": nid, "sitename": who, "l": left, "r": right, "is_leaf": left < 0, **empty, **rest}

        leaves = [
            node(3 + n, "guest_9999", weight=weight * (number + 1)) for n, weight in enumerate((-1.5, 0.5, -0.25, 2.0))
        ]
        guest.append({"nodes": [
            node(0, "guest_9999", 1, 2, fid="a", bid=ROWS["a"][number]), node(1, "host_10000", 3, 4),
            node(2, "guest_9999", 5, 6, fid="b", bid=-0.3 + shift), *leaves,
        ]})  # fmt: skip
        host.append({"nodes": [
            node(0, "guest_9999", 1, 2), node(1, "host_10000", 3, 4, fid="c", bid=shift), node(2, "guest_9999", 5, 6),
            *[leaf | {"weight": 0.0} for leaf in leaves],
        ]})  # fmt: skip
    hyper = {"objective": objective, "learning_rate": 0.3, "num_class": classes}
    start = 17.5 if objective.startswith("regression") else None
    return {"hyper_param": hyper, "trees": guest, "init_score": start}, {"hyper_param": {}, "trees": host}


def tree_scores(guest: Mapping[str, Any], row: Mapping[str, float], width: int) -> list[float]:
    sums = [0.0] * width
    for number, tree in enumerate(guest["trees"]):
        first, _, third = (node["bid"] for node in tree["nodes"][:3])
        leaf = (3 if row["c"] <= 0.1 * number + 1e-8 else 4) if row["a"] <= first + 1e-8 else 0
        leaf = leaf or (5 if row["b"] <= third + 1e-8 else 6)
        sums[number % width] += tree["nodes"][leaf]["weight"] * 0.3
    return sums


@pytest.mark.parametrize(
    ("objective", "classes", "finish"),
    [
        ("binary:bce", 2, lambda sums: [sigmoid(sums[0])]),
        ("multi:ce", 3, softmax),
        ("regression:l2", 1, lambda sums: [sums[0] + 17.5]),
    ],
)
def test_trees_of_both_parties_are_put_together(
    tmp_path: Path, objective: str, classes: int, finish: Callable[[list[float]], list[float]]
) -> None:
    guest, host = forest(objective, 6, classes)
    converted = consented(both(tmp_path, "hetero_secureboost", guest, host))

    width = classes if objective.startswith("multi") else 1
    expected = [finish(tree_scores(guest, row, width)) for row in rows()]
    assert (converted.inputs, converted.width) == (("a", "b", "c"), width)
    assert require_equal(converted, ROWS, expected) < 1e-6


@pytest.mark.parametrize("value", [0.1, -0.8720750212669373, 1e-9, 0.0, 123456.789, -3e-8])
def test_a_row_that_lies_on_a_split_goes_where_fate_sends_it(value: float) -> None:
    import numpy as np

    split = np.float32(_split_value(value))
    near = [np.float32(value)]
    for _ in range(4):
        near += [np.nextafter(near[-1], np.float32(np.inf)), np.nextafter(near[0], np.float32(-np.inf))]
    for one in near:
        assert bool(one <= split) == (float(one) <= value + 1e-8)


def test_a_missing_value_goes_to_the_right(tmp_path: Path) -> None:
    guest, host = forest("regression:l2", 1)
    converted = consented(both(tmp_path, "hetero_secureboost", guest, host))
    assert scores_of(converted, {"a": [math.nan], "b": [math.nan], "c": [0.0]})[0][0] == pytest.approx(17.5 + 2.0 * 0.3)


# --- what is refused --------------------------------------------------------------------------------------------------


def linear(folder: Path, **arguments: Any) -> list[ModelPackage]:
    parts = ({"data": {"estimator": estimator(GUEST, 0.5)}}, {"data": {"estimator": estimator(HOST, None)}})
    return both(folder, "sshe_lr", *parts, **arguments)


def test_a_party_that_has_not_signed_off(tmp_path: Path) -> None:
    guest, host = linear(tmp_path)
    with pytest.raises(FateInputError, match=rf"host 10000 has not signed off its package \(sha256 {host.sha256}\)"):
        convert([guest, host], signed_off=[guest.sha256])


def test_a_part_that_is_missing(tmp_path: Path) -> None:
    guest, _ = linear(tmp_path)
    with pytest.raises(FateInputError, match="The part of host 10000 is missing"):
        consented([guest])


def test_parts_of_different_jobs(tmp_path: Path) -> None:
    guest, _ = linear(tmp_path)
    other = pack(
        tmp_path / "o", "host", "10000", {"m": ("sshe_lr", {"data": {"estimator": estimator(HOST, None)}})}, "2"
    )
    with pytest.raises(FateInputError, match="of several jobs: 1, 2"):
        consented([guest, other])
    with pytest.raises(FateInputError, match="A party is there twice"):
        consented([guest, guest])


def test_trees_of_another_model(tmp_path: Path) -> None:
    guest, host = forest("binary:bce", 2)
    host["trees"][1]["nodes"][1]["fid"] = None
    with pytest.raises(FateInputError, match="host_10000 does not know its split 1 of tree 1"):
        consented(both(tmp_path, "hetero_secureboost", guest, host))


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (("hetero_feature_binning", {}), r"transforms=\{'step_0': None\}"),
        (("feature_scale", {"meta": {"method": "other"}}), "Scaling by 'other'"),
        (("feature_scale", {"meta": {"method": "min_max"}}), "Scaling by 'min_max'"),
        (("union_of_my_own", {}), r"\(union_of_my_own\) of guest 9999 cannot become part"),
    ],
)
def test_a_step_that_cannot_become_part_of_the_graph(tmp_path: Path, step: Any, says: str) -> None:
    with pytest.raises(FateInputError, match=says):
        consented(linear(tmp_path, steps={"step_0": step}))


def test_a_binning_that_leaves_values_alone_is_passed_over(tmp_path: Path) -> None:
    packages = linear(tmp_path, steps={"binning_0": ("hetero_feature_binning", {})})
    expected = [sigmoid(dot(GUEST | HOST, row, 0.5)) for row in rows()]
    assert require_equal(consented(packages, transforms={"binning_0": None}), ROWS, expected) < 1e-6


def binning(splits: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    points = {name: {str(place / 10): value for place, value in enumerate(values)} for name, values in splits.items()}
    return {"data": {"split_pt_dict": points, "bin_col": list(splits)}, "meta": {"model_type": "binning"}}


SPLITS = {"a": [-0.5, -0.5, 0.25, 1.0], "b": [ROWS["b"][3], 9.0]}


def bin_of(column: str, value: float) -> float:
    # A value that equals a split belongs below it, and the last one has nothing above it.
    return float(sum(value > split for split in SPLITS[column][:-1]))


def test_bins_take_the_place_of_values(tmp_path: Path) -> None:
    packages = linear(tmp_path, steps={"binning_0": ("hetero_feature_binning", binning(SPLITS))})
    binned = [row | {name: bin_of(name, row[name]) for name in SPLITS} for row in rows()]
    expected = [sigmoid(dot(GUEST | HOST, row, 0.5)) for row in binned]
    assert require_equal(consented(packages, transforms={"binning_0": "bin_idx"}), ROWS, expected) < 1e-6


@pytest.mark.parametrize("order", [(), ("binning_0", "scale_0"), ("scale_0", "binning_0")])
def test_steps_run_in_their_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    steps = {"scale_0": ("feature_scale", SCALE), "binning_0": ("hetero_feature_binning", binning({"a": [0, 1, 3]}))}

    def scaled(value: float) -> float:
        return (value - 0.5) / 2.0

    def binned(value: float) -> float:
        return float((value > 0) + (value > 1))

    first_scaled = order[:1] == ("scale_0",)
    done = [row | {"a": binned(scaled(row["a"])) if first_scaled else scaled(binned(row["a"]))} for row in rows()]
    expected = [sigmoid(dot(GUEST | HOST, row, 0.5)) for row in done]
    converted = consented(linear(tmp_path, steps=steps), transforms={"binning_0": "bin_idx"}, order=order)
    assert require_equal(converted, ROWS, expected) < 1e-6


def test_weights_of_evidence_are_refused(tmp_path: Path) -> None:
    packages = linear(tmp_path, steps={"binning_0": ("hetero_feature_binning", binning(SPLITS))})
    with pytest.raises(FateInputError, match="transform 'woe' cannot become part"):
        consented(packages, transforms={"binning_0": "woe"})


def test_the_order_of_several_scalings_is_asked_for(tmp_path: Path) -> None:
    packages = linear(tmp_path, steps={"one": ("feature_scale", SCALE), "two": ("feature_scale", SCALE)})
    with pytest.raises(FateInputError, match="several steps feature_scale"):
        consented(packages)
    consented(packages, order=["two", "one"])


@pytest.mark.parametrize("strict", [True, False])
def test_a_scaling_to_a_range(tmp_path: Path, strict: bool) -> None:
    low, high, smallest, largest = -1.0, 1.0, -0.75, 1.25
    scale = (high - low) / (largest - smallest)
    numbers = {"scale": scale, "scale_min": smallest * scale, "range_min": low, "range_max": high}
    info: dict[str, Any] = {name: {"a": value} for name, value in numbers.items()}
    info |= {"select_col": ["a"], "strict_range": strict}
    step = ("feature_scale", {"data": {"scaler_info": info}, "meta": {"method": "min_max"}})

    def scaled(value: float) -> float:
        found = (value - smallest) * scale + low
        return min(max(found, low), high) if strict else found

    expected = [sigmoid(dot(GUEST | HOST, row | {"a": scaled(row["a"])}, 0.5)) for row in rows()]
    assert require_equal(consented(linear(tmp_path, steps={"scale_0": step})), ROWS, expected) < 1e-6


def test_a_graph_that_gives_something_else_is_not_accepted(tmp_path: Path) -> None:
    converted = consented(linear(tmp_path))
    expected: list[Any] = [sigmoid(dot(GUEST | HOST, row, 0.5)) for row in rows()]
    expected[17] += 0.001
    with pytest.raises(FateInputError, match="Row 18: the graph gives"):
        require_equal(converted, ROWS, expected)
    with pytest.raises(FateInputError, match="200 rows were scored, and FATE has scored 5"):
        require_equal(converted, ROWS, expected[:5])
    with pytest.raises(FateInputError, match="gives 1 scores for a row, and FATE has given 2"):
        require_equal(converted, ROWS, [[0.5, 0.5]] * 200)
    with pytest.raises(FateInputError, match="Columns d are missing"):
        require_equal(converted, {name: ROWS[name] for name in "abc"}, expected)


def test_the_same_packages_give_the_same_bytes(tmp_path: Path) -> None:
    packages = linear(tmp_path)
    assert consented(packages).onnx == consented(packages[::-1]).onnx

"""Models of a real FATE as ONNX: what onnxruntime gives is what FATE has given, row by row."""

from __future__ import annotations

import ast
import csv
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.jobs import (
    Binning,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Layer,
    Party,
    Recipe,
    Scaling,
    Selection,
    SsheLR,
    mlp,
)
from airflow_provider_fate.models.collect import collect_package, find_trained_job
from airflow_provider_fate.models.convert import convert, require_equal
from airflow_provider_fate.models.package import ModelPackage
from tests.integration.conftest import Prepared, asked_for
from tests.integration.test_recipes import GUEST, HOST, RECIPES, fast, hetero, wait, write_tables
from tests.support.fate import RunningFate

pytestmark = [pytest.mark.fate, pytest.mark.timeout(1800)]

BOTH = ("guest", "host")
THREE = {"guest": Party(GUEST, "recipes.guest3"), "hosts": [Party(HOST, "recipes.host3")]}
TRAINED: dict[str, tuple[Recipe, str, tuple[str, ...]]] = {
    "homo_lr": (RECIPES["homo_lr"], "lr_0", ("north",)),
    "homo_lr_of_three": (
        HomoLR(guest=Party(GUEST, "recipes.north3"), hosts=[Party(HOST, "recipes.south3")], epochs=3, num_class=3),
        "lr_0",
        ("north3",),
    ),
    "homo_nn": (RECIPES["homo_nn"], "nn_0", ("north",)),
    "homo_nn_of_three": (
        HomoNN(
            guest=Party(GUEST, "recipes.north3"),
            hosts=[Party(HOST, "recipes.south3")],
            task="multi",
            layers=[*mlp(4, 8, out=3, end=None), Layer(type="Softmax", kwargs={"dim": 1})],
            epochs=2,
        ),
        "nn_0",
        ("north3",),
    ),
    "sshe_lr": (RECIPES["sshe_lr"], "lr_0", BOTH),
    "sshe_lr_of_a_range": (SsheLR(**hetero, epochs=2, scaling=Scaling(method="min_max"), **fast), "lr_0", BOTH),
    "sshe_lr_of_bins": (
        SsheLR(**hetero, epochs=2, binning=Binning(transform="bin_idx"), selection=Selection(), **fast),
        "lr_0",
        BOTH,
    ),
    "trees_of_bins": (
        HeteroSecureBoost(
            **hetero,
            num_trees=2,
            max_depth=2,
            max_bin=8,
            binning=Binning(transform="bin_idx"),
            **fast,
        ),
        "sbt_0",
        BOTH,
    ),
    "coordinated_lr": (RECIPES["coordinated_lr"], "lr_0", BOTH),
    "sshe_linr": (RECIPES["sshe_linr"], "linr_0", ("price", "host")),
    "coordinated_linr": (RECIPES["coordinated_linr"], "linr_0", ("price", "host")),
    "secureboost": (RECIPES["secureboost"], "sbt_0", BOTH),
    "trees": (
        HeteroSecureBoost(**hetero, num_trees=3, max_depth=3, max_bin=8, **fast),
        "sbt_0",
        BOTH,
    ),
    "trees_of_three": (
        HeteroSecureBoost(**THREE, objective="multi:ce", num_class=3, num_trees=2, max_depth=2, max_bin=8, **fast),
        "sbt_0",
        ("guest3", "host3"),
    ),
    "trees_of_a_regression": (RECIPES["secureboost_regression"], "sbt_0", ("price", "host")),
}
"""What is trained, the task that does, and the tables whose columns go into the graph."""
# One of each shape at each change; all of them in `make test-all`.
USUAL = {"secureboost"}
"""What test_serving.py does not have, which converts, too, and asks what came of it over HTTP."""
CHOSEN = [pytest.param(name, marks=() if name in USUAL else pytest.mark.thorough) for name in TRAINED]


def write_three(folder: Path) -> dict[str, tuple[Path, str | None, str]]:
    """Tables whose label has three classes, which the columns of both sides tell."""
    dice = random.Random(3)
    people = {f"q{i:04}": [round(dice.gauss(0, 1), 6) for _ in range(4)] for i in range(200)}

    def label(x: list[float]) -> int:
        return 0 if x[0] + x[2] < -0.6 else 1 if x[0] + x[2] < 0.6 else 2

    def write(name: str, header: str, chosen: slice, columns: slice, labelled: bool) -> tuple[Path, str | None, str]:
        path = folder / f"{name}.csv"
        rows = [
            ",".join([who, *([str(label(x))] if labelled else []), *map(str, x[columns])])
            for who, x in list(people.items())[chosen]
        ]
        path.write_text("\n".join([header, *rows]) + "\n")
        return path, "y" if labelled else None, "int32"

    return {
        "guest3": write("guest3", "id,y,a,b", slice(None), slice(0, 2), True),
        "host3": write("host3", "id,c,d", slice(None), slice(2, 4), False),
        "north3": write("north3", "id,y,a,b,c,d", slice(0, 100), slice(0, 4), True),
        "south3": write("south3", "id,y,a,b,c,d", slice(100, 200), slice(0, 4), True),
    }


@pytest.fixture(scope="module")
def flow(fate_full: RunningFate) -> Iterator[FlowClient]:
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


@pytest.fixture(scope="module")
def tables(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tables")
    written = write_tables(folder) | write_three(folder)
    prepared.tables(written)
    return {name: path for name, (path, _, _) in written.items()}


@pytest.fixture(scope="module")
def jobs(request: pytest.FixtureRequest, prepared: Prepared, tables: dict[str, Path]) -> dict[str, str]:
    """Ids of the jobs that were asked for; they run side by side."""
    return prepared.jobs({name: recipe for name, (recipe, _, _) in TRAINED.items()}, asked_for(request))


def package(flow: FlowClient, job_id: str, role: str, party_id: str, folder: Path) -> ModelPackage:
    (place := folder / role).mkdir()
    return collect_package(flow, find_trained_job(flow, job_id, role, party_id), place)


def predictions(flow: FlowClient, job_id: str, task: str) -> dict[str, list[float]]:
    """FATE's scores of the training rows, by id: a number, or one for each class."""
    table = flow.output.data_display(job_id, "guest", GUEST, task)["train_output_data"][0]
    names = [field["name"] for field in table.metadata["schema_meta"]["fields"]]
    found = {}
    for values in table.data:
        row = dict(zip(names, values, strict=True))
        detail = ast.literal_eval(str(row["predict_detail"]).strip('"'))
        numbers = [float(detail[key]) for key in sorted(detail)]
        found[str(row["id"])] = numbers if len(numbers) > 2 else [float(row["predict_score"])]
    return found


def columns_of(paths: list[Path], ids: list[str]) -> Mapping[str, list[float]]:
    values: dict[str, list[float]] = {}
    for path in paths:
        with path.open() as file:
            rows = {row.pop("id"): row for row in csv.DictReader(file)}
        for name in next(iter(rows.values())).keys() - {"y"}:
            values[name] = [float(rows[who][name]) for who in ids]
    return values


@pytest.mark.parametrize("name", CHOSEN)
def test_the_graph_gives_what_fate_has_given(
    flow: FlowClient, tables: dict[str, Path], jobs: dict[str, str], tmp_path: Path, name: str
) -> None:
    _, task, sources = TRAINED[name]
    assert wait(flow, jobs[name], time.monotonic() + 1500) == "success"
    parties: list[tuple[str, str]] = [("guest", GUEST)]
    if not name.startswith("homo"):
        parties.append(("host", HOST))
    packages = [package(flow, jobs[name], role, party_id, tmp_path) for role, party_id in parties]

    converted = convert(
        packages,
        columns=list("abcd"),
        signed_off=[one.sha256 for one in packages],
        transforms={"binning_0": "bin_idx"},
    )

    fates: dict[str, Any] = predictions(flow, jobs[name], task)
    assert len(fates) >= 50
    rows = columns_of([tables[source] for source in sources], list(fates))
    assert require_equal(converted, rows, list(fates.values()), tolerance=1e-5) <= 1e-5

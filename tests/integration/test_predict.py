"""For each recipe that trains: the job derived from it scores the rows of the training as the training has done.

A chain of two or three jobs for each (train, score, and score the same rows without their label), two chains at a time.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.errors import FateJobFailed
from airflow_provider_fate.jobs import (
    Binning,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Party,
    Recipe,
    Scaling,
    Selection,
    SsheLR,
    Statistics,
    mlp,
)
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from tests.integration import test_recipes
from tests.integration.conftest import Prepared, asked_for
from tests.integration.test_recipes import GUEST, HOST, fast, hetero, homo, wait, write_tables
from tests.support.fate import RunningFate
from tests.support.task import FakeTaskInstance, Task

PATIENCE = 900
"""Seconds for a job on a busy two-core machine."""
pytestmark = [pytest.mark.fate, pytest.mark.timeout(3600)]

small_boost: dict[str, Any] = {"num_trees": 2, "max_depth": 2, "max_bin": 8, **fast}
steps: dict[str, Any] = {
    "statistics": Statistics(),
    "binning": Binning(n_bins=4, transform="bin_idx"),
    "selection": Selection(iv_threshold=0.01),
    "scaling": Scaling(method="min_max"),
}
three: dict[str, Any] = {"guest": Party(GUEST, "recipes.three"), "hosts": [Party(HOST, "recipes.host")]}
three_homo: dict[str, Any] = {
    "guest": Party(GUEST, "recipes.north_three"),
    "hosts": [Party(HOST, "recipes.south_three")],
}
RECIPES: dict[str, Recipe] = {
    **{name: recipe for name, recipe in test_recipes.RECIPES.items() if name != "psi"},
    "homo_lr_three": HomoLR(**three_homo, epochs=2, num_class=3),
    "homo_lr_holdout": HomoLR(**homo, epochs=2, holdout=0.25),
    "homo_nn_three": HomoNN(**three_homo, layers=mlp(4, 8, out=3, end="Softmax"), epochs=2, task="multi"),
    "secureboost_three": HeteroSecureBoost(**three, **small_boost, objective="multi:ce", num_class=3),
    "secureboost_bins": HeteroSecureBoost(**hetero, **small_boost, **steps, holdout=0.25),
    "secureboost_alone": HeteroSecureBoost(**hetero, **small_boost, guest_baseline=True),
    "sshe_lr_bins": SsheLR(**hetero, epochs=2, **fast, **steps),
}
NETWORKS = {"homo_nn", "homo_nn_three", "hetero_nn"}
CHOSEN_TASK = {"secureboost_alone": "sbt_alone_0"}
"""Where a recipe trains several models."""

# One chain over columns of both and one over rows of both at each change; all of them in `make test-all`.
USUAL = {"secureboost", "homo_lr"}
SHARED_TRAININGS = {"secureboost"}
"""Recipes that other tests have trained, too; what is trained here may be deleted."""
CHOSEN = [pytest.param(name, marks=() if name in USUAL else pytest.mark.thorough) for name in RECIPES]


def more_tables(
    folder: Path, tables: Mapping[str, tuple[Path, str | None, str]]
) -> dict[str, tuple[Path, str | None, str]]:
    """Three classes instead of two, and each table with a label once more without it, and with any other."""
    made = dict(tables)
    for name in ("guest", "north", "south"):
        rows = list(csv.DictReader(tables[name][0].read_text().splitlines()))
        for row in rows:
            row["y"] = str(int(float(row["a"]) > 0.4) + int(float(row["b"]) > 0))
        three = {"guest": "three", "north": "north_three", "south": "south_three"}[name]
        made[three] = (_write(folder / f"{three}.csv", rows), "y", "int32")
    for name, (path, label, kind) in list(made.items()):
        classes = 3 if "three" in name else 2
        rows = list(csv.DictReader(path.read_text().splitlines()))
        if label and kind == "int32":
            rows = [row | {"y": str(number % classes)} for number, row in enumerate(rows)]
            made[f"{name}_any"] = (_write(folder / f"{name}_any.csv", rows), "y", kind)
        rows = [{k: v for k, v in row.items() if k != "y"} for row in csv.DictReader(path.read_text().splitlines())]
        if label:
            made[f"{name}_new"] = (_write(folder / f"{name}_new.csv", rows), None, kind)
    return made


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def flow(
    request: pytest.FixtureRequest, prepared: Prepared, fate_full: RunningFate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FlowClient]:
    folder = tmp_path_factory.mktemp("tables")
    used = {party.table for name in asked_for(request) & RECIPES.keys() for party in parties(RECIPES[name])}
    files = more_tables(folder, write_tables(folder))
    variants = {f"{table}{suffix}" for table in used for suffix in ("", "_new", "_any")}
    prepared.tables({name: file for name, file in files.items() if f"recipes.{name}" in variants})
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


def parties(recipe: Recipe) -> list[Party]:
    return [recipe.guest, *recipe.hosts]


@dataclass(frozen=True)
class Chain:
    """What the jobs of a recipe have given back, and the scores by id."""

    trained: dict[str, Any]
    scored: dict[str, Any]
    unlabelled: dict[str, Any]
    """Scored without a label; by networks, with any label."""


def run(operator: type[FateJobOperator], **kwargs: Any) -> Any:
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
    return Task(lambda: operator(task_id="task", poll_interval=2, **kwargs), ti).run(patience=PATIENCE)


def predict(name: str, trained: Mapping[str, Any], suffix: str = "", **kwargs: Any) -> Any:
    recipe = RECIPES[name]
    tables = {party.party_id: party.table for party in parties(recipe)}
    tables = {party: table + suffix if not table.endswith(".host") else table for party, table in tables.items()}
    kwargs = {"evaluate": suffix == "", "task": CHOSEN_TASK.get(name)} | kwargs
    return run(FatePredictOperator, model=trained, tables=tables, **kwargs)


def chain(name: str, trained_before: str | None) -> Chain:
    """Train, unless a job has done so before, and score."""
    trained = {"job_id": trained_before} if trained_before else run(FateJobOperator, job=RECIPES[name])
    if name in NETWORKS:  # FATE 2.2 cannot do without a label there
        with pytest.raises(AirflowFailException, match="cannot score rows without one by"):
            predict(name, trained, "_new")
    return Chain(trained, predict(name, trained), predict(name, trained, "_any" if name in NETWORKS else "_new"))


@pytest.fixture(scope="module")
def chains(
    request: pytest.FixtureRequest, fate_full: RunningFate, flow: FlowClient, prepared: Prepared
) -> Iterator[dict[str, Future[Chain]]]:
    """The chains that were asked for, two at a time."""
    asked = asked_for(request)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
        patch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "2")
        trained = prepared.jobs(RECIPES, asked & SHARED_TRAININGS)
        for job_id in trained.values():
            assert wait(flow, job_id, time.monotonic() + PATIENCE) == "success"
        yield {name: pool.submit(chain, name, trained.get(name)) for name in RECIPES if name in asked}


def scores(flow: FlowClient, folder: Path, job_id: str, task: str, output: str) -> dict[str, list[float]]:
    """Scores by id: of each class, or the one that there is."""
    archive = folder / f"{job_id}.tar.gz"
    flow.output.download_data(job_id, "guest", GUEST, task, archive, output_key=output)
    with tarfile.open(archive) as tar:
        member = tar.extractfile(next(name for name in tar.getnames() if name.endswith(".csv")))
        assert member is not None
        rows = csv.DictReader(io.TextIOWrapper(member))
        return {row["id"]: _numbers(row) for row in rows}


def _numbers(row: Mapping[str, str]) -> list[float]:
    detail = row.get("predict_detail")
    return [float(row["predict_score"]), *(sorted(json.loads(detail.replace("'", '"')).values()) if detail else ())]


@pytest.mark.parametrize("name", CHOSEN)
def test_the_rows_of_the_training_get_its_scores_again(
    flow: FlowClient, chains: dict[str, Future[Chain]], tmp_path: Path, name: str
) -> None:
    done = chains[name].result()
    task = done.scored["task"]
    expected = scores(flow, tmp_path, done.trained["job_id"], task, "train_output_data")
    found = scores(flow, tmp_path, done.scored["job_id"], task, done.scored["output"])
    assert len(expected) > 50
    assert expected.keys() <= found.keys(), "each row of the training has a score"
    assert len(found) == done.scored["rows"]
    worst = max(abs(a - b) for id_ in expected for a, b in zip(expected[id_], found[id_], strict=True))
    assert worst < 1e-6


@pytest.mark.parametrize("name", CHOSEN)
def test_rows_without_a_label_get_the_same_scores(
    flow: FlowClient, chains: dict[str, Future[Chain]], tmp_path: Path, name: str
) -> None:
    done = chains[name].result()
    task, output = done.scored["task"], done.scored["output"]
    expected = scores(flow, tmp_path, done.scored["job_id"], task, output)
    found = scores(flow, tmp_path, done.unlabelled["job_id"], task, output)
    assert found.keys() == expected.keys()
    assert max(abs(a - b) for id_ in expected for a, b in zip(expected[id_], found[id_], strict=True)) < 1e-6


def test_the_evaluation_of_the_training_judges_the_scores(chains: dict[str, Future[Chain]]) -> None:
    done = chains["homo_lr"].result()
    found = done.scored["metrics"]["evaluation_0.lr_0.test_set.auc"]
    assert found == pytest.approx(done.trained["metrics"]["evaluation_0.lr_0.train_set.auc"])
    assert not any(name.startswith("evaluation") for name in done.unlabelled["metrics"])


@pytest.mark.parametrize("name", ["homo_lr"])
def test_a_model_that_is_deleted_is_missed_here_before_and_at_a_partner_by_its_own_fate(
    flow: FlowClient, chains: dict[str, Future[Chain]], name: str
) -> None:
    trained = chains[name].result().trained
    flow.output.delete_model(trained["job_id"], "host", HOST, "lr_0")
    with pytest.raises(FateJobFailed, match="Download model failed") as caught:
        predict(name, trained)
    assert "host 10000" in str(caught.value)

    flow.output.delete_model(trained["job_id"], "guest", GUEST, "lr_0")
    with pytest.raises(AirflowFailException, match=r"is not at this site .* any more: it was deleted"):
        predict(name, trained)


@pytest.mark.thorough
def test_weights_of_evidence_train_and_are_refused_when_new_rows_come(chains: dict[str, Future[Chain]]) -> None:
    recipe = HeteroSecureBoost(**hetero, **small_boost, binning=Binning(n_bins=4, transform="woe"))
    trained = run(FateJobOperator, job=recipe)
    assert trained["metrics"]["auc"] > 0.5
    tables = {"guest": "recipes.guest", "host": "recipes.host"}
    with pytest.raises(AirflowFailException, match="does not put weights of evidence into rows"):
        run(FatePredictOperator, model=trained, tables=tables)

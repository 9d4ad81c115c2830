"""Recipes on a real FATE: each has to run to success and give the metrics that it promises.

All jobs are handed to FATE at once, smallest first, and every test waits for its own: FATE runs as many side by side as
its cores allow, which is quicker than one after the other.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.hooks.site import FateSite
from airflow_provider_fate.jobs import (
    Binning,
    CoordinatedLinR,
    CoordinatedLR,
    Encryption,
    HeteroNN,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Layer,
    Party,
    Psi,
    Recipe,
    Scaling,
    Selection,
    SsheLinR,
    SsheLR,
    Statistics,
    mlp,
)
from airflow_provider_fate.metrics import JobMetrics, collect_metrics
from airflow_provider_fate.operators.metrics import FateMetricsOperator
from airflow_provider_fate.site.diagnosis import diagnose
from airflow_provider_fate.site.ref import JobRef
from airflow_provider_fate.site.result import metrics_of
from tests.integration.conftest import Prepared, asked_for
from tests.support.fate import RunningFate
from tests.support.folds import in_folds
from tests.support.task import CONN_ID, Task

pytestmark = pytest.mark.fate

GUEST, HOST = "9999", "10000"
ROWS, SHARED = 160, 120
"""Rows at each party, and rows that both have."""
PATIENCE = 1200
"""Seconds for all jobs together on a busy two-core machine."""

hetero = {"guest": Party(GUEST, "recipes.guest"), "hosts": [Party(HOST, "recipes.host")]}
homo = {"guest": Party(GUEST, "recipes.north"), "hosts": [Party(HOST, "recipes.south")]}
regression = {"guest": Party(GUEST, "recipes.price"), "hosts": [Party(HOST, "recipes.host")]}
fast = {"encryption": Encryption(kind="paillier", key_length=1024)}

RECIPES: dict[str, Recipe] = {
    "psi": Psi(**hetero, statistics=Statistics()),
    "homo_lr": HomoLR(**homo, epochs=3),
    "homo_nn": HomoNN(**homo, layers=mlp(4, 8), epochs=3),
    "secureboost": HeteroSecureBoost(**hetero, num_trees=2, max_depth=2, max_bin=8, holdout=0.25, **fast),
    "sshe_lr": SsheLR(**hetero, epochs=2, **fast),
    "coordinated_lr": CoordinatedLR(**hetero, arbiter=HOST, epochs=2, **fast),
    "secureboost_steps": HeteroSecureBoost(
        **hetero,
        num_trees=1,
        max_depth=2,
        max_bin=8,
        statistics=Statistics(),
        binning=Binning(),
        selection=Selection(),
        scaling=Scaling(),
        **fast,
    ),
    "secureboost_regression": HeteroSecureBoost(
        **regression, objective="regression:l2", num_trees=1, max_depth=2, max_bin=8, **fast
    ),
    "sshe_linr": SsheLinR(**regression, epochs=1, **fast),
    "coordinated_linr": CoordinatedLinR(**regression, arbiter=HOST, epochs=1, **fast),
    "hetero_nn": HeteroNN(
        **hetero,
        guest_layers=[Layer(type="Linear", kwargs={"in_features": 2, "out_features": 4})],
        host_layers=[Layer(type="Linear", kwargs={"in_features": 2, "out_features": 4})],
        top_layers=[Layer(type="Linear", kwargs={"in_features": 4, "out_features": 1}), Layer(type="Sigmoid")],
        epochs=1,
    ),
}

# One of each family at each change; all of them in `make test-all`.
USUAL = {"psi", "secureboost", "sshe_lr", "homo_lr"}
CHOSEN = [pytest.param(name, marks=() if name in USUAL else pytest.mark.thorough) for name in RECIPES]

PROMISED = {
    "psi": ["psi_0.intersect_count"],
    "secureboost": ["auc", "evaluation_0.sbt_0.train_set.auc"],
    "secureboost_steps": ["auc"],
    "secureboost_regression": ["rmse"],
    "sshe_lr": ["auc"],
    "sshe_linr": ["rmse"],
    "coordinated_lr": ["auc"],
    "coordinated_linr": ["rmse"],
    "homo_lr": ["auc"],
    "homo_nn": ["auc"],
    "hetero_nn": ["auc"],
}


def write_tables(folder: Path) -> dict[str, tuple[Path, str | None, str]]:
    """Make two parties' columns of overlapping people; the label depends on both. Gives path, label, label type."""
    dice = random.Random(7)
    people = {f"p{i:04}": [dice.gauss(0, 1) for _ in range(4)] for i in range(2 * ROWS - SHARED)}
    ids = sorted(people)
    here, there = ids[:ROWS], ids[ROWS - SHARED :]

    def write(name: str, header: str, rows: Iterator[str]) -> Path:
        path = folder / f"{name}.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    def numbers(values: list[float]) -> str:
        return ",".join(f"{value:.6f}" for value in values)

    def label(x: list[float]) -> int:
        return int(x[0] + x[1] + 2 * x[2] > 0)

    def columns(party: list[str], part: slice) -> Iterator[str]:
        return (f"{i},{numbers(people[i][part])}" for i in party)

    def labelled(party: list[str], part: slice) -> Iterator[str]:
        return (f"{i},{label(people[i])},{numbers(people[i][part])}" for i in party)

    first, last, every = slice(0, 2), slice(2, 4), slice(0, 4)
    price = (f"{i},{3 * people[i][0] - people[i][2]:.6f},{numbers(people[i][first])}" for i in here)
    return {
        "guest": (write("guest", "id,y,a,b", labelled(here, first)), "y", "int32"),
        "host": (write("host", "id,c,d", columns(there, last)), None, "int32"),
        "price": (write("price", "id,y,a,b", price), "y", "float32"),
        "north": (write("north", "id,y,a,b,c,d", labelled(ids[:ROWS], every)), "y", "int32"),
        "south": (write("south", "id,y,a,b,c,d", labelled(ids[ROWS:], every)), "y", "int32"),
    }


@pytest.fixture(scope="module")
def flow(fate_full) -> Iterator[FlowClient]:
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


def wait(flow: FlowClient, job_id: str, end: float) -> str:
    while time.monotonic() < end:
        records = flow.job.query(job_id=job_id)
        if all(record.status.is_terminal for record in records):
            return str(records[0].status)
        time.sleep(1)
    return "unfinished"


@pytest.fixture(scope="module")
def jobs(
    request: pytest.FixtureRequest, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Ids of the jobs of all recipes that were asked for, by name."""
    prepared.tables(write_tables(tmp_path_factory.mktemp("tables")))
    return prepared.jobs(RECIPES, asked_for(request))


@pytest.fixture(scope="module")
def deadline() -> float:
    return time.monotonic() + PATIENCE


@pytest.mark.timeout(PATIENCE + 900)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_recipe_runs_to_success_and_measures(flow: FlowClient, jobs: dict[str, str], deadline: float, name: str):
    ref = JobRef(job_id=jobs[name], role="guest", party_id=GUEST)
    state = wait(flow, ref.job_id, deadline)
    assert state == "success", "\n".join(diagnose(flow, ref, state).lines())
    metrics = metrics_of(flow, ref)
    assert [key for key in PROMISED[name] if not isinstance(metrics.get(key), int | float)] == [], metrics
    if name == "psi":
        assert metrics["psi_0.intersect_count"] == SHARED


# Curves and importances that each recipe has at its guest, and those that another party has in its place.
DRAWN = {
    "psi": set(),
    "secureboost": {"sbt_loss", "gain of a column", "roc", "ks", "gain", "lift", "precision_recall", "accuracy", "f1"},
    "secureboost_steps": {"sbt_loss", "iv of a column", "gain of a column", "roc"},
    "secureboost_regression": {"sbt_loss", "gain of a column"},
    "sshe_lr": {"lr_loss", "roc"},
    "sshe_linr": {"linr_loss"},
    "coordinated_lr": {"roc"},
    "coordinated_linr": set(),
    "homo_lr": {"loss", "roc"},
    "homo_nn": {"loss", "roc"},
    "hetero_nn": {"loss", "roc"},
}


@pytest.mark.timeout(PATIENCE + 900)
@pytest.mark.parametrize("name", CHOSEN)
def test_the_metrics_of_a_recipe_are_written_whole(
    fate_full: RunningFate,
    flow: FlowClient,
    jobs: dict[str, str],
    deadline: float,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", fate_full.airflow_connection)
    assert wait(flow, jobs[name], deadline) == "success"
    seen = set()
    for record in flow.job.query(job_id=jobs[name]):
        told = Task(
            partial(
                FateMetricsOperator, task_id="metrics", fate_conn_id=CONN_ID, job=jobs[name],
                target=str(tmp_path / record.role), role=record.role, party_id=record.party_id,
            )
        ).run()  # fmt: skip
        metrics = JobMetrics.read(told["json"])
        assert metrics.job.who == f"{record.role} {record.party_id}"
        assert [raw.name for raw in metrics.raw] == (["loss"] if (name, record.role) == ("hetero_nn", "host") else [])
        assert told["missing"], "each party is told what is not shown to it"
        if any("loss" in curve.name for curve in metrics.curves):
            seen.add("loss")
        if record.role == "guest":
            drawn = {curve.name for curve in metrics.curves} | {f"{i.name} of a column" for i in metrics.importances}
            assert drawn >= DRAWN[name]
            assert told["metrics"] == metrics_of(flow, JobRef.of(record))
    assert seen or name == "psi", "some party has the loss"


@pytest.mark.thorough
@pytest.mark.timeout(PATIENCE + 900)
@pytest.mark.usefixtures("jobs")
def test_each_fold_of_a_cross_validation_is_judged(flow: FlowClient):
    recipe = HeteroSecureBoost(**hetero, num_trees=2, max_depth=2, max_bin=8, **fast)
    job_id = flow.job.submit(in_folds(recipe.dag(), "sbt_0", 3)).job_id
    assert wait(flow, job_id, time.monotonic() + PATIENCE) == "success"
    record = next(one for one in flow.job.query(job_id=job_id) if one.role == "guest")
    metrics = collect_metrics(flow, record, folds=True)
    for fold in range(3):
        assert metrics.curve("sbt_loss", fold=fold).steps == (0, 1)
        seen, held_out = (metrics.value("auc", fold=fold, dataset=rows) for rows in ("train", "validate"))
        assert 1 >= seen > held_out > 0.6


@pytest.mark.timeout(PATIENCE + 900)
def test_a_job_that_fails_is_diagnosed_with_the_reason_that_fate_gives(flow: FlowClient, jobs: dict[str, str]):
    recipe = Psi(guest=Party(GUEST, "recipes.guest"), hosts=[Party(HOST, "recipes.nowhere")])
    site = FateSite(conn_id="c", host="127.0.0.1", party_id=GUEST, role="guest")
    job_id = flow.job.submit(recipe.dag()).job_id
    state = wait(flow, job_id, time.monotonic() + PATIENCE)
    assert state == "failed"
    diagnosis = diagnose(flow, JobRef(job_id=job_id, role=site.role or "", party_id=GUEST), state)
    first = diagnosis.failed[0]
    assert (first.name, first.role, first.party_id) == ("reader_0", "host", HOST)
    assert "No found table" in diagnosis.summary
    assert "Failing side: host 10000 (known" in diagnosis.side

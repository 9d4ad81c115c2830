"""On a real FATE: a training goes on where an earlier one has ended, folds are judged, and a sweep shares its PSI."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.jobs import (
    Binning,
    CoordinatedLinR,
    CoordinatedLR,
    CrossValidation,
    HeteroNN,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Layer,
    Recipe,
    Selection,
    SsheLinR,
    SsheLR,
    mlp,
)
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from tests.integration.test_predict import more_tables, run, scores, three
from tests.integration.test_recipes import GUEST, HOST, fast, hetero, homo, regression, wait, write_tables
from tests.support.fate import RunningFate

pytestmark = [pytest.mark.fate, pytest.mark.timeout(3600)]

tiny: dict[str, Any] = {"num_trees": 1, "max_depth": 1, "max_bin": 4, "evaluation": None, **fast}
STILL = 1e-9
"""A learning rate that changes nothing that can be seen."""


@pytest.fixture(scope="module", autouse=True)
def connection(fate_full: RunningFate) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
        patch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "1")
        yield


@pytest.fixture(scope="module")
def flow(
    request: pytest.FixtureRequest, fate_full: RunningFate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FlowClient]:
    """The site with the tables of the tests that were asked for."""
    folder = tmp_path_factory.mktemp("tables")
    tables = more_tables(folder, write_tables(folder))
    if not any(item.get_closest_marker("thorough") for item in request.session.items if item.path == Path(__file__)):
        tables = {name: tables[name] for name in ("guest", "host")}
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        uploads = [
            client.data.upload_file(
                path,
                namespace="recipes",
                name=name,
                meta=UploadMeta(match_id_name="id", label_name=label, label_type=kind),
                extend_sid=True,
            ).job_id
            for name, (path, label, kind) in tables.items()
            if not name.endswith(("_new", "_any"))
        ]
        assert {wait(client, job_id, time.monotonic() + 900) for job_id in uploads} == {"success"}
        yield client


@pytest.fixture(scope="module")
def boosted(flow: FlowClient) -> dict[str, Any]:
    """A first training, whose intersection the others take over."""
    return dict(run(FateJobOperator, job=HeteroSecureBoost(**hetero, **tiny)))


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    return type(recipe).model_validate({**recipe.model_dump(), **changes})


def trees(flow: FlowClient, job: dict[str, Any], role: str, party: str) -> int:
    model = flow.output.model(job["job_id"], role, party, "sbt_0")["output_model"]
    return len(model.get("data", model)["trees"])


def losses(flow: FlowClient, job: dict[str, Any], role: str, task: str) -> list[float]:
    party = GUEST if role == "guest" else HOST
    found = flow.output.metrics(job["job_id"], role, party, task)
    points = [point for metric in found if metric.type == "loss" for point in metric.data]
    values = [point["metric"] for point in sorted(points, key=lambda point: point["step"])]
    return [value[0] if isinstance(value, list) else value for value in values]


def test_trees_are_added_to_those_of_the_earlier_job_at_both_parties(
    flow: FlowClient,
    boosted: dict[str, Any],
) -> None:
    again = run(FateJobOperator, job=HeteroSecureBoost(**hetero, **tiny, warm_start=boosted), inherit=boosted)
    assert trees(flow, boosted, "guest", GUEST) == trees(flow, boosted, "host", HOST) == 1
    assert trees(flow, again, "guest", GUEST) == trees(flow, again, "host", HOST) == 2
    assert again["metrics"]["sbt_0.sbt_loss"] < boosted["metrics"]["sbt_0.sbt_loss"]
    took = {task.task_name: str(task.status) for task in flow.task.query(job_id=again["job_id"])}
    assert took["psi_0"] in ("success", "pass")
    dag = flow.job.query(job_id=again["job_id"])[0].dag["dag"]
    assert dag["conf"]["inheritance"] == {"job_id": boosted["job_id"], "task_list": ["reader_0", "psi_0"]}


@pytest.mark.thorough
def test_each_fold_has_its_metrics_and_no_model_is_left(boosted: dict[str, Any], tmp_path: Path) -> None:
    recipe = HeteroSecureBoost(**hetero, **tiny, cross_validation=2)
    judged = run(FateJobOperator, job=recipe, inherit=boosted)
    metrics = judged["metrics"]
    folds = [metrics["cv.fold_0.auc"], metrics["cv.fold_1.auc"]]
    assert all(0.5 < auc < 1 for auc in folds)
    assert metrics["cv.folds"] == 2
    assert metrics["cv.auc.mean"] == metrics["auc"] == pytest.approx(sum(folds) / 2)
    assert metrics["cv.auc.std"] == pytest.approx(abs(folds[0] - folds[1]) / 2)
    assert {"sbt_0.fold_0.sbt_loss", "sbt_0.fold_1.sbt_loss"} <= metrics.keys()
    with pytest.raises(AirflowFailException, match="cross validated, which leaves no model"):
        run(FatePredictOperator, model=judged, guest="recipes.guest", hosts="recipes.host")
    with pytest.raises(AirflowFailException, match=r"cross-validated \(sbt_0\), which leaves no model"):
        FateModelExportOperator(task_id="export", model=judged, target=str(tmp_path)).execute({})  # type: ignore[arg-type]
    with pytest.raises(AirflowFailException, match="cross validated, which leaves no model"):
        run(FateJobOperator, job=HeteroSecureBoost(**hetero, **tiny, warm_start=judged))


WARM: dict[str, Recipe] = {
    "sshe_lr": SsheLR(**hetero, epochs=2, **fast),
    "sshe_linr": SsheLinR(**regression, epochs=2, **fast),
    # The usual optimizer overshoots in its first epochs.
    "coordinated_lr": CoordinatedLR(**hetero, arbiter=HOST, epochs=2, optimizer="sgd", **fast),
    "coordinated_linr": CoordinatedLinR(**regression, arbiter=HOST, epochs=2, optimizer="sgd", **fast),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", WARM)
def test_a_regression_goes_on_from_the_loss_that_it_had(flow: FlowClient, name: str) -> None:
    role, task = "arbiter" if "coordinated" in name else "guest", str(WARM[name].training_task)  # type: ignore[attr-defined]
    first = run(FateJobOperator, job=WARM[name])
    second = run(FateJobOperator, job=changed(WARM[name], warm_start=first), inherit=first)
    before, after = losses(flow, first, role, task), losses(flow, second, role, task)
    assert after[0] < before[-1] < before[0]
    assert len(after) == 2, "epochs count for the new job alone"
    third = run(FateJobOperator, job=changed(WARM[name], warm_start=second), inherit=second)
    assert losses(flow, third, role, task)[0] < after[-1], "and once more, with the scaling of the first"


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["homo_lr", "homo_lr_three", "homo_nn", "hetero_nn"])
def test_a_model_that_hardly_learns_gives_the_scores_of_the_earlier_one(
    flow: FlowClient,
    tmp_path: Path,
    name: str,
) -> None:
    layers = [Layer(type="Linear", kwargs={"in_features": 2, "out_features": 4})]
    recipe = {
        "homo_lr": HomoLR(**homo, epochs=2),
        "homo_lr_three": HomoLR(
            guest={"party_id": GUEST, "table": "recipes.north_three"},
            hosts=[{"party_id": HOST, "table": "recipes.south_three"}],
            epochs=2,
            num_class=3,
        ),
        "homo_nn": HomoNN(**homo, layers=mlp(4, 8), epochs=2),
        "hetero_nn": HeteroNN(
            **hetero,
            guest_layers=layers,
            host_layers=layers,
            top_layers=mlp(4),
            epochs=1,
            interaction_learning_rate=STILL,
        ),
    }[name]
    task = str(recipe.training_task)
    first = run(FateJobOperator, job=recipe)
    again = changed(recipe, warm_start=first, learning_rate=STILL, epochs=1)
    second = run(FateJobOperator, job=again)
    before, after = (scores(flow, tmp_path, job["job_id"], task, "train_output_data") for job in (first, second))
    assert before.keys() == after.keys()
    worst = max(abs(a - b) for id_ in before for a, b in zip(before[id_], after[id_], strict=True))
    assert worst < 1e-3
    assert max(row[0] for row in before.values()) - min(row[0] for row in before.values()) > 0.01, "it had learned"


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["steps", "three", "regression", "alone"])
def test_trees_of_each_kind_go_on_and_score(flow: FlowClient, tmp_path: Path, kind: str) -> None:
    steps = {
        "binning": Binning(n_bins=4, transform="bin_idx"),
        "selection": Selection(iv_threshold=0.01),
        "holdout": 0.2,
    }
    recipe: Recipe = {
        "steps": HeteroSecureBoost(**hetero, **tiny, **steps, scaling={"method": "min_max"}),
        "three": HeteroSecureBoost(**three, **tiny, objective="multi:ce", num_class=3),
        "regression": HeteroSecureBoost(**regression, **tiny, objective="regression:l2"),
        "alone": HeteroSecureBoost(**hetero, **tiny, guest_only=True),
    }[kind]
    first = run(FateJobOperator, job=recipe)
    second = run(FateJobOperator, job=changed(recipe, warm_start=first), inherit=first)
    count = 3 if kind == "three" else 1
    assert (trees(flow, first, "guest", GUEST), trees(flow, second, "guest", GUEST)) == (count, 2 * count)
    assert second["metrics"]["sbt_0.sbt_loss"] <= first["metrics"]["sbt_0.sbt_loss"]
    table = {"three": "recipes.three", "regression": "recipes.price"}.get(kind, "recipes.guest")
    scored = run(FatePredictOperator, model=second, guest=table, hosts="recipes.host")
    expected = scores(flow, tmp_path, second["job_id"], "sbt_0", "train_output_data")
    found = scores(flow, tmp_path, scored["job_id"], "sbt_0", scored["output"])
    assert max(abs(a - b) for id_ in expected for a, b in zip(expected[id_], found[id_], strict=True)) < 1e-6


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*WARM, "three", "regression"])
def test_every_recipe_that_can_be_cross_validated_is(name: str) -> None:
    other: dict[str, Recipe] = {
        "three": HeteroSecureBoost(**three, **tiny, objective="multi:ce", num_class=3),
        "regression": HeteroSecureBoost(**regression, **tiny, objective="regression:l2"),
    }
    recipe = changed(WARM.get(name) or other[name], cross_validation=CrossValidation(n_splits=2, shuffle=False))
    metrics = run(FateJobOperator, job=recipe)["metrics"]
    metric = {"three": "multi_accuracy"}.get(name, "rmse" if "lin" in name or name == "regression" else "auc")
    assert metrics["cv.folds"] == 2
    assert metrics[f"cv.{metric}.mean"] == pytest.approx(
        (metrics[f"cv.fold_0.{metric}"] + metrics[f"cv.fold_1.{metric}"]) / 2
    )

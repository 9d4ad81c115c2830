"""What MLflow shows to people, and who wins where several use it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_fate.clients.mlflow import MetricPoint, MlflowClient
from airflow_provider_fate.errors import (
    FateAliasMoved,
    FateAuthError,
    FateConfigError,
    FateConnectionError,
    FateInputError,
    FateModelNotFound,
    FateServerError,
)
from airflow_provider_fate.metrics import metric_points
from airflow_provider_fate.models.registry.mlflow import MlflowRegistry
from tests.support.fake_mlflow import API, FakeMlflow
from tests.support.json_server import FAILS
from tests.support.registry_contract import RUN, Packages
from tests.support.registry_side import Side
from tests.unit.metrics.samples import metrics_of

NAME = "credit_risk"


@pytest.fixture
def package(tmp_path: Path) -> Packages:
    return Packages(tmp_path)


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with FakeMlflow() as fake:
        yield fake


def registry(fake: FakeMlflow, **arguments: Any) -> MlflowRegistry:
    return MlflowRegistry(MlflowClient(fake.settings), **arguments)


def once(fake: FakeMlflow, request: str, act: Callable[[], object]) -> None:
    """Do something just before the first request of a kind is carried out."""

    def before(method: str, path: str) -> None:
        if f"{method} {path.removeprefix(API)}" == request:
            fake.before = None
            act()

    fake.before = before


def test_people_find_what_they_look_for_in_mlflow(mlflow: FakeMlflow, package: Packages) -> None:
    onnx = package.folder / "model.onnx"
    onnx.write_bytes(b"onnx")
    model = package(1, tags={"country": "fr"}, onnx=str(onnx), run=RUN | {"url": "http://airflow/dags/nightly"})
    registry(mlflow).register(NAME, model)
    [run] = mlflow.runs.values()
    assert run["tags"]["airflow.url"] == "http://airflow/dags/nightly"
    assert run["tags"]["mlflow.source.name"] == "nightly/register"
    assert run["tags"]["country"] == "fr"
    assert run["tags"]["mlflow.note.content"].startswith("# "), "the card, as the description of the run"
    assert run["params"]["fate.job_id"] == model.job_id
    files = {path.rpartition("/")[2]: data for path, data in mlflow.artifacts.items()}
    ours = ["model.zip", "card.json", "card.md", "model.onnx"]
    assert list(files) == [*ours, "MLmodel", "python_env.yaml", "requirements.txt"]
    assert yaml.safe_load(files["MLmodel"])["flavors"]["onnx"]["data"] == "model.onnx"
    [version] = mlflow.models[NAME]["versions"].values()
    assert {"key": "country", "value": "fr"} in version["tags"]
    assert version["description"].endswith("registered by nightly/manual__2026-11-27T00:00:00+00:00/register.")


def test_what_was_measured_gets_its_steps(mlflow: FakeMlflow, package: Packages) -> None:
    metrics = metrics_of("boosting.guest")
    file = package.folder / "metrics.json"
    file.write_text(metrics.to_json())
    registry(mlflow).register(NAME, package(1, measured=str(file)))
    [run] = mlflow.runs.values()
    logged = {(key, step): value for key, points in run["metrics"].items() for step, _, value in points}
    wanted = metric_points(metrics)
    assert {(key, step): value for key, value, step in wanted}.items() <= logged.items()
    assert max(step for _, _, step in wanted) > 0
    assert any(path.endswith("/metrics.json") for path in mlflow.artifacts)


def test_a_page_of_mlflow_is_linked(mlflow: FakeMlflow) -> None:
    assert registry(mlflow).page("a.b", 3) == f"http://127.0.0.1:{mlflow.port}/#/models/a.b/versions/3"
    assert registry(mlflow).page("a.b") == f"http://127.0.0.1:{mlflow.port}/#/models/a.b"
    assert registry(mlflow, pages="https://m/{name}?v={version}").page("a b", 3) == "https://m/a%20b?v=3"


def test_of_two_who_make_a_version_of_one_package_the_first_counts(mlflow: FakeMlflow, package: Packages) -> None:
    """Both have found none: the one who comes second takes its own away."""
    other = []
    once(
        mlflow, "POST /mlflow/model-versions/create", lambda: other.append(registry(mlflow).register(NAME, package(1)))
    )
    version, new = registry(mlflow).register(NAME, package(1))
    assert (version.version, new) == (1, False)
    assert other == [(version, True)]
    Side(mlflow).is_whole()


def test_who_was_killed_before_its_version_was_taken_away_leaves_none_behind(
    mlflow: FakeMlflow, package: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(mlflow, "POST /mlflow/model-versions/create", lambda: registry(mlflow).register(NAME, package(1)))
    monkeypatch.setattr(MlflowRegistry, "_settle", lambda self, name, sha256: None)
    registry(mlflow).register(NAME, package(1))
    monkeypatch.undo()
    assert len(mlflow.models[NAME]["versions"]) == 2
    assert len(registry(mlflow).versions(NAME)) == 1, "a package is one version, also until it is put right"
    assert registry(mlflow).register(NAME, package(1))[0].version == 1
    assert list(mlflow.models[NAME]["versions"]) == [1]


def test_the_same_parameter_in_the_same_moment_is_no_failure(mlflow: FakeMlflow, package: Packages) -> None:
    """What MLflow 3.17 answers to one of two who write the same batch at once."""
    registry(mlflow).register(NAME, package(1))
    at = next(n for n, asked in enumerate(mlflow.asked, 1) if asked.endswith("log-batch"))
    mlflow.models.clear()
    mlflow.runs.clear()
    mlflow.experiments.clear()
    mlflow.asked.clear()
    mlflow.faults[at] = 400, {"error_code": "BAD_REQUEST", "message": "UNIQUE constraint failed: params.key"}
    assert registry(mlflow).register(NAME, package(1))[1]
    assert sum(asked.endswith("runs/create") for asked in mlflow.asked) == 1


def test_a_run_that_was_begun_with_another_card_is_not_used(mlflow: FakeMlflow, package: Packages) -> None:
    fails = dict.fromkeys(range(1, 99), FAILS)
    once(mlflow, "POST /mlflow/registered-models/create", lambda: mlflow.faults.update(fails))
    with pytest.raises(FateConnectionError):
        MlflowRegistry(MlflowClient(replace(mlflow.settings, retries=0))).register(NAME, package(1))
    mlflow.faults = {}
    [run] = mlflow.runs.values()
    run["params"]["fate.job_id"] = "another"
    registry(mlflow).register(NAME, package(1))
    Side(mlflow).is_whole()


def test_versions_of_others_are_left_alone(mlflow: FakeMlflow, package: Packages) -> None:
    client = MlflowClient(mlflow.settings)
    client.models.create(NAME, tags={})
    client.experiments.create("theirs")
    run = client.runs.create("1", name="x", start_time=1, tags={})
    client.models.create_version(NAME, source=run.artifact_uri, run_id=run.run_id, tags={}, description="")
    ours = registry(mlflow)
    assert ours.versions(NAME) == []
    assert ours.names() == []
    with pytest.raises(FateModelNotFound, match="no version 1"):
        ours.version(NAME, 1)
    assert ours.register(NAME, package(1))[0].version == 2
    ours.move(NAME, "champion", 2)
    assert not mlflow.runs[run.run_id]["params"], "and their run keeps no moves"


def test_an_alias_that_was_moved_in_mlflow_itself_is_seen(mlflow: FakeMlflow, package: Packages) -> None:
    ours = registry(mlflow)
    for number in (1, 2, 3):
        ours.register(NAME, package(number))
    ours.move(NAME, "champion", 1)
    MlflowClient(mlflow.settings).models.set_alias(NAME, "champion", 3)
    now = ours.alias(NAME, "champion")
    assert now is not None
    assert (now.version, now.previous, now.reason) == (3, 1, "moved in MLflow itself")
    with pytest.raises(FateAliasMoved, match="points at version 3 and not at version 1"):
        ours.move(NAME, "champion", 2, expected=1)
    assert ours.move(NAME, "champion", 2, expected=3).previous == 3
    assert ours.resolve(NAME, "champion").version == 2


def test_who_writes_the_move_second_is_told(mlflow: FakeMlflow, package: Packages) -> None:
    ours = registry(mlflow)
    for number in (1, 2, 3):
        ours.register(NAME, package(number))
    ours.move(NAME, "champion", 1)
    once(
        mlflow,
        "POST /mlflow/runs/log-parameter",
        lambda: registry(mlflow).move(NAME, "champion", 2, run={"dag_id": "quicker"}),
    )
    with pytest.raises(FateAliasMoved, match="points at version 2 since a moment ago, moved by quicker"):
        ours.move(NAME, "champion", 3, expected=1)
    assert ours.aliases(NAME) == {"champion": 2}
    assert [move.version for move in ours.history(NAME, "champion")] == [1, 2]


def test_who_writes_the_same_move_second_is_told_too(mlflow: FakeMlflow, package: Packages) -> None:
    ours = registry(mlflow)
    for number in (1, 2):
        ours.register(NAME, package(number))
    once(mlflow, "POST /mlflow/runs/log-parameter", lambda: registry(mlflow).move(NAME, "champion", 2))
    with pytest.raises(FateAliasMoved):
        ours.move(NAME, "champion", 2)


def test_a_late_winner_does_not_undo_the_next_move(mlflow: FakeMlflow, package: Packages) -> None:
    """It has written its move and falls asleep; others finish that for it, and make the next one."""
    ours = registry(mlflow)
    for number in (1, 2, 3):
        ours.register(NAME, package(number))
    once(mlflow, "POST /mlflow/registered-models/alias", lambda: registry(mlflow).move(NAME, "champion", 3, expected=1))
    assert ours.move(NAME, "champion", 1).version == 1
    assert ours.aliases(NAME) == {"champion": 3}
    assert [move.version for move in ours.history(NAME, "champion")] == [1, 3]


def test_a_version_that_was_deleted_in_between_stops_nobody(mlflow: FakeMlflow, package: Packages) -> None:
    ours = registry(mlflow)
    for number in (1, 2):
        ours.register(NAME, package(number))
    ours.move(NAME, "champion", 1)
    once(
        mlflow,
        "POST /mlflow/registered-models/alias",
        lambda: MlflowClient(mlflow.settings).models.delete_version(NAME, 2),
    )
    with pytest.raises(FateModelNotFound, match="Version 2 of 'credit_risk' was deleted while 'champion' was pointed"):
        ours.move(NAME, "champion", 2)
    assert ours.aliases(NAME) == {"champion": 1}
    ours.register(NAME, package(3))
    assert ours.move(NAME, "champion", 3).previous == 1
    assert [move.version for move in ours.history(NAME, "champion")] == [1, 3]


@pytest.mark.parametrize("alias", ["latest", "v1", "V12", "a.b"])
def test_what_mlflow_takes_for_no_alias_is_refused_before_anything_is_written(
    mlflow: FakeMlflow, package: Packages, alias: str
) -> None:
    ours = registry(mlflow)
    ours.register(NAME, package(1))
    with pytest.raises(FateInputError, match=f"alias='{alias}' is no alias in MLflow"):
        ours.move(NAME, alias, 1)
    assert not [key for run in mlflow.runs.values() for key in run["params"] if key.startswith("fate.alias")]


def test_a_package_that_was_written_over_is_not_registered(mlflow: FakeMlflow, package: Packages) -> None:
    model = package(1)
    Path(model.package).write_bytes(b"another")
    with pytest.raises(FateInputError, match="which is not the one that its export has told"):
        registry(mlflow).register(NAME, model)
    Path(model.package).unlink()
    with pytest.raises(FateInputError, match=r"package='.*model\.zip' is not there"):
        registry(mlflow).register(NAME, model)
    assert not mlflow.runs
    assert not mlflow.models


def test_a_card_that_is_none_is_named(mlflow: FakeMlflow, package: Packages) -> None:
    model = package(1)
    assert model.card is not None
    Path(model.card).write_text("{}")
    with pytest.raises(FateInputError, match=r"card='.*card\.json' is no model card"):
        registry(mlflow).register(NAME, model)


def test_files_that_the_server_does_not_hand_on_are_named(mlflow: FakeMlflow, package: Packages) -> None:
    mlflow.artifact_root = "s3://bucket"
    with pytest.raises(FateConfigError, match=r"keeps the files of run .* at 's3://bucket/1/.*, and hands none on"):
        registry(mlflow).register(NAME, package(1))
    assert not mlflow.models


def test_a_deleted_experiment_is_named(mlflow: FakeMlflow, package: Packages) -> None:
    ours = registry(mlflow, experiment="fate")
    ours.register(NAME, package(1))
    mlflow.experiments["fate"]["lifecycle_stage"] = "deleted"
    with pytest.raises(FateConfigError, match="experiment 'fate' was deleted in MLflow"):
        ours.register(NAME, package(2))


def test_a_record_that_somebody_has_changed_is_named(mlflow: FakeMlflow, package: Packages) -> None:
    registry(mlflow).register(NAME, package(1))
    for pair in mlflow.models[NAME]["versions"][1]["tags"]:
        if pair["key"] == "fate.record":
            pair["value"] = "{}"
    with pytest.raises(FateServerError, match=r"tag fate\.record of version 1 of 'credit_risk' in MLflow is damaged"):
        registry(mlflow).version(NAME, 1)


def test_moves_are_kept_by_the_next_run_where_the_first_was_deleted(mlflow: FakeMlflow, package: Packages) -> None:
    ours = registry(mlflow)
    for number in (1, 2):
        ours.register(NAME, package(number))
    first, second = (mlflow.models[NAME]["versions"][number]["run_id"] for number in (1, 2))
    mlflow.runs[first]["info"]["lifecycle_stage"] = "deleted"
    ours.move(NAME, "champion", 2)
    assert any(key.startswith("fate.alias.champion") for key in mlflow.runs[second]["params"])
    mlflow.runs[second]["info"]["lifecycle_stage"] = "deleted"
    with pytest.raises(FateServerError, match="nothing can keep the moves"):
        ours.move(NAME, "champion", 1)


def test_who_is_not_let_in_is_told(mlflow: FakeMlflow, package: Packages) -> None:
    mlflow.token = "t0ken-s3cret"
    with pytest.raises(FateAuthError, match="MLflow refuses GET /mlflow/model-versions/search"):
        MlflowRegistry(MlflowClient(replace(mlflow.settings, token="wrong-s3cret"))).register(NAME, package(1))
    assert registry(mlflow).register(NAME, package(1))[1]


def test_metrics_of_any_number_and_kind_are_written(mlflow: FakeMlflow) -> None:
    client = MlflowClient(mlflow.settings)
    client.experiments.create("e")
    run = client.runs.create("1", name="r", start_time=1, tags={})
    values = [float("nan"), float("inf"), *range(2300)]
    points = [MetricPoint("loss@guest", value, step=step, timestamp=1) for step, value in enumerate(values)]
    assert client.runs.log_metrics(run.run_id, iter(points)) == 2302
    assert client.runs.log_metrics(run.run_id, points) == 2302
    written = sorted(mlflow.runs[run.run_id]["metrics"]["loss_guest"], key=lambda point: point[0])
    assert [point[2] for point in written[:3]] == ["NaN", "Infinity", 0.0]
    assert len(written) == 2302, "the same twice is written once"

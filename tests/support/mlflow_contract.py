"""What the client counts on in an MLflow server, as tests: the fake and the real one answer alike."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from airflow_provider_fate.clients.mlflow import MetricPoint, MlflowClient, Run
from airflow_provider_fate.errors import FateInvalidParameterError, FateNotFoundError, FateProxyError

TAGS = {"fate.a": "1", "words": "a b"}


class MlflowContract:
    """Tests of any server; a subclass gives the fixture ``client``."""

    @pytest.fixture
    def name(self) -> str:
        return f"contract_{uuid.uuid4().hex[:12]}"

    @pytest.fixture
    def run(self, client: MlflowClient, name: str) -> Run:
        assert client.experiments.create(name)
        experiment = client.experiments.find(name)
        assert experiment is not None
        return client.runs.create(experiment.experiment_id, name="a run", start_time=5, tags=TAGS)

    def test_it_says_its_version(self, client: MlflowClient) -> None:
        assert client.server.version() == "3.17.2"

    def test_an_experiment_is_made_once(self, client: MlflowClient, name: str) -> None:
        assert client.experiments.find(name) is None
        assert client.experiments.create(name)
        assert not client.experiments.create(name)
        found = client.experiments.find(name)
        assert found is not None
        assert (found.name, found.lifecycle_stage) == (name, "active")

    def test_a_run_is_found_by_its_tags(self, client: MlflowClient, run: Run) -> None:
        assert (run.status, run.start_time, run.lifecycle_stage) == ("RUNNING", 5, "active")
        assert run.artifact_uri == f"mlflow-artifacts:/{run.experiment_id}/{run.run_id}/artifacts"
        search = client.runs.search
        assert search([run.experiment_id], "tags.`fate.a` = '1' and tags.`words` = 'a b'") == [run]
        assert search([run.experiment_id], "tags.`fate.a` = '2'") == []
        client.runs.finish(run.run_id, end_time=9)
        now = client.runs.get(run.run_id)
        assert now is not None
        assert now.status == "FINISHED"
        client.runs.delete(run.run_id)
        assert search([run.experiment_id], "tags.`fate.a` = '1'") == []
        now = client.runs.get(run.run_id)
        assert now is not None
        assert now.lifecycle_stage == "deleted"
        with pytest.raises(FateInvalidParameterError):
            client.runs.log_param(run.run_id, "a", "1")
        with pytest.raises(FateInvalidParameterError):
            client.runs.log_batch(run.run_id, tags={"a": "1"})

    def test_a_run_that_is_not_there(self, client: MlflowClient) -> None:
        nothing = uuid.uuid4().hex
        assert client.runs.get(nothing) is None
        client.runs.delete(nothing)
        with pytest.raises(FateNotFoundError):
            client.runs.log_param(nothing, "a", "1")

    def test_a_parameter_is_written_once(self, client: MlflowClient, run: Run) -> None:
        client.runs.log_param(run.run_id, "fate.alias.champion.00000001", '{"a": "ü"}')
        client.runs.log_param(run.run_id, "fate.alias.champion.00000001", '{"a": "ü"}')
        with pytest.raises(FateInvalidParameterError, match="Changing param values is not allowed"):
            client.runs.log_param(run.run_id, "fate.alias.champion.00000001", "other")
        with pytest.raises(FateInvalidParameterError, match="Changing param values is not allowed"):
            client.runs.log_batch(run.run_id, params={"fate.alias.champion.00000001": "other", "new": "1"})
        now = client.runs.get(run.run_id)
        assert now is not None
        assert now.params == {"fate.alias.champion.00000001": '{"a": "ü"}'}, "nothing of a refused batch is written"

    def test_many_parameters_tags_and_metrics_are_written(self, client: MlflowClient, run: Run) -> None:
        many = {f"p{number}": str(number) for number in range(250)}
        client.runs.describe(run.run_id, params=many, tags=many)
        client.runs.describe(run.run_id, params=many, tags=many | {"p1": "changed"})
        points = [MetricPoint("loss", 1 / (1 + step), step=step, timestamp=5) for step in range(1200)]
        assert client.runs.log_metrics(run.run_id, [*points, MetricPoint("odd", float("nan"), timestamp=5)]) == 1201
        now = client.runs.get(run.run_id)
        assert now is not None
        assert now.params == many
        assert now.tags | TAGS | many | {"p1": "changed"} == now.tags
        assert now.metrics["loss"] == pytest.approx(1 / 1200)

    def test_files_come_back(self, client: MlflowClient, run: Run, tmp_path: Path) -> None:
        for name, content in (("a.zip", b"\x00\x01" * 300_000), ("b c.json", b"{}"), ("empty", b"")):
            (tmp_path / name).write_bytes(content)
            client.artifacts.put(run, f"model/{name}", tmp_path / name)
        assert sorted(client.artifacts.names(run.run_id, "model")) == ["model/a.zip", "model/b c.json", "model/empty"]
        assert client.artifacts.download(run, "model/a.zip", tmp_path / "back") == 600_000
        assert (tmp_path / "back").read_bytes() == b"\x00\x01" * 300_000
        with pytest.raises((FateNotFoundError, FateProxyError)):
            client.artifacts.download(run, "model/none", tmp_path / "none")

    def test_versions_aliases_and_tags(self, client: MlflowClient, run: Run, name: str) -> None:
        models = client.models
        assert models.get(name) is None
        assert models.version(name, 1) is None
        with pytest.raises(FateNotFoundError):
            models.create_version(name, source=f"{run.artifact_uri}/m", run_id=run.run_id, tags={}, description="")
        assert models.create(name, tags=TAGS)
        assert not models.create(name, tags=TAGS)
        made = [
            models.create_version(
                name,
                source=f"{run.artifact_uri}/model",
                run_id=run.run_id,
                tags={"fate.package_sha256": str(number)},
                description="words",
            )
            for number in (1, 2, 3)
        ]
        assert [version.version for version in made] == [1, 2, 3]
        assert models.version(name, 2) == made[1]
        assert models.versions(f"name = '{name}'") == made
        assert models.versions(f"name = '{name}' and tags.`fate.package_sha256` = '2'") == [made[1]]
        assert made[0] in models.versions("tags.`fate.package_sha256` LIKE '%'")
        assert models.set_alias(name, "champion", 1)
        assert models.set_alias(name, "champion", 3)
        assert not models.set_alias(name, "champion", 9)
        for alias in ("latest", "v3", "a.b"):
            with pytest.raises(FateInvalidParameterError):
                models.set_alias(name, alias, 1)
        model = models.get(name)
        assert model is not None
        assert (model.aliases, model.tags) == ({"champion": 3}, TAGS)
        models.delete_version(name, 3)
        models.delete_version(name, 3)
        assert models.version(name, 3) is None
        assert models.versions(f"name = '{name}'") == made[:2]
        model = models.get(name)
        assert model is not None
        assert model.aliases == {}, "aliases go with their version"
        again = models.create_version(
            name, source=f"{run.artifact_uri}/model", run_id=run.run_id, tags={}, description=""
        )
        assert again.version == 4, "a number is given once"
        models.set_alias(name, "champion", 4)
        models.delete_alias(name, "champion")
        models.delete_alias(name, "champion")

"""A fake server of models, and what must be in it after one registration."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_fate.clients.kubeflow import KubeflowClient
from airflow_provider_fate.clients.mlflow import MlflowClient
from airflow_provider_fate.models.registry import Registry
from airflow_provider_fate.models.registry.kubeflow import KubeflowRegistry
from airflow_provider_fate.models.registry.mlflow import MlflowRegistry
from tests.support.fake_kubeflow import FakeKubeflow
from tests.support.fake_mlflow import FakeMlflow

NAME = "credit_risk"


class Side:
    """A server, and what must be there after one registration."""

    def __init__(self, fake: FakeMlflow | FakeKubeflow) -> None:
        self.fake = fake

    def open(self, retries: int = 3) -> Registry:
        settings = replace(self.fake.settings, retries=retries)
        if isinstance(self.fake, FakeMlflow):
            return MlflowRegistry(MlflowClient(settings))
        return KubeflowRegistry(KubeflowClient(settings))

    def is_whole(self) -> None:
        """One version, and nothing besides what belongs to it."""
        assert [version.version for version in self.open().versions(NAME)] == [1]
        if isinstance(self.fake, FakeMlflow):
            runs = [run for run in self.fake.runs.values() if run["info"]["lifecycle_stage"] == "active"]
            assert [run["info"]["status"] for run in runs] == ["FINISHED"]
            assert runs[0]["params"]["sbt_0.tree.max_depth"] == "4"
            assert {key: len(points) for key, points in runs[0]["metrics"].items()} == {"auc": 1, "trees": 1}
            [version] = self.fake.models[NAME]["versions"].values()
            assert version["run_id"] == runs[0]["info"]["run_id"]
            prefix = f"{version['source'].partition(':/')[2]}/"
            files = {path.removeprefix(prefix): data for path, data in self.fake.artifacts.items() if prefix in path}
            assert set(files) == {"model.zip", "card.json", "card.md"}
            assert files["model.zip"] == b"model 1"
        else:
            [version] = self.fake.versions.values()
            assert version["state"] == "LIVE"
            artifacts = [(one["artifactType"], one["name"]) for one in self.fake.artifacts.values() if one["_parent"]]
            assert artifacts == [("model-artifact", "package"), ("doc-artifact", "card")]

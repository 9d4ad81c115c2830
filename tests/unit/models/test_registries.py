"""One contract for all registries: a folder, MLflow, Kubeflow Model Registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_fate.clients.kubeflow import KubeflowClient
from airflow_provider_fate.clients.mlflow import MlflowClient
from airflow_provider_fate.models.registry import ModelRegistry
from airflow_provider_fate.models.registry.kubeflow import KubeflowRegistry
from airflow_provider_fate.models.registry.mlflow import MlflowRegistry
from tests.support.fake_kubeflow import FakeKubeflow
from tests.support.fake_mlflow import FakeMlflow
from tests.support.registry_contract import Open, RegistryContract


class TestFolder(RegistryContract):
    @pytest.fixture
    def open(self, tmp_path: Path) -> Open:
        return lambda: ModelRegistry(str(tmp_path / "registry"))


class TestFakeMlflow(RegistryContract):
    @pytest.fixture
    def open(self) -> Iterator[Open]:
        with FakeMlflow() as fake:
            fake.page = 2
            yield lambda: MlflowRegistry(MlflowClient(fake.settings))


class TestFakeKubeflow(RegistryContract):
    @pytest.fixture
    def open(self) -> Iterator[Open]:
        with FakeKubeflow() as fake:
            fake.page = 2
            yield lambda: KubeflowRegistry(KubeflowClient(fake.settings))

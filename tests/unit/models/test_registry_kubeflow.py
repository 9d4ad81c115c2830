"""What Kubeflow Model Registry shows to people, and what others may do to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_fate.clients.kubeflow import KubeflowClient
from airflow_provider_fate.errors import (
    FateAliasMoved,
    FateModelNotFound,
    FateServerError,
)
from airflow_provider_fate.models.registry.kubeflow import KubeflowRegistry
from tests.support.fake_kubeflow import FakeKubeflow
from tests.support.registry_contract import RUN, Packages

NAME = "credit_risk"


@pytest.fixture
def package(tmp_path: Path) -> Packages:
    return Packages(tmp_path)


@pytest.fixture
def kubeflow() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as fake:
        yield fake


def test_people_find_what_they_look_for_in_kubeflow(kubeflow: FakeKubeflow, package: Packages) -> None:
    ours = KubeflowRegistry(KubeflowClient(kubeflow.settings))
    model = package(1, tags={"country": "fr"}, package="s3://aws_default@models/1/model.zip", onnx="/m/model.onnx")
    ours.register(NAME, model)
    ours.move(NAME, "champion", 1)
    [parent], [version] = kubeflow.models.values(), kubeflow.versions.values()
    assert parent["customProperties"]["alias.champion"]["string_value"] == "1"
    assert version["customProperties"]["metric.auc"] == {"metadataType": "MetadataDoubleValue", "double_value": 0.7}
    assert version["customProperties"]["country"]["string_value"] == "fr"
    artifacts = {one["name"]: one for one in kubeflow.artifacts.values()}
    assert artifacts["package"]["uri"] == "s3://models/1/model.zip", "without the id of Airflow's connection"
    assert artifacts["onnx"] | {"uri": "file:///m/model.onnx", "modelFormatName": "onnx"} == artifacts["onnx"]
    assert artifacts["package"]["modelSourceId"] == RUN["run_id"]
    ours.move(NAME, "champion", None)
    assert "alias.champion" not in parent["customProperties"]


def test_properties_that_people_have_added_are_kept(kubeflow: FakeKubeflow, package: Packages) -> None:
    ours = KubeflowRegistry(KubeflowClient(kubeflow.settings))
    ours.register(NAME, package(1))
    [parent] = kubeflow.models.values()
    parent["customProperties"]["theirs"] = {"metadataType": "MetadataIntValue", "int_value": "7"}
    ours.move(NAME, "champion", 1)
    assert parent["customProperties"]["theirs"] == {"metadataType": "MetadataIntValue", "int_value": "7"}


def test_a_note_of_an_alias_that_is_behind_misleads_nobody(kubeflow: FakeKubeflow, package: Packages) -> None:
    ours = KubeflowRegistry(KubeflowClient(kubeflow.settings))
    for number in (1, 2):
        ours.register(NAME, package(number))
    ours.move(NAME, "champion", 1)
    [parent] = kubeflow.models.values()
    noted = json.loads(json.dumps(parent["customProperties"]))
    ours.move(NAME, "champion", 2)
    parent["customProperties"] = noted  # whoever has written another property has written back the old one
    assert ours.resolve(NAME, "champion").version == 2
    with pytest.raises(FateAliasMoved, match="points at version 2 and not at version 1"):
        ours.move(NAME, "champion", 1, expected=1)
    assert ours.aliases(NAME) == {"champion": 2}


def test_versions_of_others_in_kubeflow_are_left_alone(kubeflow: FakeKubeflow, package: Packages) -> None:
    client = KubeflowClient(kubeflow.settings)
    parent = client.models.create(NAME, custom={})
    assert parent is not None
    client.versions.create(parent.id, "7", external_id="theirs", state="LIVE", custom={}, more={})
    client.versions.create(parent.id, "best", external_id="theirs2", state="LIVE", custom={}, more={})
    ours = KubeflowRegistry(client)
    assert (ours.versions(NAME), ours.names()) == ([], [])
    with pytest.raises(FateModelNotFound, match="no version 7"):
        ours.version(NAME, 7)
    assert ours.register(NAME, package(1))[0].version == 8


def test_a_record_in_kubeflow_that_somebody_has_changed_is_named(kubeflow: FakeKubeflow, package: Packages) -> None:
    ours = KubeflowRegistry(KubeflowClient(kubeflow.settings))
    ours.register(NAME, package(1))
    [version] = kubeflow.versions.values()
    version["customProperties"]["fate.record.0"]["string_value"] = "{"
    with pytest.raises(FateServerError, match=r"fate\.record\.\* of '1' .* are damaged"):
        ours.version(NAME, 1)


def test_a_page_of_kubeflow_is_linked_where_there_is_one(kubeflow: FakeKubeflow) -> None:
    client = KubeflowClient(kubeflow.settings)
    assert KubeflowRegistry(client).page(NAME, 1) is None
    assert KubeflowRegistry(client, pages="https://k/{name}/{version}").page(NAME, 1) == "https://k/credit_risk/1"

"""helm/: values of Airflow's official chart and manifests beside it.

The chart is in no package registry, so its templates are rendered by hand (`python -m tests.deploy.render CHART`). Here
the values are held to the chart's own list of them: Helm takes a misspelled name without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.configuration import conf
from airflow.models.connection import Connection

from airflow_provider_fate.get_provider_info import get_provider_info
from airflow_provider_fate.hooks.site import FateSite

ROOT = Path(__file__).resolve().parents[2]
HELM = ROOT / "helm"
NAMES = ROOT / "tests" / "deploy" / "airflow_chart_1.22.0.txt"
# Below these the chart takes whatever Kubernetes does.
OPEN = re.compile(r"\b(resources|securityContexts|extraVolumes|extraVolumeMounts|podDisruptionBudget\.config)$")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return yaml.safe_load((HELM / "airflow-values.yaml").read_text())


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    files = ("connections.yaml", "network-policies.yaml", "rbac.yaml")
    return [found for name in files for found in yaml.safe_load_all((HELM / name).read_text())]


def names(found: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in found.items():
        path = f"{above}{key}"
        yield path
        if isinstance(value, Mapping) and not OPEN.search(path):
            yield from names(value, f"{path}.")


def test_the_chart_knows_every_value(values: dict[str, Any]) -> None:
    known = set(NAMES.read_text().splitlines())
    assert [name for name in names(values) if not name.startswith("config.") and name not in known] == []


def test_airflow_knows_every_option(values: dict[str, Any]) -> None:
    described = conf.configuration_description
    ours = get_provider_info()["config"]
    # Described by the provider of Celery, which is not installed here.
    undescribed = {("celery", "worker_concurrency")}
    for section, options in values["config"].items():
        known = {**described.get(section, {}).get("options", {}), **ours.get(section, {}).get("options", {})}
        assert [name for name in options if name not in known and (section, name) not in undescribed] == [], section


def test_it_runs_the_image_that_is_built_here(values: dict[str, Any]) -> None:
    dockerfile = (ROOT / "docker" / "airflow.Dockerfile").read_text()
    assert f"FROM apache/airflow:{values['defaultAirflowTag']}\n" in dockerfile
    assert values["defaultAirflowTag"].startswith(f"{values['airflowVersion']}-")


def test_the_page_says_how_to_make_each_secret(values: dict[str, Any]) -> None:
    wanted = {value for name, value in values.items() if name.endswith(("SecretName", "jwtSecretName"))}
    wanted |= {value for name, value in values["data"].items() if name.endswith("SecretName")}
    assert len(wanted) == 4
    page = (ROOT / "docs" / "helm.md").read_text()
    for name in wanted:
        assert f"create secret generic {name} " in page


def test_nobody_is_let_in_with_a_password_that_everybody_knows(values: dict[str, Any]) -> None:
    assert values["createUserJob"]["enabled"] is False
    assert values["postgresql"]["enabled"] is False
    text = "".join(path.read_text() for path in HELM.iterdir())
    assert set(re.findall(r'"password": "([^"]*)"', text)) == {"REPLACE"}


def test_the_connections_are_read_by_airflow_and_the_policies_let_them_through(objects: list[dict[str, Any]]) -> None:
    said = next(found["stringData"] for found in objects if found["kind"] == "Secret")
    policies = {found["metadata"]["namespace"]: found for found in objects if found["kind"] == "NetworkPolicy"}
    expected = {"FATE_DEFAULT": "fate", "KUBEFATE_DEFAULT": "kubefate", "AWS_DEFAULT": "aws"}
    assert {f"AIRFLOW_CONN_{name}" for name in expected} == said.keys()
    for name, kind in expected.items():
        connection = Connection.from_json(said[f"AIRFLOW_CONN_{name}"])
        assert connection.conn_type == kind
        if kind == "aws":
            continue
        _, namespace, _ = connection.host.split(".")
        ports = [port["port"] for rule in policies[namespace]["spec"]["ingress"] for port in rule.get("ports", ())]
        assert ports == [connection.port]
    fate = Connection.from_json(said["AIRFLOW_CONN_FATE_DEFAULT"])
    fate.conn_id = "fate_default"
    assert FateSite.of(fate).party_id == "9999"
    # KubeFATE's own service speaks plain HTTP, and only its Ingress TLS.
    assert Connection.from_json(said["AIRFLOW_CONN_KUBEFATE_DEFAULT"]).extra_dejson == {"tls": False}


def test_the_accounts_are_those_that_the_chart_makes(objects: list[dict[str, Any]]) -> None:
    binding = next(found for found in objects if found["kind"] == "RoleBinding")
    assert {subject["name"] for subject in binding["subjects"]} == {"airflow-worker", "airflow-triggerer"}
    role = next(found for found in objects if found["kind"] == "Role")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    granted = [verb for rule in role["rules"] for verb in (*rule["verbs"], *rule["apiGroups"], *rule["resources"])]
    assert "*" not in granted

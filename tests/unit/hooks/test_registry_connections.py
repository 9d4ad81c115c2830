"""Connections of registries: what they may say, what the Test button answers, and which registry a name opens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateAuthError, FateConfigError, FateInputError
from airflow_provider_fate.hooks.form import ConnectionModel
from airflow_provider_fate.hooks.hook import read_connection
from airflow_provider_fate.hooks.kubeflow import KubeflowServer
from airflow_provider_fate.hooks.mlflow import MlflowServer
from airflow_provider_fate.models.registry import ModelRegistry, open_registry
from airflow_provider_fate.models.registry.kubeflow import KubeflowRegistry
from airflow_provider_fate.models.registry.mlflow import MlflowRegistry
from tests.support.fake_kubeflow import FakeKubeflow
from tests.support.fake_mlflow import FakeMlflow

TOKEN = "t0ken-s3cret"


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with FakeMlflow() as fake:
        yield fake


@pytest.fixture
def kubeflow() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as fake:
        yield fake


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_THERE", json.dumps({"host": "127.0.0.1", **fields}))


def press(kind_of: str) -> tuple[bool, str]:
    from airflow_provider_fate.hooks.kubeflow import KubeflowHook
    from airflow_provider_fate.hooks.mlflow import MlflowHook

    kind = {"mlflow": MlflowHook, "kubeflow": KubeflowHook}[kind_of]
    answer: tuple[bool, str] = kind(**{kind.conn_name_attr: "there"}).test_connection()
    return answer


@pytest.mark.parametrize(
    ("fields", "url", "auth"),
    [
        ({}, "http://127.0.0.1:5000", None),
        ({"port": 5001}, "http://127.0.0.1:5001", None),
        ({"host": "m", "extra": {"tls": True}}, "https://m:443", None),
        ({"host": "m", "port": 8443, "extra": {"tls": True, "prefix": "mlflow/"}}, "https://m:8443/mlflow", None),
        ({"password": TOKEN}, "http://127.0.0.1:5000", f"Bearer {TOKEN}"),
        ({"login": "u", "password": "p"}, "http://127.0.0.1:5000", "Basic dTpw"),
        # As other providers write it.
        ({"conn_type": "http", "host": "https://m/mlflow"}, "https://m:443/mlflow", None),
        ({"conn_type": "http", "host": "http://m:8080"}, "http://m:8080", None),
        ({"conn_type": "http", "host": "m", "schema": "https", "port": 99}, "https://m:99", None),
        ({"conn_type": "mlflow", "host": "m", "password": TOKEN}, "http://m:5000", f"Bearer {TOKEN}"),
    ],
)
def test_address_and_credentials_are_those_of_the_connection(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], url: str, auth: str | None
) -> None:
    import httpx

    connect(monkeypatch, **{"conn_type": "fate_mlflow"} | fields)
    settings = read_connection(MlflowServer, "there").settings()
    assert settings.root_url == url
    scheme = settings.auth()
    sent = None
    if scheme is not None:
        request = next(scheme.sync_auth_flow(httpx.Request("GET", url)))
        sent = request.headers["Authorization"]
    assert sent == auth
    assert TOKEN not in repr(settings)
    assert TOKEN not in repr(read_connection(MlflowServer, "there"))


def test_certificates_are_checked_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for extra, verify in (({}, True), ({"ca_file": "/ca.pem"}, "/ca.pem"), ({"verify": False, "ca_file": "/c"}, False)):
        connect(monkeypatch, conn_type="fate_mlflow", extra={"tls": True, **extra})
        assert read_connection(MlflowServer, "there").settings().verify == verify


@pytest.mark.parametrize(
    ("model", "fields", "says"),
    [
        (MlflowServer, {"conn_type": "fate"}, "type 'fate', and an MLflow server needs the type 'fate_mlflow'"),
        (KubeflowServer, {"conn_type": "mlflow"}, "a Kubeflow Model Registry needs the type 'fate_kubeflow'"),
        (MlflowServer, {"conn_type": "fate_mlflow", "host": ""}, "host: Field required"),
        (
            MlflowServer,
            {"conn_type": "fate_mlflow", "extra": {"page_url": "x/{run}"}},
            "knows {name} and {version} only",
        ),
        (MlflowServer, {"conn_type": "fate_mlflow", "extra": {"page_url": "x"}}, "must start with http"),
    ],
)
def test_a_wrong_field_is_named(
    monkeypatch: pytest.MonkeyPatch, model: type[ConnectionModel], fields: dict[str, Any], says: str
) -> None:
    connect(monkeypatch, **fields)
    with pytest.raises(FateConfigError) as caught:
        read_connection(model, "there")
    assert says in str(caught.value)


def test_a_prefix_that_is_no_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, conn_type="fate_mlflow", extra={"prefix": "/a b?c"})
    with pytest.raises(FateConfigError, match="path prefix '/a b\\?c' is not a path"):
        read_connection(MlflowServer, "there").settings()


def test_the_test_button_of_mlflow(mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, conn_type="fate_mlflow", port=mlflow.port)
    assert press("mlflow") == (True, f"MLflow 3.17.2 at http://127.0.0.1:{mlflow.port}, without credentials.")
    mlflow.token = TOKEN
    good, said = press("mlflow")
    assert not good
    assert said.startswith("FateAuthError: MLflow refuses GET /")
    connect(monkeypatch, conn_type="fate_mlflow", port=mlflow.port, password=TOKEN)
    assert press("mlflow") == (True, f"MLflow 3.17.2 at http://127.0.0.1:{mlflow.port}, with a token.")


def test_the_test_button_of_kubeflow(kubeflow: FakeKubeflow, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, conn_type="fate_kubeflow", port=kubeflow.port)
    where = f"http://127.0.0.1:{kubeflow.port}"
    assert press("kubeflow") == (
        True,
        f"Kubeflow Model Registry at {where}, 0 registered models, without credentials.",
    )
    kubeflow.token = TOKEN
    assert not press("kubeflow")[0]


def test_what_is_no_mlflow_is_told(kubeflow: FakeKubeflow, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, conn_type="fate_mlflow", port=kubeflow.port)
    good, said = press("mlflow")
    assert not good
    assert "Not an answer of MLflow (HTTP 404" in said
    connect(monkeypatch, conn_type="fate_mlflow", port=1)
    assert press("mlflow")[1].startswith("FateUnreachable: MLflow at 127.0.0.1:1 is not reached")


def test_a_name_opens_its_registry(
    mlflow: FakeMlflow, kubeflow: FakeKubeflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect(monkeypatch, conn_type="fate_mlflow", port=mlflow.port, extra={"page_url": "https://m/{name}/{version}"})
    opened = open_registry("mlflow://there")
    assert isinstance(opened, MlflowRegistry)
    assert opened.page("a", 1) == "https://m/a/1"
    opened.close()
    connect(monkeypatch, conn_type="fate_kubeflow", port=kubeflow.port)
    opened = open_registry("kubeflow://there/")
    assert isinstance(opened, KubeflowRegistry)
    assert opened.names() == []
    opened.close()
    assert isinstance(open_registry(str(tmp_path)), ModelRegistry)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("", "registry is empty"),
        ("mlflow://", "registry='mlflow://' does not name an Airflow connection"),
        ("mlflow://host:5000/x", "does not name an Airflow connection"),
        ("kubeflow://a b", "kubeflow://kubeflow_default"),
        ("mlflow://user:pw@host", "has a password in it"),
    ],
)
def test_a_name_that_opens_nothing_is_told(place: str, says: str) -> None:
    with pytest.raises(FateInputError) as caught:
        open_registry(place)
    assert says in str(caught.value)
    assert "pw" not in str(caught.value).replace("password", "")


def test_refusals_name_no_secret(mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow.token = "another"
    connect(monkeypatch, conn_type="fate_mlflow", port=mlflow.port, password=TOKEN)
    with pytest.raises(FateAuthError) as caught:
        open_registry("mlflow://there").names()
    assert TOKEN not in str(caught.value)

"""The clients of MLflow and of Kubeflow Model Registry: called and awaited alike, and as their servers answer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.http import Group, LoginSettings, endpoint, procedure
from airflow_provider_fate.clients.kubeflow import AsyncKubeflowClient, KubeflowClient
from airflow_provider_fate.clients.mlflow import AsyncMlflowClient, MlflowClient
from airflow_provider_fate.errors import FateAuthError, FateConfigError, FateProxyError
from tests.support.fake_kubeflow import FakeKubeflow
from tests.support.fake_mlflow import FakeMlflow
from tests.support.json_server import FAILS, LOST
from tests.support.mlflow_contract import MlflowContract

SETTINGS = LoginSettings("127.0.0.1", 1, token="t0ken-s3cret")


def surface(client: Any) -> dict[str, inspect.Signature]:
    return {
        f"{group}.{name}": inspect.signature(getattr(part, name))
        for group, part in vars(client).items()
        if isinstance(part, Group)
        for name in dir(type(part))
        if isinstance(getattr(type(part), name), (endpoint, procedure))
    }


@pytest.mark.parametrize(
    ("called", "awaited", "number"), [(MlflowClient, AsyncMlflowClient, 21), (KubeflowClient, AsyncKubeflowClient, 12)]
)
def test_both_clients_have_the_same_endpoints(called: Any, awaited: Any, number: int) -> None:
    assert surface(called(SETTINGS)) == surface(awaited(SETTINGS))
    assert len(surface(called(SETTINGS))) >= number
    assert "s3cret" not in repr(called(SETTINGS))


class TestFakeMlflow(MlflowContract):
    @pytest.fixture
    def client(self) -> Iterator[MlflowClient]:
        with FakeMlflow() as fake, MlflowClient(fake.settings) as client:
            fake.page = 2
            yield client


async def test_mlflow_is_awaited(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 1_000_000)
    with FakeMlflow() as fake:
        async with AsyncMlflowClient(fake.settings) as client:
            assert await client.server.version() == "3.17.2"
            await client.experiments.create("e")
            run = await client.runs.create("1", name="r", start_time=1, tags={})
            await client.artifacts.put(run, "a", tmp_path / "a")
        assert list(fake.artifacts.values()) == [b"a" * 1_000_000]


async def test_kubeflow_is_awaited() -> None:
    with FakeKubeflow() as fake:
        fake.page = 2
        async with AsyncKubeflowClient(fake.settings) as client:
            for name in "abc":
                assert await client.models.create(name, custom={"n": 1, "yes": True, "word": "ü"})
            found = await client.models.all()
    assert [model.name for model in found] == ["a", "b", "c"]
    assert found[0].properties == {"n": 1.0, "yes": True, "word": "ü"}


def test_a_failure_of_the_server_is_got_over_where_a_repeat_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with FakeMlflow() as fake, MlflowClient(fake.settings) as client:
        client.experiments.create("e")
        run = client.runs.create("1", name="r", start_time=1, tags={})
        fake.faults = {3: FAILS, 4: LOST}
        client.artifacts.put(run, "a", tmp_path / "a")
        assert len(fake.asked) == 5
        fake.faults = dict.fromkeys(range(6, 99), FAILS)
        with pytest.raises(FateProxyError, match=r"MLflow failed at GET /mlflow/runs/get \(HTTP 500, INTERNAL_ERROR\)"):
            client.runs.get(run.run_id)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ((403, b"Invalid Host header - possible DNS rebinding attack detected"), FateAuthError, "--allowed-hosts"),
        ((401, b"You are not authenticated."), FateAuthError, "Check user name and password"),
        ((403, {"error_code": "PERMISSION_DENIED", "message": "no"}), FateAuthError, "what MLflow lets that user do"),
        ((502, b"<html>Bad Gateway</html>"), FateProxyError, "does not reach it"),
    ],
)
def test_a_refusal_says_what_to_change(answer: Any, kind: type[Exception], says: str) -> None:
    with FakeMlflow() as fake, MlflowClient(fake.settings) as client:
        fake.faults = dict.fromkeys(range(1, 9), answer)
        with pytest.raises(kind) as caught:
            client.runs.get("a")
    assert says in str(caught.value)


@pytest.mark.parametrize("prefix", ["mlflow", "/a b", "/a?b", "/a/"])
def test_a_prefix_must_be_a_path(prefix: str) -> None:
    with pytest.raises(FateConfigError, match="is not a path"):
        LoginSettings("h", 1, prefix=prefix)

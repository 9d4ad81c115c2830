"""What Airflow's API does with connections, whoever plays it: the fake, or a real Airflow."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from airflow_provider_fate.clients.airflow_api import AirflowApiClient, AirflowApiSettings, ConnectionEntry
from airflow_provider_fate.errors import FateAuthError, FateInvalidParameterError
from airflow_provider_fate.storage.connections import ApiConnections, forget, keep, mark_of, marked


def entry(conn_id: str, **changes: object) -> ConnectionEntry:
    given = {"description": marked("Cluster a/b", "a/b"), "host": "10.0.0.5", "port": 30097}
    given |= {"extra": json.dumps({"party_id": "9999", "tls": False})}
    return ConnectionEntry.model_validate({"connection_id": conn_id, "conn_type": "fate", **given, **changes})


class AirflowApiContract:
    """A subclass gives ``settings``."""

    @pytest.fixture
    def client(self, settings: AirflowApiSettings) -> object:
        with AirflowApiClient(settings) as client:
            yield client

    @pytest.fixture
    def conn_id(self, client: AirflowApiClient) -> object:
        name = f"fate.{uuid4().hex[:8]}-x_y"
        yield name
        client.connections.delete(name)

    def test_a_connection_is_made_changed_and_removed(self, client: AirflowApiClient, conn_id: str) -> None:
        assert client.server.version().startswith("3.")
        assert client.connections.get(conn_id) is None
        assert client.connections.add(entry(conn_id)) is True
        assert client.connections.add(entry(conn_id)) is False
        there = client.connections.get(conn_id)
        assert there is not None
        assert (there.host, there.port, there.extras["party_id"], there.password) == ("10.0.0.5", 30097, "9999", None)
        assert mark_of(there) == "a/b"
        assert client.connections.change(entry(conn_id, host="10.0.0.6", password="s3cret")) is True
        there = client.connections.get(conn_id)
        assert there is not None
        assert there.host == "10.0.0.6"
        assert there.password, "that there is one is shown"
        assert "s3cret" not in (there.password or "")
        assert client.connections.delete(conn_id) is True
        assert client.connections.delete(conn_id) is False
        assert client.connections.change(entry(conn_id)) is False

    def test_what_is_as_it_shall_be_is_left_alone(self, client: AirflowApiClient, conn_id: str) -> None:
        store = ApiConnections(client)
        assert keep(store, entry(conn_id)) is True
        assert keep(store, entry(conn_id)) is False
        assert keep(store, entry(conn_id, port=30098)) is True
        assert forget(store, conn_id, "a/b") == (True, "it was removed meanwhile")

    def test_a_wrong_body_is_refused_without_its_secrets(self, client: AirflowApiClient, conn_id: str) -> None:
        with pytest.raises(FateInvalidParameterError) as refused:
            client.connections.add(entry(f"{conn_id} not an id", password="s3cret-in-body"))
        assert "s3cret-in-body" not in str(refused.value)

    def test_a_wrong_password_is_named(self, settings: AirflowApiSettings) -> None:
        wrong = AirflowApiSettings(settings.host, settings.port, user=settings.user, token="wrong", retries=0)
        with AirflowApiClient(wrong) as client, pytest.raises(FateAuthError, match="/auth/token"):
            client.connections.get("any")

    def test_a_wrong_token_is_named(self, settings: AirflowApiSettings) -> None:
        wrong = AirflowApiSettings(settings.host, settings.port, token="no.jwt.atall", retries=0)
        with (
            AirflowApiClient(wrong) as client,
            pytest.raises(FateAuthError, match="user name and password, or the token"),
        ):
            client.connections.get("any")

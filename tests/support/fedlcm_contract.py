"""What FedLCM does, whoever plays it: the fake, or the service that FATE_TEST_FEDLCM_URL leads to.

Nothing here needs a Kubernetes: what takes part is written down only, as somebody else's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from airflow_provider_fate.clients.fedlcm import (
    Access,
    ChartType,
    FateOrder,
    FateStatus,
    FedlcmClient,
    FedlcmSettings,
    Role,
)
from airflow_provider_fate.errors import FateConflictError, FateError, FateInvalidParameterError

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def real_settings() -> FedlcmSettings | None:
    """The service that the environment names; ``None``: none."""
    url = os.environ.get("FATE_TEST_FEDLCM_URL")
    if not url:
        return None
    place = urlsplit(url)
    return FedlcmSettings(
        place.hostname or "",
        place.port or (443 if place.scheme == "https" else 80),
        "https" if place.scheme == "https" else "http",
        user=os.environ.get("FATE_TEST_FEDLCM_USER", "Admin"),
        password=os.environ.get("FATE_TEST_FEDLCM_PASSWORD", "admin"),
        prefix=place.path.rstrip("/"),
    )


def somewhere(port: int) -> Access:
    return Access(service_type="NodePort", host="127.0.0.1", port=port, tls=True, fqdn="")


def new_name() -> str:
    return f"airflow-{uuid4().hex[:8]}"


class FedlcmContract:
    """A subclass gives ``client``."""

    @pytest.fixture
    def federation(self, client: FedlcmClient) -> Iterator[str]:
        uuid = client.fate.create(new_name(), "example.org")
        yield uuid
        members = client.fate.members(uuid)
        for cluster in members.clusters:
            client.fate.remove(uuid, Role.CLUSTER, cluster.uuid, force=True)
        gone(client, uuid, lambda: client.fate.members(uuid).clusters)
        if members.exchange is not None:
            client.fate.remove(uuid, Role.EXCHANGE, members.exchange.uuid, force=True)
        gone(client, uuid, lambda: client.fate.members(uuid).exchange)
        client.fate.delete(uuid)

    def test_it_says_what_it_is_to_everybody(self, client: FedlcmClient) -> None:
        assert client.server.status().version == "v1"
        assert client.server.user() == client.settings.user  # type: ignore[attr-defined]

    def test_what_is_not_there_is_a_500_and_none_here(self, client: FedlcmClient, federation: str) -> None:
        assert client.infras.get(UNKNOWN) is None
        assert client.endpoints.get(UNKNOWN) is None
        assert client.charts.get(UNKNOWN) is None
        assert client.fate.federation(UNKNOWN) is None
        assert client.fate.get(federation, Role.CLUSTER, UNKNOWN) is None
        assert client.fate.remove(federation, Role.CLUSTER, UNKNOWN) is False
        client.fate.delete(UNKNOWN)

    def test_an_empty_list_is_null_and_a_list_here(self, client: FedlcmClient, federation: str) -> None:
        assert client.events.of(UNKNOWN).events == []
        members = client.fate.members(federation)
        assert members.exchange is None
        assert members.clusters == []

    def test_charts_end_with_fate_1(self, client: FedlcmClient) -> None:
        charts = client.charts.list()
        assert {chart.version for chart in charts if chart.type is ChartType.CLUSTER} >= {"v1.10.0", "v1.11.1"}
        assert not [chart for chart in charts if chart.chart.startswith("fate") and chart.version.startswith("v2")]

    def test_a_federation_is_made_once(self, client: FedlcmClient, federation: str) -> None:
        found = client.fate.federation(federation)
        assert found is not None
        assert (found.type, found.domain) == ("FATE", "example.org")
        with pytest.raises(FateConflictError, match="already exists"):
            client.fate.create(found.name, "example.org")
        assert [one.uuid for one in client.federations.list() if one.name == found.name] == [federation]

    def test_an_external_federation(self, client: FedlcmClient, federation: str) -> None:
        nothing = somewhere(1)
        with pytest.raises(FateConflictError, match="Deploy the exchange first"):
            client.fate.add_cluster(federation, "bank", 9999, pulsar=nothing, nginx=nothing)
        exchange = client.fate.add_exchange(federation, "exchange", traffic_server=nothing, nginx=nothing)
        with pytest.raises(FateConflictError, match="already"):
            client.fate.add_exchange(federation, "another", traffic_server=nothing, nginx=nothing)
        assert client.fate.is_free(federation, 9999)
        bank = client.fate.add_cluster(federation, "bank", 9999, pulsar=nothing, nginx=nothing, description="x")
        assert not client.fate.is_free(federation, 9999)
        with pytest.raises(FateConflictError, match="party id 9999 is aleady being used"):
            client.fate.add_cluster(federation, "other", 9999, pulsar=nothing, nginx=nothing)
        members = client.fate.members(federation)
        assert members.exchange is not None
        assert (members.exchange.uuid, members.exchange.status) == (exchange, FateStatus.ACTIVE)
        assert [(one.uuid, one.party_id, one.description, one.is_managed) for one in members.clusters] == [
            (bank, 9999, "x", False)
        ]
        assert members.clusters[0].access["pulsar-public-tls"].fqdn == "9999.example.org"
        assert [event.words for event in client.events.of(bank).events] == ["created an external cluster"]
        with pytest.raises(FateConflictError, match="cannot remove exchange as there are 1"):
            client.fate.remove(federation, Role.EXCHANGE, exchange)
        with pytest.raises(FateConflictError, match="still contain"):
            client.fate.delete(federation)
        with pytest.raises(FateInvalidParameterError, match="not managed by FedLCM"):
            client.fate.upgrade(federation, Role.EXCHANGE, exchange, "v1.11.1")
        assert client.fate.remove(federation, Role.CLUSTER, bank)
        gone(client, federation, lambda: client.fate.members(federation).clusters)
        assert client.fate.get(federation, Role.CLUSTER, bank) is None
        words = [event.words for event in client.events.of(bank).events]
        assert words[1] == "start removing cluster"

    def test_an_unknown_endpoint_is_refused_before_anything_is_deployed(
        self, client: FedlcmClient, federation: str
    ) -> None:
        chart = next(one for one in client.charts.list(ChartType.EXCHANGE) if not one.portal)
        order = FateOrder("exchange", "", "fate-exchange", chart.uuid, UNKNOWN, "name: x")
        with pytest.raises(FateError, match="record not found"):
            client.fate.deploy(federation, Role.EXCHANGE, order)
        assert client.fate.members(federation).exchange is None

    def test_a_token_is_answered_nothing_and_found_by_its_name(self, client: FedlcmClient) -> None:
        if not client.server.status().experiments:
            pytest.skip("this FedLCM has no OpenFL: LIFECYCLEMANAGER_EXPERIMENT_ENABLED")
        uuid = client.openfl.create(new_name(), "example.org")
        try:
            assert client.openfl.tokens(uuid) == []
            until = datetime.now(tz=UTC) + timedelta(hours=1)
            token = client.openfl.create_token(uuid, "airflow", until, limit=2, labels={"site": "a"})
            assert token.text.startswith("rand16:")
            assert (token.limit, token.used, token.labels) == (2, 0, {"site": "a"})
            assert token.text not in repr(token)
            with pytest.raises(FateInvalidParameterError, match="invalid limit"):
                client.openfl.create_token(uuid, "none", until, limit=0)
            members = client.openfl.members(uuid)
            assert (members.director, members.envoys) == (None, [])
            client.openfl.delete_token(uuid, token.uuid)
            assert client.openfl.tokens(uuid) == []
        finally:
            client.openfl.delete(uuid)


def gone(client: FedlcmClient, federation: str, left: object) -> None:
    import time

    end = time.monotonic() + 60
    while left():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)

"""FedLCM and its client: each trap of its interface has a test; the fake and a real one are held to one contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml

from airflow_provider_fate.clients.fedlcm import (
    AsyncFedlcmClient,
    CertificateMode,
    ChartType,
    EndpointStatus,
    EnvoyOrder,
    FateOrder,
    FateStatus,
    FedlcmClient,
    FedlcmSettings,
    ImageRegistry,
    OpenflStatus,
    Role,
    ServiceType,
    hashed_for_jupyter,
)
from airflow_provider_fate.clients.fedlcm.auth import forget_tokens
from airflow_provider_fate.clients.http import Group, endpoint, procedure
from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateAuthError,
    FateConfigError,
    FateConflictError,
    FateInvalidParameterError,
    FatePermissionError,
    FateProxyError,
    FateServerError,
    is_transient,
)
from tests.support.fake_fedlcm import PASSWORD, FakeFedlcm
from tests.support.fake_fedlcm.server import KUBECONFIG
from tests.support.fedlcm_contract import FedlcmContract, gone, real_settings, somewhere


@pytest.fixture(autouse=True)
def nobody_is_logged_in() -> None:
    forget_tokens()


@pytest.fixture
def fake() -> Iterator[FakeFedlcm]:
    with FakeFedlcm() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeFedlcm) -> Iterator[FedlcmClient]:
    with FedlcmClient(fake.settings) as client:
        yield client


class TestFakeFedlcm(FedlcmContract):
    pass


@pytest.mark.skipif(real_settings() is None, reason="FATE_TEST_FEDLCM_URL names no FedLCM")
class TestRealFedlcm(FedlcmContract):
    @pytest.fixture
    def client(self) -> Iterator[FedlcmClient]:
        settings = real_settings()
        assert settings is not None
        with FedlcmClient(settings) as client:
            yield client


def with_exchange(client: FedlcmClient) -> str:
    federation = client.fate.create("credit", "example.org")
    client.fate.add_exchange(federation, "exchange", traffic_server=somewhere(1), nginx=somewhere(2))
    return federation


def test_both_clients_have_the_same_endpoints() -> None:
    settings = FedlcmSettings("127.0.0.1", 1, password="p4ss-s3cret")

    def surface(client: Any) -> set[str]:
        return {
            f"{group}.{name}"
            for group, part in vars(client).items()
            if isinstance(part, Group)
            for name in dir(type(part))
            if isinstance(getattr(type(part), name), (endpoint, procedure))
        }

    assert surface(FedlcmClient(settings)) == surface(AsyncFedlcmClient(settings))
    assert len(surface(FedlcmClient(settings))) == 51
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(FedlcmClient(settings))


# -- the token ---------------------------------------------------------------------------------------------------------


def test_the_token_is_kept_for_its_day(fake: FakeFedlcm) -> None:
    for _ in range(3):
        with FedlcmClient(fake.settings) as client:
            client.federations.list()
    assert fake.logins == 1
    fake.let_pass(86_500)
    with FedlcmClient(fake.settings) as client:
        client.federations.list()
    assert fake.logins == 2


async def test_the_token_dies_with_a_restart_and_tells_of_it(fake: FakeFedlcm) -> None:
    async with AsyncFedlcmClient(fake.settings) as client:
        await client.federations.list()
        assert fake.settings.restart_seen() is None
        fake.restart()
        uuid = await client.fate.create("credit", "example.org")
    assert (fake.logins, len(fake.federations)) == (2, 1)
    assert fake.federations[0]["uuid"] == uuid
    seen = fake.settings.restart_seen()
    assert seen is not None
    assert abs(seen.timestamp() - fake.now()) < 5


def test_a_configured_key_survives_a_restart(fake: FakeFedlcm, client: FedlcmClient) -> None:
    fake.fixed_key = True
    client.federations.list()
    fake.restart()
    client.federations.list()
    assert fake.logins == 1
    assert fake.settings.restart_seen() is None


def test_a_wrong_password_is_named_and_not_tried_again(fake: FakeFedlcm) -> None:
    settings = FedlcmSettings("127.0.0.1", fake.port, password="wr0ng-s3cret")
    with FedlcmClient(settings) as client, pytest.raises(FateAuthError, match="incorrect Username") as told:
        client.federations.list()
    assert "s3cret" not in str(told.value)
    assert fake.logins == 1


def test_only_admin_with_a_capital_a_is_let_in(fake: FakeFedlcm) -> None:
    settings = FedlcmSettings("127.0.0.1", fake.port, user="guest", password=PASSWORD)
    with FedlcmClient(settings) as client, pytest.raises(FatePermissionError, match="one user only, 'Admin'"):
        client.federations.list()


# -- answers -----------------------------------------------------------------------------------------------------------


def test_redirects_on_slashes_are_never_needed(fake: FakeFedlcm, client: FedlcmClient) -> None:
    """gin answers 301 and 307 without a body to paths with a wrong slash."""
    federation = with_exchange(client)
    client.infras.list()
    client.endpoints.list()
    client.endpoints.deployment("k.example.org", password="p")
    client.charts.list(ChartType.CLUSTER)
    client.federations.list()
    client.fate.members(federation)
    client.certificates.list()
    client.authority.get()
    client.openfl.tokens(client.openfl.create("images", "example.org"))
    assert not [asked for asked in fake.requests if asked.split("?")[0].endswith("/")]
    web = httpx.Client(base_url=f"http://127.0.0.1:{fake.port}", trust_env=False)
    moved = web.get("/api/v1/federation/?a=b")
    assert (moved.status_code, moved.headers["location"], moved.content) == (301, "/api/v1/federation?a=b", b"")
    assert web.post("/api/v1/federation/fate/").status_code == 307


def test_a_frontend_that_redirects_to_https_is_named() -> None:
    from airflow_provider_fate.clients.fedlcm.envelope import FedlcmEnvelope
    from airflow_provider_fate.clients.http import get
    from airflow_provider_fate.clients.http.envelope import read

    answer = httpx.Response(301, headers={"location": "https://fedlcm.example.org/api/v1/federation"})
    with pytest.raises(FateProxyError, match="redirects to https://fedlcm"):
        read(FedlcmEnvelope(), get("/federation", lambda reply: None), answer, b"")


def test_a_panic_is_a_500_with_an_empty_body(fake: FakeFedlcm, client: FedlcmClient) -> None:
    from airflow_provider_fate.clients.http import post

    with pytest.raises(FateServerError, match=r"broken down inside .*empty"):
        client._transport.run(post("/federation/fate", lambda reply: None, json={"name": "x"}))


def test_a_database_that_is_away_is_a_500_to_be_repeated(fake: FakeFedlcm, client: FedlcmClient) -> None:
    client.federations.list()
    fake.away = True
    with pytest.raises(FateProxyError, match="cannot answer GET /federation") as told:
        client.federations.list()
    assert is_transient(told.value)


def test_an_endpoint_that_does_not_answer_is_an_error_and_nothing_is_deployed(
    fake: FakeFedlcm, client: FedlcmClient
) -> None:
    endpoint_uuid = fake.with_endpoint()
    federation = client.fate.create("credit", "example.org")
    fake.kubefate_away = True
    chart = client.charts.list(ChartType.EXCHANGE)[0]
    text = client.fate.exchange_deployment("exchange", "x", chart.uuid, ServiceType.NODE_PORT)
    with pytest.raises(FateServerError, match="error upgrading connection"):
        client.fate.deploy(federation, Role.EXCHANGE, FateOrder("exchange", "", "x", chart.uuid, endpoint_uuid, text))
    assert fake.participants == []


def test_a_lost_answer_to_an_order_is_ambiguous(fake: FakeFedlcm, client: FedlcmClient) -> None:
    client.federations.list()
    fake.lose = 1
    with pytest.raises(FateAmbiguousSubmitError):
        client.fate.create("credit", "example.org")
    assert [one.name for one in client.federations.list()] == ["credit"]


def test_numbers_of_states_that_are_not_known_are_unknown() -> None:
    assert (FateStatus(99), OpenflStatus(-1), EndpointStatus(77)) == (0, 0, 0)


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_an_infrastructure_is_answered_no_id_and_its_kubeconfig_in_clear(
    fake: FakeFedlcm, client: FedlcmClient
) -> None:
    registry = ImageRegistry(use_registry_secret=True, registry_secret_config={"password": "registry-s3cret"})
    made = client.infras.create("k8s", KUBECONFIG, registry=registry)
    found = client.infras.get(made.uuid)
    assert found is not None
    assert found.kubernetes.kubeconfig == KUBECONFIG
    assert "s3cret" not in repr((made, found, registry))
    with pytest.raises(FateConflictError, match="already exists"):
        client.infras.create("k8s", KUBECONFIG)
    with pytest.raises(FateInvalidParameterError, match="name the namespaces"):
        client.infras.test("clusters: namespaced")
    client.infras.update(made.uuid, {"description": "new"})
    endpoint_uuid = client.endpoints.create("kubefate", made.uuid, namespace="kube-fate")
    with pytest.raises(FateConflictError, match="still contains a KubeFATE"):
        client.infras.delete(made.uuid)
    client.endpoints.delete(endpoint_uuid)
    client.infras.delete(made.uuid)
    assert client.infras.list() == []


def test_passwords_that_fedlcm_wants_in_addresses_are_not_sent_there(fake: FakeFedlcm, client: FedlcmClient) -> None:
    deployment = client.endpoints.deployment("k.example.org", user="admin", password='s3cret: "#1')
    assert yaml.safe_load(deployment)["stringData"]["kubefatePassword"] == 's3cret: "#1'
    federation = client.openfl.create("images", "example.org")
    chart = client.charts.list(ChartType.DIRECTOR)[0]
    text = client.openfl.director_deployment(federation, "director", "openfl", chart.uuid, ServiceType.NODE_PORT)
    assert yaml.safe_load(text)["notebook"]["password"] is None
    assert not [asked for asked in fake.requests if "s3cret" in asked or "jupyter_password" in asked]


def test_a_notebook_password_is_hashed_as_jupyter_does() -> None:
    import hashlib

    form, salt, digest = hashed_for_jupyter("s3cret").split(":")
    assert form == "sha1"
    assert digest == hashlib.sha1(f"s3cret{salt}".encode()).hexdigest()


def test_secrets_of_orders_are_in_no_repr() -> None:
    fate = FateOrder("a", "", "n", "c", "e", "mysql: {password: my-s3cret}")
    envoy = EnvoyOrder(KUBECONFIG, "rand16:token-s3cret", config="s3cret")
    assert "s3cret" not in repr((fate, envoy))


def test_psp_is_on_unless_it_is_switched_off(fake: FakeFedlcm, client: FedlcmClient) -> None:
    federation = with_exchange(client)
    chart = client.charts.list(ChartType.CLUSTER)[0]
    given = {"name": "bank", "namespace": "bank", "chart_uuid": chart.uuid, "service_type": ServiceType.NODE_PORT}
    off = client.fate.cluster_deployment(federation, 9999, **given)  # type: ignore[arg-type]
    on = client.fate.cluster_deployment(federation, 9999, enable_psp=True, **given)  # type: ignore[arg-type]
    assert [yaml.safe_load(text)["podSecurityPolicy"]["enabled"] for text in (off, on)] == [False, True]


# -- what is deployed --------------------------------------------------------------------------------------------------


def test_a_failed_endpoint_is_unavailable_and_its_events_say_why(fake: FakeFedlcm, client: FedlcmClient) -> None:
    infra = client.infras.create("k8s", KUBECONFIG)
    fake.fails["endpoint"] = "deployment kubefate not ready in time"
    uuid = client.endpoints.create("kubefate", infra.uuid, install=True, deployment="kind: x")
    found = client.endpoints.get(uuid)
    while found is not None and found.status is EndpointStatus.CREATING:
        found = client.endpoints.get(uuid)
    assert found is not None
    assert found.status is EndpointStatus.UNAVAILABLE
    last = client.events.of(uuid).events[-1]
    assert (last.is_error, last.words) == (True, "failed to install endpoint: deployment kubefate not ready in time")
    assert [one.is_managed for one in client.endpoints.scan(infra.uuid)] == [True]
    client.endpoints.check(uuid)


def test_certificates_need_an_authority(fake: FakeFedlcm, client: FedlcmClient) -> None:
    federation, endpoint_uuid = with_exchange(client), fake.with_endpoint()
    chart = client.charts.list(ChartType.CLUSTER)[0]
    text = client.fate.cluster_deployment(federation, 9999, "bank", "bank", chart.uuid, ServiceType.NODE_PORT)
    order = FateOrder(
        "bank", "", "bank", chart.uuid, endpoint_uuid, text, extra={"party_id": 9999},
        certificates={"pulsar_server_cert_info": CertificateMode.CREATE},
    )  # fmt: skip
    assert client.authority.get() is None
    with pytest.raises(FateInvalidParameterError, match="Configure a certificate authority"):
        client.fate.deploy(federation, Role.CLUSTER, order)
    client.authority.create("built-in", client.authority.built_in())
    authority = client.authority.get()
    assert authority is not None
    assert "s3cret" not in repr(authority)
    with pytest.raises(FateConflictError, match="already exists"):
        client.authority.create("another", {})
    client.authority.update(authority.uuid, "built-in", client.authority.built_in())
    assert client.fate.deploy(federation, Role.CLUSTER, order)
    assert client.certificates.list() == []


def test_removal_of_what_is_not_active_needs_force(fake: FakeFedlcm, client: FedlcmClient) -> None:
    federation, endpoint_uuid = with_exchange(client), fake.with_endpoint()
    chart = client.charts.list(ChartType.CLUSTER)[0]
    text = client.fate.cluster_deployment(federation, 9999, "bank", "bank", chart.uuid, ServiceType.NODE_PORT)
    order = FateOrder("bank", "", "bank", chart.uuid, endpoint_uuid, text, extra={"party_id": 9999})
    usual, fake.pace = fake.pace, 60.0  # it stays so, however slow this machine is
    uuid = client.fate.deploy(federation, Role.CLUSTER, order)
    with pytest.raises(FateConflictError, match=r"when in status: Installing\nOnly what is Active"):
        client.fate.remove(federation, Role.CLUSTER, uuid)
    fake.pace = usual
    assert client.fate.remove(federation, Role.CLUSTER, uuid, force=True)
    gone(client, federation, lambda: client.fate.members(federation).clusters)
    assert "bank" not in fake.namespaces  # FedLCM has made it


def test_a_registration_token_ends(fake: FakeFedlcm, client: FedlcmClient) -> None:
    client.authority.create("built-in", client.authority.built_in())
    federation, endpoint_uuid = client.openfl.create("images", "example.org"), fake.with_endpoint()
    chart = client.charts.list(ChartType.DIRECTOR)[0]
    text = client.openfl.director_deployment(federation, "director", "openfl", chart.uuid, ServiceType.NODE_PORT)
    uuid = client.openfl.deploy(federation, FateOrder("director", "", "openfl", chart.uuid, endpoint_uuid, text))
    while (seen := client.openfl.get(federation, Role.DIRECTOR, uuid)) and seen.status is not OpenflStatus.ACTIVE:
        assert seen.status is OpenflStatus.INSTALLING_DIRECTOR
    token = client.openfl.create_token(federation, "t", datetime.now(tz=UTC) + timedelta(hours=1))
    with pytest.raises(FateConflictError, match=r"cannot override\n.*less_privileged"):
        client.openfl.register(EnvoyOrder(KUBECONFIG, token.text, namespace="default"))
    client.openfl.register(EnvoyOrder(KUBECONFIG, token.text, name="hospital"))
    with pytest.raises(FateInvalidParameterError, match=r"token limit reached\nMake another"):
        client.openfl.register(EnvoyOrder(KUBECONFIG, token.text))
    other = client.openfl.create_token(federation, "late", datetime.now(tz=UTC) + timedelta(hours=1))
    fake.let_pass(4000)
    with pytest.raises(FateInvalidParameterError, match="token expired"):
        client.openfl.register(EnvoyOrder(KUBECONFIG, other.text))
    envoy = client.openfl.members(federation).envoys[0]
    assert (envoy.name, envoy.namespace, envoy.token_name) == ("hospital", "images-envoy", "t")
    assert token.text not in repr(envoy)
    with pytest.raises(FateConflictError, match="cannot remove director"):
        client.openfl.remove(federation, Role.DIRECTOR, uuid)


@pytest.mark.parametrize("given", [{"prefix": "fedlcm"}, {"host": "http://a"}, {"port": 0}])
def test_wrong_addresses_are_told(given: dict[str, Any]) -> None:
    with pytest.raises(FateConfigError):
        FedlcmSettings(**({"host": "a", "port": 80} | given))  # type: ignore[arg-type]

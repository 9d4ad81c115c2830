"""KubeFATE's service and its client: the token, the words of its 500s, and a fake that is held to what was recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_fate.clients.http import Group, endpoint, procedure
from airflow_provider_fate.clients.kubefate import (
    AsyncKubefateClient,
    ClusterOrder,
    KubefateClient,
    KubefateSettings,
)
from airflow_provider_fate.clients.kubefate.auth import forget_tokens
from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateAuthError,
    FateClusterExists,
    FateConfigError,
    FateInvalidParameterError,
    FateProxyError,
    FateServerError,
    is_transient,
)
from tests.support.fake_kubefate import FakeKubefate
from tests.support.fake_kubefate.server import PASSWORD
from tests.support.kubefate_contract import KubefateContract, order, real_settings, until

RECORDED = Path(__file__).parents[2] / "recordings" / "kubefate" / "requests.log"


@pytest.fixture(autouse=True)
def nobody_is_logged_in() -> None:
    forget_tokens()


@pytest.fixture
def fake() -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeKubefate) -> Iterator[KubefateClient]:
    with KubefateClient(fake.settings) as client:
        yield client


class TestFakeKubefate(KubefateContract):
    pass


@pytest.mark.skipif(real_settings() is None, reason="FATE_TEST_KUBEFATE_URL names no KubeFATE")
class TestRealKubefate(KubefateContract):
    @pytest.fixture
    def client(self) -> Iterator[KubefateClient]:
        settings = real_settings()
        assert settings is not None
        with KubefateClient(settings) as client:
            yield client


def _recorded() -> Iterator[tuple[str, str, dict[str, str], str | None, int, dict[str, str], str]]:
    for block in re.split(r"^\$ ", RECORDED.read_text(), flags=re.M):
        if not block.strip():
            continue
        command, _, answer = block.partition("\n")
        method, path, headers, body = "GET", "", {}, None
        # The recording shows no quotes: what follows -H ends where the next word of curl's, or the address, begins.
        for found in re.finditer(
            r"-X (\w+)|-H (Authorization): (.+?) (?=-X|http)|(http\S+)|-d (.+)$|-F (\S+)", command
        ):
            method = found[1] or method
            if found[2]:
                headers[found[2]] = found[3]
            path = found[4].removeprefix("http://127.0.0.1:18080") if found[4] else path
            body = found[5] or body
            if found[6]:
                body = "\r\n".join(
                    ["--x", 'content-disposition: form-data; name="file"; filename="c"', "", "no", "--x--"]
                )
        head, _, content = answer.partition("\n\n")
        status, *lines = head.splitlines()
        told = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        yield method, path, headers, body, int(status.split()[1]), told, content.strip()


@pytest.mark.parametrize("recorded", list(_recorded()), ids=lambda one: f"{one[0]} {one[1]}")
def test_the_fake_answers_as_kubefate_was_heard_to(fake: FakeKubefate, recorded: Any) -> None:
    method, path, headers, body, status, told, content = recorded
    fake.charts.clear()
    fake.kubernetes.away = True
    web = httpx.Client(base_url=f"http://127.0.0.1:{fake.port}", verify=False, trust_env=False)
    token = web.post("/v1/user/login", json={"username": "admin", "password": PASSWORD}).json()["token"]
    headers = {name: value.replace("<b64-or-jwt>", token) for name, value in headers.items()}
    if body and "admin" in body:
        body = body.replace('"password":"admin"', f'"password":"{PASSWORD}"')
    answer = web.request(method, path, headers=headers, content=body)
    assert answer.status_code == status
    assert answer.headers.get("location") == told.get("location")
    assert answer.headers.get("www-authenticate") == told.get("www-authenticate")
    if content.startswith("{"):
        wanted, seen = json.loads(content), answer.json()
        for changing in ("token", "expire"):
            assert bool(wanted.pop(changing, None)) == bool(seen.pop(changing, None))
        assert seen == wanted
    elif not content.startswith("<a href"):
        assert answer.text == content


def test_both_clients_have_the_same_endpoints() -> None:
    settings = KubefateSettings("127.0.0.1", 1, password="p4ss-s3cret")

    def surface(client: Any) -> set[str]:
        return {
            f"{group}.{name}"
            for group, part in vars(client).items()
            if isinstance(part, Group)
            for name in dir(type(part))
            if isinstance(getattr(type(part), name), (endpoint, procedure))
        }

    assert surface(KubefateClient(settings)) == surface(AsyncKubefateClient(settings))
    assert len(surface(KubefateClient(settings))) == 15
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(KubefateClient(settings))


# -- the token ---------------------------------------------------------------------------------------------------------


def test_a_login_takes_seconds_so_the_token_is_kept(fake: FakeKubefate) -> None:
    for _ in range(3):
        with KubefateClient(fake.settings) as client:
            client.server.version()
            client.clusters.list()
    assert fake.logins == 1


def test_the_token_dies_after_30_minutes(fake: FakeKubefate, client: KubefateClient) -> None:
    client.server.version()
    fake.let_pass(1900)
    assert client.server.version() == "v1.4.5"
    assert fake.logins == 2


async def test_the_token_dies_with_a_restart_of_the_service(fake: FakeKubefate) -> None:
    async with AsyncKubefateClient(fake.settings) as client:
        await client.server.version()
        fake.restart()
        job = await client.clusters.install(order("a"))
    assert job.status == "Pending"
    assert fake.logins == 2
    assert len(fake.jobs) == 1


def test_a_chart_is_uploaded_with_a_token_that_has_died(
    fake: FakeKubefate, client: KubefateClient, tmp_path: Path
) -> None:
    chart = tmp_path / "fate-v2.1.0.tgz"
    chart.write_bytes(b"\x1f\x8b" + b"0" * 1_000_000)
    client.server.version()
    fake.restart()
    client.charts.upload(chart)
    client.charts.upload(chart)
    assert [(one.name, one.version) for one in client.charts.list()] == [("fate", "v2.0.0"), ("fate", "v2.1.0")]


def test_a_wrong_password_is_named_and_not_tried_again(fake: FakeKubefate) -> None:
    settings = KubefateSettings("127.0.0.1", fake.port, password="wr0ng-s3cret")
    with KubefateClient(settings) as client, pytest.raises(FateAuthError) as told:
        client.server.version()
    assert str(told.value) == (
        "KubeFATE: incorrect Username or Password\nCorrect user name and password of the connection."
    )
    assert fake.logins == 1


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_the_ingress_is_asked_by_its_name(fake: FakeKubefate) -> None:
    settings = KubefateSettings("127.0.0.1", fake.port, password=PASSWORD, host_header="kubefate.example.org")
    with KubefateClient(settings) as client:
        client.server.version()
    assert set(fake.hosts) == {"kubefate.example.org"}


def test_over_tls_the_certificate_must_be_for_the_name_of_the_ingress() -> None:
    settings = KubefateSettings("10.0.0.1", 443, "https", password=PASSWORD, host_header="kubefate.example.org:8443")
    auth = settings.auth()
    assert auth is not None
    login = next(auth.sync_auth_flow(httpx.Request("GET", f"{settings.root_url}/v1/version/")))
    assert (login.method, str(login.url)) == ("POST", "https://10.0.0.1/v1/user/login")
    assert login.headers["Host"] == "kubefate.example.org:8443"
    assert login.extensions["sni_hostname"] == "kubefate.example.org"


@pytest.mark.parametrize("given", [{"host_header": "http://a"}, {"prefix": "kubefate"}, {"host": "http://a"}])
def test_wrong_addresses_are_told(given: dict[str, str]) -> None:
    with pytest.raises(FateConfigError):
        KubefateSettings(**({"host": "a", "port": 80} | given))  # type: ignore[arg-type]


def test_redirects_on_slashes_are_never_needed(fake: FakeKubefate, client: KubefateClient) -> None:
    """gin answers 301 and 307 without a body to paths with a wrong slash."""
    cluster = fake.install_before({"name": "a", "namespace": "default", "chartName": "fate", "chartVersion": "v2.0.0"})
    client.server.version()
    client.server.namespaces()
    client.charts.list()
    client.clusters.list(removed=True)
    assert client.clusters.get(cluster["uuid"]) is not None
    client.jobs.list()
    client.clusters.delete(cluster["uuid"])


@pytest.mark.parametrize("path", ["/wrong", "/v1/wrong"])
def test_an_ingress_without_such_a_host_says_404(fake: FakeKubefate, path: str) -> None:
    settings = KubefateSettings("127.0.0.1", fake.port, password=PASSWORD, prefix=path)
    with KubefateClient(settings) as client, pytest.raises(FateProxyError, match="host header") as told:
        client.server.version()
    assert not is_transient(told.value)


# -- words -------------------------------------------------------------------------------------------------------------


def test_a_panic_is_an_empty_500(fake: FakeKubefate, client: KubefateClient) -> None:
    fake.install_before({"name": "a", "namespace": "fate-9999", "chartName": "fate", "chartVersion": "v2.0.0"})
    with pytest.raises(FateServerError, match="lacks chartName or chartVersion"):
        client.clusters.update(order("a", text="{}"))


def test_kubernetes_that_is_away_is_a_500_to_be_repeated(fake: FakeKubefate, client: KubefateClient) -> None:
    fake.kubernetes.away = True
    with pytest.raises(FateProxyError, match="service account list namespaces") as told:
        client.server.namespaces()
    assert is_transient(told.value)


def test_a_name_that_is_taken(fake: FakeKubefate, client: KubefateClient) -> None:
    fake.install_before({"name": "a", "namespace": "fate-9999", "chartName": "fate", "chartVersion": "v2.0.0"})
    with pytest.raises(FateClusterExists, match="name=a & namespace=fate-9999"):
        client.clusters.install(order("a"))


def test_updates_that_kubefate_refuses(fake: FakeKubefate, client: KubefateClient) -> None:
    fake.install_before({"name": "a", "namespace": "fate-9999", "chartName": "fate", "chartVersion": "v2.0.0"})
    assert client.clusters.update(order("a", version="v2.0.0")) is None
    for given in (order("a", version="v1.11.2"), order("a", chart="fate-serving", version="v2.1.6")):
        with pytest.raises(FateInvalidParameterError, match="Delete the cluster and deploy"):
            client.clusters.update(given)


def test_a_lost_answer_to_an_order_is_ambiguous(fake: FakeKubefate, client: KubefateClient) -> None:
    client.server.version()
    fake.lose = 1
    with pytest.raises(FateAmbiguousSubmitError):
        client.clusters.install(order("a"))
    assert [job.orders.name for job in client.jobs.list()] == ["a"]


def test_an_installation_bounces_from_running_to_pending_and_back(fake: FakeKubefate, client: KubefateClient) -> None:
    fake.pace, fake.kubernetes.ready_after = 1.0, 0.1  # slow enough to see each of them
    text = '{"name": "a", "namespace": "fate-9999", "chartName": "fate", "chartVersion": "v2.0.0", "modules": ["osx"]}'
    begun = client.clusters.install(order("a", version="v2.0.0", text=text))
    seen = [begun.status]
    while seen[-1] != "Success":
        status = until(client, begun.uuid, "Pending", "Running", "Success").status
        seen += [status] if status != seen[-1] else []
    assert seen == ["Pending", "Running", "Pending", "Running", "Success"]
    assert not client.jobs.stop(begun.uuid)


def test_passwords_of_the_document_are_in_no_repr(fake: FakeKubefate, client: KubefateClient) -> None:
    given = ClusterOrder("a", "fate-9999", "fate", "v2.0.0", 'name: a\nmysql: {password: "my-s3cret"}')
    job = client.clusters.install(given)
    assert "s3cret" in job.orders.document
    until(client, job.uuid, "checkout", "Success")
    for told in (given, job, client.jobs.list(), client.clusters.list()):
        assert "s3cret" not in repr(told)
        assert job.orders.data is not None
        assert job.orders.data not in repr(told)

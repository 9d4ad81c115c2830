"""The site portal and its client: each trap of its interface has a test."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.fedlcm.auth import forget_tokens
from airflow_provider_fate.clients.http import Group, endpoint, get, procedure
from airflow_provider_fate.clients.site_portal import (
    Algorithm,
    AsyncPortalClient,
    JobData,
    JobKind,
    JobOrder,
    ParticipantState,
    PortalClient,
    PortalJobState,
    PortalSettings,
)
from airflow_provider_fate.errors import (
    FateConfigError,
    FateConflictError,
    FateInputError,
    FateInvalidParameterError,
    FatePermissionError,
    FateProxyError,
    FateServerError,
    FateTlsError,
)
from tests.support.fake_site_portal import PASSWORD, FakeSitePortal
from tests.support.portal_contract import PortalContract, real_settings


@pytest.fixture(autouse=True)
def nobody_is_logged_in() -> None:
    forget_tokens()


@pytest.fixture
def fake() -> Iterator[FakeSitePortal]:
    with FakeSitePortal() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeSitePortal) -> Iterator[PortalClient]:
    with PortalClient(fake.settings) as client:
        yield client


class TestFakeSitePortal(PortalContract):
    pass


@pytest.mark.skipif(real_settings() is None, reason="FATE_TEST_SITE_PORTAL_URL names no site portal")
class TestRealSitePortal(PortalContract):
    @pytest.fixture
    def client(self) -> Iterator[PortalClient]:
        settings = real_settings()
        assert settings is not None
        with PortalClient(settings) as client:
            yield client


def order(client: PortalClient, project: str, **given: Any) -> JobOrder:
    data = {one.name: one.uuid for one in client.projects.data(project)}
    base: dict[str, Any] = {"kind": JobKind.TRAINING, "algorithm": Algorithm.HETERO_LR}
    others = (JobData(data["usage"]),) if "usage" in data else ()
    return JobOrder(project, "train", "", data=JobData(data["accounts"], "y"), others=others, **(base | given))


def test_both_clients_have_the_same_endpoints() -> None:
    settings = PortalSettings("127.0.0.1", 1, password="p4ss-s3cret")

    def surface(client: Any) -> set[str]:
        return {
            f"{group}.{name}"
            for group, part in vars(client).items()
            if isinstance(part, Group)
            for name in dir(type(part))
            if isinstance(getattr(type(part), name), (endpoint, procedure))
        }

    assert surface(PortalClient(settings)) == surface(AsyncPortalClient(settings))
    assert len(surface(PortalClient(settings))) == 44
    assert "s3cret" not in repr(settings)


def test_the_token_dies_with_a_restart(fake: FakeSitePortal, client: PortalClient) -> None:
    client.projects.list()
    fake.restart()
    client.projects.list()
    assert fake.logins == 2


def test_a_user_without_access_is_named(fake: FakeSitePortal) -> None:
    settings = PortalSettings("127.0.0.1", fake.port, user="nobody", password=PASSWORD)
    with PortalClient(settings) as client, pytest.raises(FatePermissionError, match="'Admin' of the portal"):
        client.projects.list()


def test_a_path_that_is_no_route_is_answered_the_page_with_200(fake: FakeSitePortal, client: PortalClient) -> None:
    with pytest.raises(FateProxyError, match="Not an answer of The site portal"):
        client._transport.run(get("/projects", lambda reply: None))


def test_redirects_on_slashes_are_never_needed(fake: FakeSitePortal, client: PortalClient) -> None:
    project = fake.with_project()
    client.projects.list()
    client.projects.participants(project, all_sites=True)
    client.data.list()
    client.jobs.list(project)
    client.models.list()
    assert not [asked for asked in fake.requests if asked.split("?")[0].endswith("/")]


def test_projects_need_an_fml_manager_for_others(fake: FakeSitePortal, client: PortalClient) -> None:
    project = fake.with_project()
    sites = client.projects.participants(project, all_sites=True)
    telco = next(site for site in sites if not site.is_here)
    client.projects.invite(project, telco)
    states = {site.name: site.state for site in client.projects.participants(project)}
    assert states == {"bank": ParticipantState.OWNER, "telco": ParticipantState.PENDING}
    client.projects.dismiss(project, telco.uuid)
    fake.manager = False
    for refused in (
        lambda: client.projects.participants(project, all_sites=True),
        lambda: client.projects.invite(project, telco),
        lambda: client.jobs.submit(order(client, project)),
    ):
        with pytest.raises(FateConflictError, match="Register the site with the FML manager"):
            refused()


def test_a_change_of_the_site_ends_its_registration(fake: FakeSitePortal, client: PortalClient) -> None:
    site = client.site.get()
    assert "minio-s3cret" not in repr(site)
    client.site.update(site)  # everything is overwritten, so everything is sent back
    assert client.site.get().fml_manager_connected
    client.site.update(site.model_copy(update={"name": "other"}))
    assert not client.site.get().fml_manager_connected
    client.site.register("https://fml:9443")
    client.site.connect_flow("fateflow", 9380)
    with pytest.raises(FateServerError, match="connection refused"):
        client.site.connect_flow("fateflow", 1)
    assert client.site.get().kubeflow == {"minio_secret_key": "minio-s3cret"}


def test_data_is_uploaded_with_a_column_id_and_a_token_that_has_died(
    fake: FakeSitePortal, client: PortalClient, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("id,x0\n1,2\n3,4\n")
    bad.write_text("customer,x0\n1,2\n")
    with pytest.raises(FateInputError, match="has no column 'id'"):
        client.data.upload(bad, "bad")
    client.projects.list()
    fake.restart()
    uuid = client.data.upload(good, "accounts", "of the bank")
    assert [one.name for one in client.data.list()] == ["accounts"]
    table = client.data.associate("old", "credit", "bank")
    assert client.data.columns(table) == ["x0"]
    project = client.projects.create("credit").uuid
    client.projects.add_data(project, "accounts", uuid)
    with pytest.raises(FateConflictError, match="is used by project"):
        client.data.delete(uuid)
    client.projects.remove_data(project, uuid)
    client.data.delete(uuid)
    client.data.delete(table)
    assert client.data.list() == []


def test_the_answer_to_a_submit_has_no_name_and_no_word_for_its_status(
    fake: FakeSitePortal, client: PortalClient
) -> None:
    project = fake.with_project()
    submitted = client.jobs.submit(order(client, project))
    assert (submitted.name, submitted.project, submitted.state) == ("", "", PortalJobState.PENDING)
    found = client.jobs.get(submitted.uuid)
    assert found is not None
    assert (found.name, found.message) == ("train", "Job is pending on telco(10000)")
    client.jobs.delete(submitted.uuid)
    assert client.jobs.list(project) == []


def test_jobs_of_one_site_are_refused(fake: FakeSitePortal, client: PortalClient) -> None:
    project = fake.with_project(other=False)
    for given in ({}, {"algorithm": Algorithm.HOMO_LR}):
        with pytest.raises(FateInvalidParameterError, match="cannot be launched with only one party"):
            client.jobs.submit(order(client, project, **given))


def test_results_are_downloaded(fake: FakeSitePortal, client: PortalClient, tmp_path: Path) -> None:
    project = fake.with_project()
    job = client.jobs.submit(order(client, project, kind=JobKind.PSI, algorithm=None))
    assert client.jobs.download(job.uuid, tmp_path / "rows.csv") == 7
    assert (tmp_path / "rows.csv").read_text() == "id\n1\n2\n"
    assert client.jobs.configuration(order(client, project))["conf_json"]
    with pytest.raises(FateConflictError, match="at least one job"):
        client.projects.close(project)


def test_only_horizontal_models_are_published(fake: FakeSitePortal, client: PortalClient) -> None:
    for name in ("HomoLR_0", "HeteroLR_0"):
        fake.models.append({"uuid": name, "name": "m", "component_name": name, "project_uuid": "p"})
    assert client.models.publish("HomoLR_0", "credit").service_name == "credit"
    with pytest.raises(FateServerError, match="cannot deploy model"):
        client.models.publish("HeteroLR_0", "credit")
    found = client.models.get("HomoLR_0")
    assert found is not None
    assert found.evaluation == {"auc": "0.83"}


# -- TLS with a certificate of the client ------------------------------------------------------------------------------


@pytest.fixture
def pki(tmp_path: Path) -> dict[str, str]:
    """An authority, and a certificate of it for both sides."""
    from tests.support.pki import make_pki

    return make_pki(tmp_path)


@pytest.fixture
def mutual(pki: dict[str, str]) -> Iterator[int]:
    """A portal's own server: it asks for a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"msg": "The service is running", "api_version": "v1"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki["certificate"], pki["key"])
    context.load_verify_locations(pki["authority"])
    context.verify_mode = ssl.CERT_REQUIRED
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


def _asked(port: int, pki: dict[str, str], **given: Any) -> str:
    settings = PortalSettings(
        "127.0.0.1", port, "https", verify=pki["authority"], password="x", retries=0, timeout=5, **given
    )
    from airflow_provider_fate.clients.fedlcm.models import ServiceStatus

    with PortalClient(settings) as client:
        # Without the log-in, which this server does not have.
        client._transport._client.auth = None  # type: ignore[assignment]
        return client._transport.run(
            get("/status", lambda reply: ServiceStatus.model_validate(reply.data).version, bare=True)
        )


def test_tls_of_the_portals_own_server_asks_for_a_client_certificate(mutual: int, pki: dict[str, str]) -> None:
    assert _asked(mutual, pki, client_certificate=pki["certificate"], client_key=pki["key"]) == "v1"
    with pytest.raises(Exception, match=r"(?i)certificate required|broke|handshake|not reached"):
        _asked(mutual, pki)


def test_a_client_certificate_that_cannot_be_read_is_named(pki: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("x")
    for path in (str(tmp_path / "none.pem"), "/not/there.pem"):
        with pytest.raises(FateTlsError, match="client certificate"):
            PortalClient(PortalSettings("a", 1, "https", client_certificate=path, client_key=pki["key"]))
    with pytest.raises(FateConfigError, match="no client certificate"):
        PortalSettings("a", 1, "https", client_key=pki["key"])

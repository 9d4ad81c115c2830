"""The two clients have the same surface, and it holds what it promises about ids, secrets and versions."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from airflow_provider_fate.clients.fate_flow import AppId, AsyncFlowClient, FlowClient, FlowSettings, models
from airflow_provider_fate.clients.fate_flow.names import check_id
from airflow_provider_fate.clients.http import Group, endpoint, procedure
from airflow_provider_fate.errors import (
    FateConfigError,
    FateError,
    FateInvalidParameterError,
    FateNotFlowError,
    FateNotOfferedError,
    FateProxyError,
    FateVersionError,
)
from tests.support.fake_flow import FakeFlow

SETTINGS = FlowSettings(host="127.0.0.1", port=1, retries=0, app=AppId("app", "tok3n-s3cret"))


def _surface(client: FlowClient | AsyncFlowClient) -> dict[str, inspect.Signature]:
    return {
        f"{group}.{name}": inspect.signature(getattr(part, name))
        for group, part in vars(client).items()
        if isinstance(part, Group)
        for name in dir(type(part))
        if isinstance(getattr(type(part), name), (endpoint, procedure))
    }


def test_both_clients_have_the_same_endpoints() -> None:
    surface = _surface(FlowClient(SETTINGS))

    assert surface == _surface(AsyncFlowClient(SETTINGS))
    assert len(surface) > 65


def test_the_client_s_former_place_still_leads_to_it() -> None:
    from airflow_provider_fate.clients import fate_flow, flow

    assert flow.__all__ == fate_flow.__all__
    assert all(getattr(flow, name) is getattr(fate_flow, name) for name in flow.__all__)


def test_every_endpoint_says_what_it_does() -> None:
    client = FlowClient(SETTINGS)
    for name in _surface(client):
        group, method = name.split(".")
        assert (getattr(getattr(client, group), method).__doc__ or "").strip(), name


async def test_both_clients_answer_alike(fake_flow: FakeFlow, dag: dict[str, Any]) -> None:
    with FlowClient(fake_flow.settings) as sync:
        job = sync.job.submit(dag)
        fake_flow.clock.advance(60)
        party = {"job_id": job.job_id, "role": "guest", "party_id": "9999"}
        async with AsyncFlowClient(fake_flow.settings) as flow:
            assert await flow.job.query(job_id=job.job_id) == sync.job.query(job_id=job.job_id)
            assert await flow.job.list() == sync.job.list()
            assert await flow.task.query(**party) == sync.task.query(**party)
            assert await flow.output.metrics(**party, task_name="psi_0") == sync.output.metrics(
                **party, task_name="psi_0"
            )
            assert await flow.provider.query() == sync.provider.query()
            assert await flow.server.version() == sync.server.version()
            assert await flow.site.info() == sync.site.info()


# --- ids ---

INJECTION = "x; echo INJECTED; true "


@pytest.mark.parametrize("field", ["job_id", "role", "party_id", "task_name"])
def test_nothing_that_a_shell_understands_reaches_the_log_endpoints(
    fake_flow: FakeFlow, flow: FlowClient, field: str
) -> None:
    ids = {"job_id": "1", "role": "guest", "party_id": "9999", "task_name": "psi_0", field: INJECTION}

    with pytest.raises(FateInvalidParameterError, match=field):
        flow.log.query("task_info", **ids)  # type: ignore[arg-type]
    with pytest.raises(FateInvalidParameterError, match=field):
        flow.log.count("task_info", **ids)  # type: ignore[arg-type]
    assert fake_flow.requests.count() == 0


@given(st.text())
def test_only_plain_ids_pass(text: str) -> None:
    plain = text.isascii() and 0 < len(text) <= 200 and all(char.isalnum() or char in "_.-" for char in text)
    if plain and text.strip("."):
        assert check_id("id", text) == text
    else:
        with pytest.raises(FateInvalidParameterError):
            check_id("id", text)


@pytest.mark.parametrize("wrong", [9999, None, True, ["1"]])
def test_ids_of_another_type_are_refused(flow: FlowClient, wrong: Any) -> None:
    with pytest.raises(FateInvalidParameterError):
        flow.job.stop(wrong)


def test_a_label_with_a_line_end_is_refused(flow: FlowClient, dag: dict[str, Any]) -> None:
    with pytest.raises(FateInvalidParameterError, match="user_name"):
        flow.job.submit(dag, user_name="a\r\nX-Evil: 1")


def test_a_question_without_a_filter_is_refused(flow: FlowClient) -> None:
    with pytest.raises(FateInvalidParameterError, match="filter"):
        flow.job.query()


@pytest.mark.parametrize("verb", ["load", "migrate", "store", "restore"])
def test_stubs_say_that_they_are_stubs(fake_flow: FakeFlow, flow: FlowClient, verb: str) -> None:
    with pytest.raises(FateNotOfferedError, match="does nothing"):
        getattr(flow.model, verb)(model_id="1")
    assert fake_flow.requests.count() == 0


# --- secrets ---


def test_the_token_appears_nowhere(fake_flow_auth: FakeFlow, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = fake_flow_auth.settings
    assert settings.app is not None
    fake_flow_auth.faults.html(times=None)
    with FlowClient(settings) as flow, pytest.raises(FateError) as caught:
        flow.job.query(job_id="1")

    seen = [repr(settings), repr(settings.app), repr(flow), str(flow), str(caught.value), repr(caught.value)]
    seen += [str(vars(caught.value)), caplog.text, repr(flow.job), settings.base_url]
    assert settings.app.token not in "".join(seen)


def test_what_partners_gave_is_hidden(fake_flow_auth: FakeFlow) -> None:
    settings = FlowSettings("127.0.0.1", fake_flow_auth.port, app=AppId("admin", "fate_flow_admin"))
    with FlowClient(settings) as flow:
        app = flow.app.create_partner("10000", app_id="1", app_token=SecretStr("s3cret"))

    assert app.app_token is not None
    assert app.app_token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(app)
    assert "s3cret" not in app.model_dump_json()


def test_passwords_of_the_configuration_are_masked_unless_asked_for(flow: FlowClient) -> None:
    masked = flow.server.configuration()

    assert "do-not-tell" not in json.dumps(masked.sections)
    assert masked.sections["DATABASE"]["mysql"]["user"] == "fate"
    assert not masked.authenticates_clients
    revealed = flow.server.configuration(reveal_secrets=True)
    assert revealed.sections["DATABASE"]["mysql"]["passwd"] == "do-not-tell"
    assert "do-not-tell" not in repr(revealed)


# --- what answers ---


def _envelope(content: object) -> tuple[int, str, bytes]:
    return 200, "application/json", json.dumps(content).encode()


def _old(method: str, path: str) -> tuple[int, str, bytes]:
    if path == "/v1/version/get":
        return _envelope({"retcode": 0, "retmsg": "success", "data": {"FATEFlow": "1.11.2"}})
    return _envelope({"retcode": 100, "retmsg": "<NotFound '404: Not Found'>"})


def _old_behind_a_page(method: str, path: str) -> tuple[int, str, bytes]:
    return _old(method, path) if path.startswith("/v1/") else (404, "text/html", b"<html>Not Found</html>")


def _web_site(method: str, path: str) -> tuple[int, str, bytes]:
    return 200, "text/html", b"<html>Welcome</html>"


def _other_service(method: str, path: str) -> tuple[int, str, bytes]:
    return 404, "application/json", b'{"detail": "Not Found"}'


def _other_envelope(method: str, path: str) -> tuple[int, str, bytes]:
    return _envelope({"code": 0, "data": "pong"})


def _bad_gateway(method: str, path: str) -> tuple[int, str, bytes]:
    return 502, "text/html", b"<html>502 Bad Gateway</html>"


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (_old, FateVersionError),
        (_old_behind_a_page, FateVersionError),
        (_web_site, FateNotFlowError),
        (_other_service, FateNotFlowError),
        (_other_envelope, FateNotFlowError),
        (_bad_gateway, FateProxyError),
    ],
)
async def test_what_is_no_fate_flow_2_is_told_apart(
    serve: Callable[..., FlowSettings], answers: Any, kind: type[FateError]
) -> None:
    settings = serve(answers)
    with FlowClient(settings) as flow, pytest.raises(FateError) as caught:
        flow.server.version()
    assert type(caught.value) is kind
    async with AsyncFlowClient(settings) as aflow:
        with pytest.raises(kind):
            await aflow.server.version()


def test_a_1x_server_is_named_by_its_version(serve: Callable[..., FlowSettings]) -> None:
    with (
        FlowClient(serve(_old)) as flow,
        pytest.raises(FateVersionError, match=r"speaks 1\.x; this provider speaks 2\.x"),
    ):
        flow.server.version()


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "http://fate"},
        {"host": "fate/x"},
        {"host": ""},
        {"port": 0},
        {"port": 70000},
        {"scheme": "ftp"},
        {"timeout": 0},
        {"retries": -1},
        {"app_user": "ü"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(FateConfigError):
        FlowSettings(**{"host": "fate", **wrong})


def test_settings_serve_as_a_key_and_make_urls() -> None:
    assert len({FlowSettings("a"), FlowSettings("a"), FlowSettings("b")}) == 2
    assert FlowSettings("::1").base_url == "http://[::1]:9380/v2"
    assert FlowSettings("fate.example.com", 443, "https").base_url == "https://fate.example.com:443/v2"


def test_a_ca_file_that_is_not_there_is_named() -> None:
    with pytest.raises(FateError, match=r"/no/ca\.pem"):
        FlowClient(FlowSettings("a", scheme="https", verify="/no/ca.pem"))


# --- models ---


def test_models_keep_what_they_do_not_know() -> None:
    record = models.JobRecord.model_validate(
        {"job_id": 1, "role": "guest", "party_id": 9999, "status": "dreaming", "novelty": 1, "dag": None}
    )

    assert (record.job_id, record.party_id) == ("1", "9999")
    assert record.status is models.JobStatus.UNKNOWN
    assert not record.status.is_terminal
    assert record.model_extra == {"novelty": 1}
    assert record.extra == {}


def test_upload_meta_refuses_what_fate_does_not_know() -> None:
    with pytest.raises(ValueError, match="id_name"):
        models.UploadMeta.model_validate({"id_name": "id"})
    assert models.UploadMeta(match_id_name="id").for_server() == {
        "delimiter": ",",
        "dtype": "float32",
        "match_id_name": "id",
    }


def test_the_environment_s_proxy_is_not_asked_for_loopback(
    fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with FlowClient(fake_flow.settings) as flow:
        assert flow.server.version().version == "2.2.0"
    assert isinstance(flow._transport._client, httpx.Client)

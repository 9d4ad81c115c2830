"""Signatures, against vectors recorded from FATE-Flow 2.2."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_fate.clients.fate_flow import AppId, AsyncFlowClient, FlowClient
from airflow_provider_fate.clients.fate_flow.auth import AppIdAuth, sign
from airflow_provider_fate.errors import (
    FateAuthError,
    FateClockSkewError,
    FatePermissionError,
    FateSignatureError,
)
from tests.support.fake_flow import FakeFlow


@pytest.mark.parametrize(
    ("app_id", "token", "user", "nonce", "timestamp", "signature"),
    [
        # FATE-Flow's built-in app, and an app of a server that existed for an hour.
        ("admin", "fate_flow_admin", "", "3145", "1795361491331", "aefe1b1cfc39a0181fe63cf06540fa2e"),
        ("46469586", "3NsOxM2IxH1p9GA8", "alice", "5100", "1795361492575", "b1dd07e6357f3fef19e6e1e0f58fc1f2"),
        ("46469586", "3NsOxM2IxH1p9GA8", "", "7491", "1795361492412", "3a64a5c5f83c3ef8923d4a41d3de1f58"),
    ],
)
def test_signatures_are_those_that_fate_flow_accepted(
    app_id: str, token: str, user: str, nonce: str, timestamp: str, signature: str
) -> None:
    made = sign(app_id=app_id, token=token, user_name=user, nonce=nonce, timestamp=timestamp)

    assert made == signature


def test_each_sending_is_signed_afresh() -> None:
    moments = iter([1000.0, 1061.0])
    auth = AppIdAuth(AppId("a", "t"), clock=lambda: next(moments))
    request = httpx.Request("GET", "http://h/")

    first = dict(next(auth.auth_flow(request)).headers)
    second = dict(next(auth.auth_flow(request)).headers)

    assert (first["timestamp"], second["timestamp"]) == ("1000000", "1061000")
    assert first["signature"] != second["signature"]
    assert len(first["nonce"]) == 4
    assert first["username"] == ""


def test_a_signed_client_is_let_in_and_signs_repeats(fake_flow_auth: FakeFlow) -> None:
    fake_flow_auth.faults.reset("/job/query")
    with FlowClient(fake_flow_auth.settings) as flow:
        assert flow.job.query(job_id="1") == []

    signatures = {call.headers["Signature"] for call in fake_flow_auth.requests.to("/job/query")}
    assert len(signatures) == 2


async def test_the_async_client_signs_as_well(fake_flow_auth: FakeFlow) -> None:
    async with AsyncFlowClient(fake_flow_auth.settings) as flow:
        assert await flow.job.query(job_id="1") == []


def _settings(fake: FakeFlow, app: AppId | None):
    from dataclasses import replace

    return replace(fake.settings, app=app)


def test_refusals_are_told_apart(fake_flow_auth: FakeFlow) -> None:
    app = fake_flow_auth.app
    assert app is not None
    cases: list[tuple[AppId | None, type[FateAuthError]]] = [
        (None, FateAuthError),
        (AppId(app.app_id, "wrong"), FateSignatureError),
        (AppId("12345678", "x"), FatePermissionError),
    ]
    for credentials, kind in cases:
        with FlowClient(_settings(fake_flow_auth, credentials)) as flow, pytest.raises(FateAuthError) as caught:
            flow.job.query(job_id="1")
        assert type(caught.value) is kind


def test_a_clock_that_is_behind_is_called_so(fake_flow_auth: FakeFlow) -> None:
    fake_flow_auth.gate.skew = 120
    with FlowClient(fake_flow_auth.settings) as flow, pytest.raises(FateClockSkewError, match="60 s"):
        flow.job.query(job_id="1")

"""What is repeated, what never is, and what the caller is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from airflow_provider_fate.clients.fate_flow import AsyncFlowClient, FlowClient, FlowSettings, models
from airflow_provider_fate.clients.fate_flow.envelope import FlowEnvelope
from airflow_provider_fate.clients.http.failures import translate
from airflow_provider_fate.clients.http.request import post
from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateConnectionError,
    FateCreateJobError,
    FateProxyError,
    FateServerError,
    FateTimeout,
    FateTlsError,
    FateUnreachable,
)
from tests.support.fake_flow import FakeFlow

META = models.UploadMeta(match_id_name="id")


def test_a_question_is_repeated_until_it_is_answered(fake_flow: FakeFlow, flow: FlowClient) -> None:
    fake_flow.faults.reset("/job/query")
    fake_flow.faults.html("/job/query")

    assert flow.job.query(job_id="1") == []
    assert fake_flow.requests.count("/job/query") == 3


def test_a_question_is_given_up_after_the_last_repeat(fake_flow: FakeFlow, flow: FlowClient) -> None:
    fake_flow.faults.html("/job/query", times=None)

    with pytest.raises(FateProxyError, match="502") as caught:
        flow.job.query(job_id="1")
    assert fake_flow.requests.count("/job/query") == fake_flow.settings.retries + 1
    assert "FATE-Flow running" in str(caught.value)


def test_a_page_that_stays_is_not_asked_for_again(fake_flow: FakeFlow, flow: FlowClient) -> None:
    fake_flow.faults.html("/job/query", status=404, times=None)

    with pytest.raises(FateProxyError):
        flow.job.query(job_id="1")
    assert fake_flow.requests.count("/job/query") == 1


def test_a_stop_is_repeated_when_its_answer_is_lost(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    job = flow.job.submit(dag)
    fake_flow.faults.drop_reply("/job/stop")

    flow.job.stop(job.job_id)

    assert fake_flow.requests.count("/job/stop") == 2
    assert fake_flow.state_of(job.job_id) == "canceled"


def test_a_lost_reply_does_not_submit_twice(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    fake_flow.faults.drop_reply_after_submit()

    with pytest.raises(FateAmbiguousSubmitError, match="may exist"):
        flow.job.submit(dag)
    assert fake_flow.requests.count("/job/submit") == 1
    assert [record.extra for record in flow.job.list().jobs if record.role == "guest"] == [{"mark": "m1"}]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda faults: faults.reset("/job/submit"),
        lambda faults: faults.html("/job/submit"),
        lambda faults: faults.twin_submits(3, answer="104"),
        lambda faults: faults.truncate("/job/submit"),
    ],
)
def test_whatever_loses_the_reply_a_submit_is_ambiguous(
    fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any], break_it: Callable[[Any], None]
) -> None:
    break_it(fake_flow.faults)

    with pytest.raises(FateAmbiguousSubmitError):
        flow.job.submit(dag)
    assert fake_flow.requests.count("/job/submit") == 1


def test_a_silent_server_makes_a_submit_ambiguous(fake_flow: FakeFlow, dag: dict[str, Any]) -> None:
    fake_flow.faults.hang("/job/submit", act=True)
    with (
        FlowClient(replace(fake_flow.settings, submit_timeout=0.2)) as flow,
        pytest.raises(FateAmbiguousSubmitError, match=r"0\.2 s"),
    ):
        flow.job.submit(dag)
    assert len(fake_flow.jobs) == 1


def test_a_silent_server_times_a_question_out(fake_flow: FakeFlow) -> None:
    fake_flow.faults.hang("/job/query", times=None)
    settings = replace(fake_flow.settings, timeout=0.1, retries=1)
    with FlowClient(settings) as flow, pytest.raises(FateTimeout, match=r"0\.1 s"):
        flow.job.query(job_id="1")
    assert fake_flow.requests.count("/job/query") == 2


def test_a_submit_waits_for_a_server_that_comes_back(fake_flow: FakeFlow, dag: dict[str, Any]) -> None:
    settings = replace(fake_flow.settings, retries=6, retry_wait=0.05)
    fake_flow.down()
    back = threading.Timer(0.2, fake_flow.up)
    back.start()
    with FlowClient(settings) as flow:
        job = flow.job.submit(dag)
    back.join()

    assert list(fake_flow.jobs) == [job.job_id]


def test_a_submit_to_a_server_that_stays_away_fails_plainly(fake_flow: FakeFlow, dag: dict[str, Any]) -> None:
    with fake_flow.refusing(), FlowClient(fake_flow.settings) as flow, pytest.raises(FateUnreachable) as caught:
        flow.job.submit(dag)

    assert not caught.value.sent
    assert str(fake_flow.port) in str(caught.value)


def test_pauses_between_repeats_grow(fake_flow: FakeFlow) -> None:
    settings = replace(fake_flow.settings, retries=3, retry_wait=0.05)
    with fake_flow.refusing(), FlowClient(settings) as flow:
        began = time.monotonic()
        with pytest.raises(FateUnreachable):
            flow.server.version()

    assert time.monotonic() - began >= 0.05 + 0.1 + 0.2


def test_a_lost_upload_reply_is_ambiguous_too(fake_flow: FakeFlow, flow: FlowClient) -> None:
    fake_flow.faults.drop_reply("/data/component/upload/file")

    with pytest.raises(FateAmbiguousSubmitError):
        flow.data.upload_file([b"id\n1\n"], namespace="a", name="b", meta=META)
    assert len(fake_flow.jobs) == 1


def test_an_order_that_may_have_arrived_is_not_given_twice(
    fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]
) -> None:
    job = flow.job.submit(dag)
    fake_flow.faults.drop_reply("/job/rerun")

    with pytest.raises(FateUnreachable):
        flow.job.rerun(job.job_id)
    assert fake_flow.requests.count("/job/rerun") == 1


def test_a_refusal_is_not_repeated(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    dag["dag"]["conf"]["task"] = {"provider": "fate:9.9.9@local"}

    with pytest.raises(FateCreateJobError, match="Not found provider") as caught:
        flow.job.submit(dag)
    assert fake_flow.requests.count("/job/submit") == 1
    assert caught.value.job_id in fake_flow.jobs


def test_a_stop_that_answers_104_leaves_the_decision_to_the_caller(
    fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]
) -> None:
    job = flow.job.submit(dag)
    fake_flow.faults.answer(104, "Federated schedule error, Read timed out.", "/job/stop", act=True)

    with pytest.raises(FateServerError):
        flow.job.stop(job.job_id)
    assert flow.job.query(job_id=job.job_id)[0].status is models.JobStatus.CANCELED


def test_tls_where_there_is_none_is_called_so(fake_flow: FakeFlow) -> None:
    settings = replace(fake_flow.settings, scheme="https", verify=False)
    with FlowClient(settings) as flow, pytest.raises(FateTlsError, match="'http'"):
        flow.server.version()
    assert fake_flow.requests.count() == 0


async def test_the_async_client_repeats_alike(fake_flow: FakeFlow, dag: dict[str, Any]) -> None:
    fake_flow.faults.reset("/job/query")
    fake_flow.faults.drop_reply_after_submit()
    async with AsyncFlowClient(fake_flow.settings) as flow:
        assert await flow.job.query(job_id="1") == []
        with pytest.raises(FateAmbiguousSubmitError):
            await flow.job.submit(dag)

    assert fake_flow.requests.count("/job/query") == 2
    assert fake_flow.requests.count("/job/submit") == 1


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (httpx.ConnectError("refused"), FateUnreachable, False),
        (httpx.ConnectTimeout("slow"), FateTimeout, False),
        (httpx.PoolTimeout("full"), FateTimeout, False),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), FateTlsError, False),
        (httpx.ReadError("[SSL: UNEXPECTED_EOF_WHILE_READING]"), FateUnreachable, True),
        (httpx.ReadTimeout("slow"), FateTimeout, True),
        (httpx.WriteTimeout("slow"), FateTimeout, True),
        (httpx.RemoteProtocolError("cut"), FateUnreachable, True),
    ],
)
def test_it_is_known_whether_anything_was_sent(
    error: httpx.HTTPError, kind: type[FateConnectionError], sent: bool
) -> None:
    translated = translate(FlowEnvelope(), FlowSettings("h"), post("/job/submit", lambda reply: None), error)

    assert type(translated) is kind
    assert translated.sent is sent

"""FATE-Flow's codes become exceptions that say what to do."""

from __future__ import annotations

import copy
import pickle

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.fate_flow.envelope import FlowEnvelope, error_of, parties_of
from airflow_provider_fate.clients.http.envelope import read
from airflow_provider_fate.clients.http.request import Once, Reply, get, post

ASK = get("/x", lambda reply: reply.data)
SUBMIT = post("/job/submit", lambda reply: reply.data, once=Once.SUBMIT)
RESPONSE = httpx.Response(200, request=httpx.Request("GET", "http://h/x"))

CREATE_FAILED = (
    'Traceback (most recent call last):\n  File "scheduler.py", line 389, in create_all_job\n'
    '    raise Exception("create job failed", response)\n'
    "Exception: ('create job failed', {'guest': {'9999': {'code': 0, 'message': 'success'}}, "
    "'host': {'10000': {'code': 104, 'message': 'Federated schedule error, status = StatusCode.UNAVAILABLE\\n\\t"
    'details = "Connection refused"\'}}})\n'
)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, e.FateInvalidJobError),
        (1001, e.FateJobNotFound),
        (1002, e.FateCreateJobError),
        (1003, e.FateServerError),
        (1004, e.FateServerError),
        (1005, e.FateResourceError),
        (1006, e.FateResourceError),
        (1007, e.FateInvalidJobError),
        (2000, e.FateTaskNotFound),
        (2001, e.FateServerError),
        (2002, e.FateServerError),
        (2003, e.FateServerError),
        (2004, e.FateResourceError),
        (2005, e.FateModelNotFound),
        (2006, e.FateServerError),
        (2007, e.FateServerError),
        (2008, e.FateServerError),
        (3000, e.FateNotOfferedError),
        (4000, e.FateInvalidParameterError),
        (4001, e.FateInvalidParameterError),
        (5000, e.FateClockSkewError),
        (5001, e.FateInvalidParameterError),
        (5002, e.FateUnknownAppError),
        (5003, e.FateSignatureError),
        (5004, e.FatePermissionError),
        (5005, e.FatePermissionError),
        (5006, e.FateInvalidParameterError),
        (5007, e.FateInvalidParameterError),
        (5008, e.FateServerError),
        (5009, e.FateInvalidParameterError),
        (6000, e.FateServerError),
        (6001, e.FateNotOfferedError),
        (6002, e.FateServerError),
        (6003, e.FateNotFoundError),
        (6004, e.FateNotFoundError),
        (7001, e.FateTableNotFound),
        (7002, e.FateTableExists),
        (8001, e.FateFileNotFound),
        (8002, e.FateFileExists),
        (104, e.FateServerError),
        (99999, e.FateServerError),
    ],
)
def test_each_code_has_its_exception(code: int, kind: type[e.FateError]) -> None:
    error = error_of(ASK, Reply(code=code, message="No found job: job_id[1]", id="1"), RESPONSE)

    assert type(error) is kind
    assert isinstance(error, e.FateError)
    assert error.code == code
    assert error.endpoint == "GET /x"


def test_104_at_a_submit_leaves_open_whether_a_job_exists() -> None:
    error = error_of(SUBMIT, Reply(code=104, message="Federated schedule error, DEADLINE_EXCEEDED"), RESPONSE)

    assert isinstance(error, e.FateAmbiguousSubmitError)
    assert not e.is_transient(error)


def test_a_refused_job_names_the_parties_that_refused() -> None:
    error = error_of(SUBMIT, Reply(code=1002, message=CREATE_FAILED, id="2026"), RESPONSE)

    assert isinstance(error, e.FateCreateJobError)
    assert error.job_id == "2026"
    assert list(error.parties) == [("host", "10000")]
    assert "Connection refused" in error.parties["host", "10000"]
    assert error.party == "host 10000"
    assert "host 10000" in str(error)
    assert "Traceback" not in str(error)
    assert e.is_transient(error)


def test_a_party_that_refuses_is_no_passing_trouble() -> None:
    message = "('create job failed', {'host': {'10000': {'code': 5005, 'message': 'No Permission: type[component]'}}})"
    error = error_of(SUBMIT, Reply(code=1002, message=message), RESPONSE)

    assert isinstance(error, e.FateCreateJobError)
    assert "grant" in str(error)
    assert not e.is_transient(error)


def test_a_failed_stop_carries_its_parties_as_json() -> None:
    message = '{"guest": {"9999": {"code": 0, "message": "success"}}, "host": {"10000": {"code": 104, "message": "x"}}}'

    assert parties_of(message) == {("guest", "9999"): (0, "success"), ("host", "10000"): (104, "x")}


@given(st.text() | st.text().map(lambda text: f"('create job failed', {{{text}}})"))
def test_whatever_the_server_writes_is_read_without_an_accident(message: str) -> None:
    assert isinstance(parties_of(message), dict)
    assert isinstance(error_of(SUBMIT, Reply(code=1002, message=message), RESPONSE), e.FateCreateJobError)


def test_a_missing_field_is_named() -> None:
    data = {"querystring": {"name": ["Missing data for required field."]}}
    error = error_of(ASK, Reply(code=5001, message="Invalid request.", data=data), RESPONSE)

    assert isinstance(error, e.FateInvalidParameterError)
    assert error.fields == {"name": ["Missing data for required field."]}
    assert "name" in str(error)


def test_a_missing_signature_is_about_authentication() -> None:
    error = error_of(ASK, Reply(code=5001, message="Invalid parameter: name[appId]"), RESPONSE)

    assert isinstance(error, e.FateAuthError)
    assert "app token" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>502 Bad Gateway</html>", e.FateProxyError),
        (200, b"<html>Please log in</html>", e.FateProxyError),
        (200, b"", e.FateProxyError),
        (200, b"[1]", e.FateProxyError),
        (200, b'{"detail": "hello"}', e.FateProxyError),
        (500, b'{"code": 0}', e.FateProxyError),
        (400, b"<html>The plain HTTP request was sent to HTTPS port</html>", e.FateTlsError),
        (200, b'{"retcode": 100, "retmsg": "<NotFound \'404: Not Found\'>"}', e.FateVersionError),
    ],
)
def test_what_is_no_answer_of_fate_flow_is_told_apart(status: int, body: bytes, kind: type[e.FateError]) -> None:
    with pytest.raises(e.FateError) as caught:
        read(FlowEnvelope(), ASK, httpx.Response(status, request=RESPONSE.request), body)

    assert type(caught.value) is kind


def test_an_excerpt_of_a_strange_page_is_short() -> None:
    with pytest.raises(e.FateProxyError) as caught:
        read(FlowEnvelope(), ASK, httpx.Response(502, request=RESPONSE.request), b"<html>" + b"x" * 100_000)

    assert len(str(caught.value)) < 500
    assert caught.value.status == 502


def test_an_answer_of_another_shape_is_an_error_of_ours() -> None:
    strange = get("/x", lambda reply: reply.data["missing"])
    with pytest.raises(e.FateServerError, match="unexpected"):
        read(FlowEnvelope(), strange, httpx.Response(200, request=RESPONSE.request), b'{"code": 0, "data": {}}')


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (e.FateUnreachable("x"), True),
        (e.FateTimeout("x"), True),
        (e.FateProxyError("x", status=502), True),
        (e.FateProxyError("x", status=404), False),
        (e.FateTlsError("x"), False),
        (e.FateNotFlowError("x"), False),
        (e.FateSignatureError("x"), False),
        (e.FateJobNotFound("x"), False),
        (e.FateResourceError("x", code=1005), True),
        (e.FateResourceError("x", code=1006), False),
        (e.FateServerError("OperationalError('database is locked')", code=6000), True),
        (e.FateServerError("KeyError('x')", code=6000), False),
        (e.FateServerError("Federated schedule error", code=104), True),
        (e.FateAmbiguousSubmitError("x"), False),
        (ValueError("x"), False),
    ],
)
def test_it_is_known_what_may_pass(error: Exception, transient: bool) -> None:
    assert e.is_transient(error) is transient


def test_an_error_survives_pickling_and_copying() -> None:
    error = e.FateCreateJobError("no", hint="ask", parties={("host", "1"): "why"}, job_id="7", code=1002)

    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert str(twin) == "no\nask"
        assert twin.parties == error.parties
        assert (twin.job_id, twin.code) == ("7", 1002)


def test_every_class_can_be_made_from_a_message_alone() -> None:
    for name in e.__all__:
        kind = getattr(e, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert str(kind("message")) == "message"

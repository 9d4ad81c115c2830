"""Errors of gRPC as FATE-Flow hands them on: as Python prints them, or once more as part of a printed value."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_fate.clients.fate_flow.grpc_words import without_grpc

RAW = """Federated schedule error, <_InactiveRpcError of RPC that terminated with:
\tstatus = StatusCode.UNAVAILABLE
\tdetails = "broker 9999 -> 10000 (a:9370): failed to connect to all addresses; last error: UNKNOWN: ipv4:a:9360: Failed to connect to remote host: Connection refused"
\tdebug_error_string = "UNKNOWN:Error received from peer  {grpc_status:14, grpc_message:"broker 9999 -> 10000"}"
>"""  # noqa: E501
PLAIN = (
    "Federated schedule error, ipv4:a:9360: Failed to connect to remote host: Connection refused (gRPC: UNAVAILABLE)"
)


@pytest.mark.parametrize("times", [0, 1, 2], ids=["as it is", "printed", "printed twice"])
def test_an_error_of_grpc_becomes_one_sentence(times: int) -> None:
    text = RAW
    for _ in range(times):
        text = repr({"message": text})
    assert PLAIN in without_grpc(text)
    assert "debug_error_string" not in without_grpc(text)


def test_what_stands_around_it_stays() -> None:
    assert without_grpc(f"before {RAW} after {RAW} end") == f"before {PLAIN} after {PLAIN} end"
    assert without_grpc("guest 9999 -> host 10000") == "guest 9999 -> host 10000"


def test_the_whole_of_it_stands_in_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        without_grpc(RAW)
    assert RAW in caplog.text

"""Clients of the fake server, and a server that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from tests.support.fake_flow import FakeFlow

Answers = Callable[[str, str], tuple[int, str, bytes]]


@pytest.fixture
def flow(fake_flow: FakeFlow) -> Iterator[FlowClient]:
    """A client of the fake server."""
    with FlowClient(fake_flow.settings) as client:
        yield client


@pytest.fixture
def dag() -> dict[str, Any]:
    """A job of two tasks on two parties."""
    artifact = {"task_output_artifact": {"producer_task": "reader_0", "output_artifact_key": "output_data"}}
    return {
        "schema_version": "2.2.0",
        "dag": {
            "parties": [{"role": "guest", "party_id": ["9999"]}, {"role": "host", "party_id": ["10000"]}],
            "conf": {"extra": {"mark": "m1"}},
            "tasks": {
                "reader_0": {"component_ref": "reader"},
                "psi_0": {"component_ref": "psi", "inputs": {"data": {"input_data": artifact}}},
            },
        },
    }


@pytest.fixture
def serve() -> Iterator[Callable[[Answers], FlowSettings]]:
    """Start a server that answers each ``(method, path)`` with ``(status, content type, body)``."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(answers: Answers) -> FlowSettings:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, kind, body = answers(self.command, self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return FlowSettings(host="127.0.0.1", port=server.server_address[1], timeout=5, retries=1, retry_wait=0.01)

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()

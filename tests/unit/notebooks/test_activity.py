from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_fate.errors import FateAuthError, FateConnectionError
from airflow_provider_fate.notebooks.activity import ask_activity

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Jupyter:
    """Answers as Jupyter Server does; test_notebook.py asks a real one the same."""

    def __init__(self) -> None:
        self.kernels: list[dict[str, Any]] = []
        self.terminals: list[dict[str, Any]] = []
        self.status = {"last_activity": "2026-01-01T11:59:00.000000Z"}
        self.paths: list[str] = []
        jupyter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                jupyter.paths.append(self.path)
                known = self.headers.get("Authorization") == "token the-token"
                name = self.path.partition("?")[0].rpartition("/")[2]
                body = json.dumps(getattr(jupyter, name) if known else {"message": "Forbidden"}).encode()
                self.send_response(200 if known else 403)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alice/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def jupyter() -> Iterator[Jupyter]:
    served = Jupyter()
    yield served
    served.server.shutdown()
    served.server.server_close()


def kernel(last: str, state: str = "idle") -> dict[str, Any]:
    return {"last_activity": f"2026-01-01T{last}:00.000000Z", "execution_state": state}


def test_kernels_and_terminals_count_and_an_open_page_does_not(jupyter: Jupyter) -> None:
    jupyter.kernels = [kernel("08:00"), kernel("09:00")]
    jupyter.terminals = [{"last_activity": "2026-01-01T10:00:00Z"}]
    activity = ask_activity(jupyter.url, "the-token")
    assert activity.idle_seconds(NOW) == 2 * 3600
    assert (activity.kernels, activity.busy) == (2, 0)
    assert all(path.startswith("/alice/api/") and "no_track_activity=1" in path for path in jupyter.paths)


def test_a_kernel_that_computes_is_not_idle(jupyter: Jupyter) -> None:
    jupyter.kernels = [kernel("01:00", "busy")]
    assert ask_activity(jupyter.url, "the-token").idle_seconds(NOW) == 0


def test_one_without_kernels_is_judged_by_its_requests(jupyter: Jupyter) -> None:
    assert ask_activity(jupyter.url, "the-token").idle_seconds(NOW) == 60


def test_a_wrong_token_and_a_dead_server_are_told_apart(jupyter: Jupyter) -> None:
    with pytest.raises(FateAuthError) as refused:
        ask_activity(jupyter.url, "another-token")
    assert "another-token" not in str(refused.value)
    with pytest.raises(FateConnectionError, match="does not answer"):
        ask_activity("http://127.0.0.1:1", "the-token")

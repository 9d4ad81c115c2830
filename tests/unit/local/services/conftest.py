from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_fate.local import processes
from airflow_provider_fate.local.services import LocalService, ServiceSpec

#: Answers with its pid, what it was started with, and how it is asked to behave.
SERVER = """
import json, os, subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if os.path.exists("refuse"):
    print("refused with", os.environ.get("TOKEN")); sys.exit(3)
if "child" in sys.argv:
    subprocess.Popen(["sleep", "600"], start_new_session=True)
if "naked" in sys.argv:  # one that has lost the tag with its environment
    subprocess.Popen(["sleep", "601"], start_new_session=True, env={})

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            os._exit(5)
        if self.path == "/chatter":
            print("x" * 5000, flush=True)
        body = json.dumps({"pid": os.getpid(), "env": dict(os.environ), "argv": sys.argv[1:], "cwd": os.getcwd()})
        self.send_response(200); self.end_headers(); self.wfile.write(body.encode())
    def log_message(self, *a): pass

ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "services"
    monkeypatch.setenv("FATE_LOCAL_SERVICES", str(home))
    return home


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., ServiceSpec]:
    script = tmp_path / "server.py"
    script.write_text(SERVER)

    def make(*arguments: str, **changed: object) -> ServiceSpec:
        command = [sys.executable, str(script), "{host}", "{port}", *arguments]
        return ServiceSpec(command=command, **changed)  # type: ignore[arg-type]

    return make


@pytest.fixture
def service(home: Path) -> Iterator[LocalService]:
    service = LocalService("one")
    yield service
    service.remove()
    assert processes.of_instance(service.folder) == []


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something that comes soon, however busy the machine is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)

"""The Test button: a person has to learn from one sentence what to change."""

import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from airflow_provider_fate.hooks.flow import FateFlowHook
from tests.support.task import CONN_ID, connect


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Repeats follow each other at once."""
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda seconds: None))


def answer():
    return FateFlowHook(CONN_ID).test_connection()


@pytest.fixture
def web_page():
    """A web server that is no FATE-Flow."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"<html>Welcome</html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_a_good_connection_says_version_party_and_authentication(fake_site, monkeypatch):
    connect(monkeypatch, fake_site)
    good, text = answer()
    assert good
    assert "FATE-Flow 2.2.0" in text
    assert "party 9999" in text
    assert "not signed" in text


def test_a_standalone_server_is_good_for_every_party(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow, party_id="10000", role="host")
    good, text = answer()
    assert good
    assert "standalone" in text


def test_signed_requests_are_named(fake_flow_auth, monkeypatch):
    connect(monkeypatch, fake_flow_auth)
    good, text = answer()
    assert good
    assert f"signed as app '{fake_flow_auth.app.app_id}'" in text
    assert fake_flow_auth.app.token not in text
    assert "does not check" not in text


def test_a_site_that_checks_no_signature_says_nothing_about_a_wrong_one(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow)
    connection = json.loads(os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"])
    monkeypatch.setenv(
        f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection | {"login": "some-app", "password": "wrong"})
    )
    good, text = answer()
    assert good
    assert "this site does not check who asks" in text


def test_nobody_listens(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow)
    with fake_flow.refusing():
        good, text = answer()
    assert not good
    assert "FateUnreachable" in text
    assert str(fake_flow.port) in text


def test_a_host_that_does_not_exist(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", '{"conn_type": "fate", "host": "no-such-host.invalid"}')
    good, text = answer()
    assert not good
    assert "no-such-host.invalid" in text


def test_tls_to_a_server_without_it(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow, tls=True)
    good, text = answer()
    assert not good
    assert "FateTlsError" in text


def test_something_that_is_not_fate_flow(fake_flow, web_page, monkeypatch):
    connect(monkeypatch, fake_flow)
    monkeypatch.setenv(
        f"AIRFLOW_CONN_{CONN_ID.upper()}", f'{{"conn_type": "fate", "host": "127.0.0.1", "port": {web_page}}}'
    )
    good, text = answer()
    assert not good
    assert "FateNotFlowError" in text


def test_the_server_of_another_party(fake_site, monkeypatch):
    connect(monkeypatch, fake_site, party_id="10000")
    good, text = answer()
    assert not good
    assert "'10000'" in text
    assert "'9999'" in text


def test_a_wrong_token(fake_flow_auth, monkeypatch):
    monkeypatch.setattr(type(fake_flow_auth), "app", property(lambda self: WrongToken(self._app.app_id)))
    connect(monkeypatch, fake_flow_auth)
    good, text = answer()
    assert not good
    assert "FateSignatureError" in text
    assert "guess" not in text


class WrongToken:
    def __init__(self, app_id):
        self.app_id, self.token = app_id, "guess-guess"


def test_no_app_id_where_one_is_needed(fake_flow_auth, monkeypatch):
    monkeypatch.setattr(type(fake_flow_auth), "app", None)
    connect(monkeypatch, fake_flow_auth)
    good, text = answer()
    assert not good
    assert "app" in text.lower()


def test_a_clock_that_is_behind(fake_flow_auth, monkeypatch):
    fake_flow_auth.gate.skew = 120
    connect(monkeypatch, fake_flow_auth)
    good, text = answer()
    assert not good
    assert "FateClockSkewError" in text
    assert "clock" in text


def test_a_server_that_does_not_answer(monkeypatch, fake_flow):
    connect(monkeypatch, fake_flow, timeout=1)
    fake_flow.faults.hang(times=None)
    good, text = answer()
    assert not good
    assert "FateTimeout" in text


def test_a_connection_with_a_wrong_field_is_explained_without_a_request(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow, cores="lots")
    good, text = answer()
    assert not good
    assert "cores" in text
    assert fake_flow.requests.count() == 0


def test_a_port_that_answers_garbage(fake_flow, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            while True:
                try:
                    conn, _ = server.accept()
                except OSError:
                    return
                conn.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                conn.close()

        threading.Thread(target=talk, daemon=True).start()
        port = server.getsockname()[1]
        monkeypatch.setenv(
            f"AIRFLOW_CONN_{CONN_ID.upper()}", f'{{"conn_type": "fate", "host": "127.0.0.1", "port": {port}}}'
        )
        good, text = answer()
    assert not good
    assert "Error" in text or "Fate" in text

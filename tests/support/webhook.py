"""Fixture: an admission webhook on loopback, which denies or is gone."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.cluster_of_kubernetes import Cluster

WHY = "widgets of this color are not allowed here"


class Webhook:
    """Denies all widgets of one namespace."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                response = {"uid": asked["request"]["uid"], "allowed": False, "status": {"message": WHY}}
                data = json.dumps({**asked, "request": None, "response": response}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cluster.server.certificate, cluster.server.home / "tls.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def register(self, namespace: str) -> None:
        """Have it asked about widgets."""
        self._cluster.ask("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"hooked": namespace}}},
                          "application/merge-patch+json")  # fmt: skip
        bundle = base64.b64encode(self._cluster.server.certificate.read_bytes()).decode()
        rule = {"apiGroups": ["test.example.org"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["widgets"]}
        hook = {
            "name": "widgets.hooks.example.org",
            "clientConfig": {"url": f"https://127.0.0.1:{self.server.server_address[1]}/", "caBundle": bundle},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"hooked": namespace}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 5,
        }
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": f"hook-{namespace}"},
            "webhooks": [hook],
        }
        self._cluster.create("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", body)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def webhook(cluster: Cluster, namespace: str) -> Iterator[Webhook]:
    """One that is asked about the widgets of the test's namespace."""
    hook = Webhook(cluster)
    hook.register(namespace)
    yield hook
    hook.close()
    cluster.delete(f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hook-{namespace}")

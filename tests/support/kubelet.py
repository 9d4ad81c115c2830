"""Fixture: the part of a node that serves the logs of its containers; the API server asks it for them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.cluster_of_kubernetes import MERGE, Cluster

NODE = "test-node"


class Kubelet:
    """A node without containers.

    :ivar logs: by namespace, pod, container, and whether it is the run before.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.logs: dict[tuple[str, str, str, bool], str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                _, what, namespace, pod, container = url.path.split("/")
                previous = parse_qs(url.query).get("previous") == ["true"]
                text = outer.logs.get((namespace, pod, container, previous), "")
                lines = int(parse_qs(url.query).get("tailLines", ["1000"])[0])
                data = "".join(text.splitlines(keepends=True)[-lines:]).encode()
                self.send_response(200 if what == "containerLogs" else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        home = cluster.server.home
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cluster.server.certificate, home / "tls.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def kubelet(cluster: Cluster) -> Iterator[Kubelet]:
    """One on the node that the tests' pods are on."""
    node = Kubelet(cluster)
    node.serve()
    cluster.ask("POST", "/api/v1/nodes", {"metadata": {"name": NODE}}, may_fail=True)
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": node.port}},
    }
    cluster.ask("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, MERGE)
    yield node
    node.close()

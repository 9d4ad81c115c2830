"""What the service keeps, and the clock that it lives by."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

from .kubernetes import FakeKubernetes, HelmError
from .records import moment, new_chart, new_cluster
from .web import WebFace


class FakeState(WebFace):
    """Records, workers and clock.

    :ivar pace: seconds that one of its seconds takes.
    :ivar helm_takes: its seconds that Helm needs.
    :ivar checks_at_most: so many looks at a new cluster are its hour.
    :ivar published: charts of the public repository, as name and version.
    :ivar lose: how many answers to orders are lost from now on, after they were carried out.
    :ivar logins: how often somebody has logged in.
    :ivar tokens: all that were given out, for tests that look where they got to.
    :ivar hold: answers to orders for clusters wait until this is set; ``None``: none does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pace = 0.02
        self.helm_takes = 0.1
        self.checks_at_most = 3600
        self.upgrade_manager_fails = self.rollback_fails = False
        self.published = {("fate", "v1.11.2"), ("fate-exchange", "v1.11.2"), ("fate-serving", "v2.1.6")}
        self.lose = 0
        self.logins = 0
        self.tokens: list[str] = []
        self.hold: threading.Event | None = None
        self.requests: list[str] = []
        self.clusters: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []
        self.charts: list[dict[str, Any]] = [new_chart(1, "fate", "v2.0.0", time.time())]
        self.kubernetes = FakeKubernetes(self.now)
        self._workers: list[tuple[float, Iterator[float]]] = []
        self._ahead = 0.0
        self._key = secrets.token_hex(8)

    @property
    def live(self) -> list[dict[str, Any]]:
        """Clusters that were not removed."""
        return [cluster for cluster in self.clusters if cluster["DeletedAt"] is None]

    def now(self) -> float:
        """The service's clock."""
        return time.time() + self._ahead

    def moment(self) -> str:
        return moment(self.now())

    def write(self, row: dict[str, Any], **values: Any) -> None:
        row.update(values)
        row["UpdatedAt"] = self.moment()

    def begin(self, worker: Iterator[float]) -> None:
        self._workers.append((self.now(), worker))

    def download(self, name: str, version: str) -> None:
        if (name, version) in self.published or any(
            (chart["name"], chart["version"]) == (name, version) and chart["DeletedAt"] is None for chart in self.charts
        ):
            return
        raise HelmError(f'failed to download "kubefate/{name}" at version "{version}"')

    def install_before(self, document: dict[str, Any]) -> dict[str, Any]:
        """A cluster that somebody has installed long ago."""
        text = json.dumps(document)
        orders = {
            "name": document["name"], "namespace": document["namespace"], "chart_name": document["chartName"],
            "chart_version": document["chartVersion"],
        }  # fmt: skip
        cluster = new_cluster(len(self.clusters) + 1, orders, text, document, self.now())
        cluster |= {"status": "Running", "revision": 1}
        self.clusters.append(cluster)
        self.kubernetes.install(document["namespace"], document["name"], document)
        self.kubernetes.releases[document["namespace"], document["name"]].ready_at = 0.0
        return cluster

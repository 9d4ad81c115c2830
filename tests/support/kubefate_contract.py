"""What KubeFATE does, whoever plays it: the fake, or the service that FATE_TEST_KUBEFATE_URL leads to.

Nothing here needs a node or an image: what is installed fails before anything is started.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from airflow_provider_fate.clients.kubefate import ClusterJob, ClusterOrder, KubefateClient, KubefateSettings
from airflow_provider_fate.errors import FateChartNotFound, FateClusterNotFound, FateInvalidParameterError

NAMESPACE = os.environ.get("FATE_TEST_KUBEFATE_NAMESPACE", "fate-9999")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def real_settings() -> KubefateSettings | None:
    """The service that the environment names; ``None``: none."""
    url = os.environ.get("FATE_TEST_KUBEFATE_URL")
    if not url:
        return None
    place = urlsplit(url)
    return KubefateSettings(
        place.hostname or "",
        place.port or (443 if place.scheme == "https" else 80),
        "https" if place.scheme == "https" else "http",
        user=os.environ.get("FATE_TEST_KUBEFATE_USER", "admin"),
        password=os.environ.get("FATE_TEST_KUBEFATE_PASSWORD", "admin"),
        host_header=os.environ.get("FATE_TEST_KUBEFATE_HOST"),
        prefix=place.path.rstrip("/"),
    )


def order(name: str, *, chart: str = "fate", version: str = "v0.0.1", text: str | None = None) -> ClusterOrder:
    document = f'{{"name": "{name}", "namespace": "{NAMESPACE}", "chartName": "{chart}", "chartVersion": "{version}"}}'
    return ClusterOrder(name, NAMESPACE, chart, version, document if text is None else text)


def until(client: KubefateClient, job_id: str, *states: str, patience: float = 30.0) -> ClusterJob:
    end = time.monotonic() + patience
    while True:
        job = client.jobs.get(job_id)
        assert job is not None
        if job.status in states or (states and job.states and job.states[-1].startswith(states)):
            return job
        assert time.monotonic() < end, job
        time.sleep(0.02)


class KubefateContract:
    """A subclass gives ``client``."""

    def test_it_says_its_version(self, client: KubefateClient) -> None:
        assert client.server.version().startswith("v1.")

    def test_what_is_not_there_is_none(self, client: KubefateClient) -> None:
        """KubeFATE says 500, and 'record not found'."""
        assert client.clusters.get(UNKNOWN) is None
        assert client.jobs.get(UNKNOWN) is None
        assert client.clusters.delete(UNKNOWN) is None
        client.jobs.delete(UNKNOWN)
        client.charts.delete(UNKNOWN)
        assert client.jobs.stop(UNKNOWN) is False
        with pytest.raises(FateClusterNotFound, match="get Cluster error, record not found"):
            client.clusters.log(UNKNOWN)
        with pytest.raises(FateClusterNotFound, match="is not existed"):
            client.clusters.update(order(f"none-{uuid4().hex[:8]}"))

    def test_an_order_without_a_chart_is_refused(self, client: KubefateClient) -> None:
        for given in (order("a", version=""), order("a", chart="")):
            with pytest.raises(FateInvalidParameterError, match="chartVersion cannot be empty"):
                client.clusters.install(given)

    def test_a_chart_must_be_packed(self, client: KubefateClient, tmp_path: Path) -> None:
        (tmp_path / "fate-v2.0.0.tgz").write_text("no gzip")
        with pytest.raises(FateInvalidParameterError, match=r"gzip: invalid header\nUpload a packed chart"):
            client.charts.upload(tmp_path / "fate-v2.0.0.tgz")

    def test_a_failed_installation_takes_its_record_away_and_never_ends(self, client: KubefateClient) -> None:
        name = f"airflow-{uuid4().hex[:8]}"
        begun = client.clusters.install(order(name))
        assert (begun.status, begun.cluster_id, begun.end_time, begun.orders.name) == ("Pending", "", None, name)
        failed = until(client, begun.uuid, "helm install error")
        assert failed.status == "Failed"
        assert failed.end_time is None
        assert failed.cluster_id
        assert client.clusters.get(failed.cluster_id) is None
        assert name not in {cluster.name for cluster in client.clusters.list()}
        removed = [cluster for cluster in client.clusters.list(removed=True) if cluster.name == name]
        assert [cluster.status for cluster in removed] == ["Deleted"]

    def test_a_document_that_is_no_yaml_leaves_its_job_running_for_ever(self, client: KubefateClient) -> None:
        begun = client.clusters.install(order(f"airflow-{uuid4().hex[:8]}", text="a: [1, {"))
        job = until(client, begun.uuid, "create Cluster error")
        assert job.status == "Running"
        client.jobs.delete(begun.uuid)
        assert client.jobs.get(begun.uuid) is None

    def test_the_example_of_a_chart_that_is_not_there_says_so(self, client: KubefateClient) -> None:
        from airflow_provider_fate.clients.http import get

        with pytest.raises(FateChartNotFound, match="Upload the chart first"):
            client._transport.run(get("/chart/valueTemplateExample/fate/v0.0.1", lambda reply: None))

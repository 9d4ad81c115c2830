"""FATE on Kubernetes through KubeFATE: deploy, change and remove clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_fate.errors import (
    FateChartNotFound,
    FateClusterExists,
    FateClusterNotFound,
    FateError,
    FateInputError,
)
from airflow_provider_fate.links.cluster import ClusterBoardLink, ClusterNotebookLink, persist_pages
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.reuse import OnClear, Reuse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.kubefate import ClusterRef, ClusterRequest
    from airflow_provider_fate.remote.kinds.kubefate_apply import ClusterApply
    from airflow_provider_fate.remote.kinds.kubefate_delete import ClusterDelete, ClusterName
    from airflow_provider_fate.remote.kinds.kubefate_install import ClusterInstall
    from airflow_provider_fate.remote.kinds.kubefate_update import ClusterUpdate

POLL = 5.0
"""Seconds between two looks: a cluster takes minutes."""
LONGEST = timedelta(hours=2)
"""Twice the hour after which KubeFATE gives up."""


class _ClusterOperator(RemoteWorkOperator["ClusterRef"]):
    """What the three have in common."""

    ui_color = "#e3eefc"
    # A cluster is taken up after a clear: it may be in use, and KubeFATE removes it with all of its data.
    reuse = Reuse(on_clear=OnClear.ATTACH)
    final_errors: ClassVar[tuple[type[FateError], ...]] = (
        *RemoteWorkOperator.final_errors,
        FateChartNotFound,
        FateClusterExists,
        FateClusterNotFound,
    )

    def __init__(self, *, kubefate_conn_id: str = "kubefate_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.poll_interval = self.poll_interval or POLL
        self.execution_timeout = self.execution_timeout or LONGEST
        self.kubefate_conn_id = kubefate_conn_id

    def announce(self, ref: ClusterRef, context: Context) -> None:
        """Push the id of KubeFATE's job."""
        if ref.job_id:
            context["ti"].xcom_push(key="kubefate_job_id", value=ref.job_id)


class _DescribedClusterOperator(_ClusterOperator):
    """One that is given a cluster.yaml."""

    template_fields: Sequence[str] = ("chart", "flow_url", "kubefate_conn_id")
    operator_extra_links = (ClusterBoardLink(), ClusterNotebookLink())

    def __init__(
        self,
        *,
        cluster: object,
        chart: str | None = None,
        flow_url: str | None = None,
        check_flow: bool = True,
        strict: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.chart = chart
        self.flow_url = flow_url
        self.check_flow = check_flow
        self.strict = strict

    def request(self, context: Context) -> ClusterRequest:
        """Render the cluster.yaml, and check what needs no server."""
        from airflow_provider_fate.clusters.addresses import flow_url
        from airflow_provider_fate.operators._cluster import checked, rendered
        from airflow_provider_fate.remote.kinds.kubefate import ClusterRequest
        from airflow_provider_fate.remote.kinds.kubefate_flow import flow_settings

        document = rendered(self, self.cluster, context)
        checked(document, strict=self.strict, log=self.log)
        if self.chart is not None and not Path(self.chart).is_file():
            raise FateInputError(f"chart={self.chart!r} is not a file on this worker.")
        if self.flow_url:
            flow_settings(self.flow_url)
        elif self.check_flow and "python" in document.modules and flow_url(document, "node") is None:
            raise FateInputError(
                "cluster: where its FATE-Flow will answer does not follow from python.type.",
                hint="Give python.httpNodePort (with NodePort) or python.loadBalancerIP (with LoadBalancer), or "
                "flow_url=, or check_flow=False if Airflow cannot reach it.",
            )
        chart = Path(self.chart) if self.chart else None
        return ClusterRequest(document, chart, self.flow_url or "", self.check_flow, self.strict)

    def result(self, ref: ClusterRef, found: Mapping[str, Any] | None, context: Context) -> Any:
        """Say where it is."""
        said = super().result(ref, found, context)
        flow = f", FATE-Flow {said['flow_version'] or ''} at {said['flow_url']}" if said["flow_url"] else ""
        self.log.info("Cluster %s/%s is ready (%s)%s", said["namespace"], said["name"], said["cluster_id"], flow)
        persist_pages(context, said["pages"])
        for module, url in said["pages"].items():
            self.log.info("%s: %s", module, url)
        return said


class FateClusterDeployOperator(_DescribedClusterOperator):
    """Put a party with FATE on Kubernetes through KubeFATE, and wait until its FATE-Flow answers.

    A cluster of this name whose cluster.yaml says the same is adopted; one that says something else is refused, or
    changed with ``existing="update"``: parties that are there get the routes to one that is added. An installation is
    begun once, whatever happens to worker, triggerer and KubeFATE. When the task is killed or out of
    time, an installation that it has begun is stopped and removed; a cluster that was there before stays.

    :param cluster: a ``Fate2Cluster``, a mapping, or the path of a cluster.yaml: absolute, or beside the DAG. Jinja in
        it is rendered when the task runs, and Airflow keeps nothing of it: write passwords as
        ``{{ conn.fate_mysql.password }}``.
    :param chart: path on the worker of the packed chart, which is uploaded if KubeFATE does not have it. Needed for
        FATE 2: no public repository has its chart. (templated)
    :param flow_url: where FATE-Flow will answer, such as ``http://10.0.0.5:30097``; default: what follows from the
        cluster.yaml and the address of a node. (templated)
    :param check_flow: wait until FATE-Flow answers; ``False`` if it cannot be reached from here.
    :param strict: refuse a cluster.yaml with keys, modules or names that would go wrong without a word; ``False``: only
        warn.
    :param existing: what becomes of a cluster of this name with another cluster.yaml: ``refuse`` (default), or
        ``update``, as :class:`FateClusterUpdateOperator` does.
    :param kubefate_conn_id: Airflow connection of the type ``kubefate``. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default 5.
    :param execution_timeout: how long it may take; default 2 hours. KubeFATE gives up after one, and removes it.
    :returns: ``{"name", "namespace", "cluster_id", "chart", "chart_version", "party_id", "status", "flow_url",
        "flow_version", "proxy", "pages", "connection"}`` as XCom; ``connection`` is a connection of the type ``fate``
        without credentials. With ``existing="update"`` also ``"changed"``: whether there was something to do.
    :raises AirflowFailException: the cluster.yaml is wrong, the name is taken, or the chart is missing. Not retried.
    :raises FateClusterFailed: KubeFATE has given up; carries what it says.
    """

    def __init__(self, *, existing: Literal["refuse", "update"] = "refuse", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if existing not in ("refuse", "update"):
            raise ValueError(f"existing={existing!r} is neither refuse nor update")
        self.existing = existing

    def kind(self) -> ClusterInstall | ClusterApply:
        """An installation, or what makes a cluster as it shall be."""
        from airflow_provider_fate.remote.kinds.kubefate_apply import ClusterApply
        from airflow_provider_fate.remote.kinds.kubefate_install import ClusterInstall

        return (ClusterApply if self.existing == "update" else ClusterInstall)(self.kubefate_conn_id)


class FateClusterUpdateOperator(_DescribedClusterOperator):
    """Change a cluster on Kubernetes through KubeFATE, and wait until its FATE-Flow answers (with the new version).

    A cluster that is like that already is left alone. An update cannot be cancelled: it goes on when the task is
    killed. One that fails is rolled back by KubeFATE, and the task fails. Newer versions only; their FATE's database is
    upgraded by the chart ``fate-upgrade-manager``.

    KubeFATE calls an update successful before the new pods run. What can be seen from outside is waited for: that all
    Deployments are available, that FATE-Flow answers, and where the version of the chart has changed, with which
    version.

    :param cluster: what the cluster shall be, as for :class:`FateClusterDeployOperator`.
    :param chart: likewise. (templated)
    :param flow_url: likewise. (templated)
    :param check_flow: likewise.
    :param strict: likewise.
    :param kubefate_conn_id: Airflow connection of the type ``kubefate``. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default 5.
    :param execution_timeout: how long to wait; default 2 hours.
    :returns: as :class:`FateClusterDeployOperator`, and ``"changed"``: whether there was something to do.
    :raises AirflowFailException: the cluster.yaml is wrong, there is no such cluster, or KubeFATE cannot update to it
        (an older version, another chart). Not retried.
    :raises FateConflictError: another job changes the cluster just now.
    :raises FateClusterFailed: the update has failed; the message says whether it was rolled back.
    """

    def kind(self) -> ClusterUpdate:
        """An update."""
        from airflow_provider_fate.remote.kinds.kubefate_update import ClusterUpdate

        return ClusterUpdate(self.kubefate_conn_id)


class FateClusterDeleteOperator(_ClusterOperator):
    """Remove a cluster from Kubernetes through KubeFATE; one that is not there is removed already.

    Make it the teardown of a :class:`FateClusterDeployOperator`, so that it runs whatever happens between. Volumes of
    StatefulSets survive (``persistence: true``), and pods may take a moment to end after the task.

    :param name: name of the cluster. (templated)
    :param namespace: its namespace. (templated)
    :param kubefate_conn_id: Airflow connection of the type ``kubefate``. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default 5.
    :param execution_timeout: how long to wait; default 2 hours. The removal goes on.
    :returns: ``{"name", "namespace", "removed"}`` as XCom: whether there was something to remove.
    :raises FateConflictError: the cluster is being updated.
    :raises FateClusterFailed: Helm could not remove it; KubeFATE forgets it all the same. The message says what to do.
    """

    template_fields: Sequence[str] = ("name", "namespace", "kubefate_conn_id")

    def __init__(self, *, name: str, namespace: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.namespace = namespace

    def kind(self) -> ClusterDelete:
        """A removal."""
        from airflow_provider_fate.remote.kinds.kubefate_delete import ClusterDelete

        return ClusterDelete(self.kubefate_conn_id)

    def request(self, context: Context) -> ClusterName:
        """What the arguments say."""
        from airflow_provider_fate.remote.kinds.kubefate_delete import ClusterName

        for argument in ("name", "namespace"):
            if not getattr(self, argument):
                raise FateInputError(f"{argument} is empty.", hint="Name the cluster that is to be removed.")
        return ClusterName(self.name, self.namespace)

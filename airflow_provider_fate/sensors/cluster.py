"""Wait for a cluster on Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.links.cluster import ClusterBoardLink, ClusterNotebookLink, persist_pages
from airflow_provider_fate.operators._moments import seconds
from airflow_provider_fate.sensors._base import FateTimedSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.event import Event
    from airflow_provider_fate.remote.kinds.kubefate import ClusterRef
    from airflow_provider_fate.remote.kinds.kubefate_awaited import ClusterAwaited
    from airflow_provider_fate.remote.work import WorkKind


class FateClusterSensor(FateTimedSensor["ClusterRef"]):
    """Wait for a cluster of KubeFATE that somebody else deploys: until it stands, is at rest, and FATE-Flow answers.

    A cluster that is not there, is being changed, or does not answer yet is waited for, and so is a KubeFATE that is
    away. Once FATE-Flow answers, :class:`~airflow_provider_fate.sensors.health.FateClusterHealthSensor` says more.

    :param name: name of the cluster. (templated)
    :param namespace: its namespace. (templated)
    :param version: version of FATE-Flow, or its beginning: ``2.0``; ``None``: any. (templated)
    :param flow_url: where FATE-Flow answers; default: what follows from its cluster.yaml. (templated)
    :param check_flow: whether FATE-Flow must answer.
    :param kubefate_conn_id: Airflow connection of the type ``kubefate``. (templated)
    :param timeout: how long to wait, ``timedelta`` or seconds; default: ``[sensors] default_timeout``. Not retried.
    :param poke_interval: shortest pause between two looks, ``timedelta`` or seconds.
    :param soft_fail: end as skipped at the timeout.
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param mode: ``poke`` waits in the worker; ``reschedule`` gives it up between two looks.
    :returns: what :class:`~airflow_provider_fate.operators.cluster.FateClusterDeployOperator` returns.
    :raises AirflowSensorTimeout: it was not so in time; says what was missing at last.
    :raises AirflowFailException: an argument or the connection is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("name", "namespace", "version", "flow_url", "kubefate_conn_id")
    ui_color = "#e3eefc"
    operator_extra_links = (ClusterBoardLink(), ClusterNotebookLink())

    def __init__(
        self,
        *,
        name: str,
        namespace: str,
        version: str | None = None,
        flow_url: str | None = None,
        check_flow: bool = True,
        kubefate_conn_id: str = "kubefate_default",
        timeout: timedelta | float | None = None,
        poke_interval: timedelta | float = 15.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.namespace = namespace
        self.version = version
        self.flow_url = flow_url
        self.check_flow = check_flow
        self.kubefate_conn_id = kubefate_conn_id
        self.timeout = seconds("timeout", conf.getfloat("sensors", "default_timeout") if timeout is None else timeout)
        self.poll_interval = seconds(
            "poke_interval", poke_interval if self.poll_interval is None else self.poll_interval
        )
        self.poke_interval = self.poll_interval

    def kind(self) -> ClusterAwaited:
        """A cluster that is waited for."""
        from airflow_provider_fate.remote.kinds.kubefate_awaited import ClusterAwaited

        return ClusterAwaited(self.kubefate_conn_id)

    def request(self, context: Context) -> ClusterRef:
        """What the arguments say."""
        from airflow_provider_fate.remote.kinds.kubefate import ClusterRef
        from airflow_provider_fate.remote.kinds.kubefate_flow import flow_settings
        from airflow_provider_fate.remote.work import Ownership

        for argument in ("name", "namespace"):
            if not getattr(self, argument):
                raise FateInputError(f"{argument} is empty.", hint="Name the cluster that is waited for.")
        if self.flow_url:
            flow_settings(self.flow_url)
        version = "" if self.version in (None, "", "None") else str(self.version)
        return ClusterRef(
            self.name,
            self.namespace,
            flow_url=self.flow_url or "",
            flow=self.check_flow,
            flow_version=version,
            ownership=Ownership.OBSERVED,
        )

    def result(self, ref: ClusterRef, found: Mapping[str, Any] | None, context: Context) -> Any:
        """Where it is."""
        said = super().result(ref, found, context)
        persist_pages(context, said["pages"])
        return said

    def out_of_time(self, kind: WorkKind[ClusterRef, Any], ref: ClusterRef, ended: Event) -> Exception:
        """As Airflow's sensors: not retried."""
        waited = timedelta(seconds=self.timeout)
        if self.execution_timeout is not None:
            waited = min(waited, self.execution_timeout)
        return AirflowSensorTimeout(f"Waited {waited} for {ref.id}: {ended.detail or 'KubeFATE could not be asked'}")

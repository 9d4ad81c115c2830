"""FATE 1.x on Kubernetes through FATE-Operator of Kubeflow: its Kubefate, FateCluster and FateJob objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.operators._kubernetes import KubernetesApplyOperator, KubernetesDeleteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.fate_operator import (
        FateClusterApply,
        FateClusterManifest,
        FateJobApply,
        KubefateApply,
    )
    from airflow_provider_fate.remote.kinds.fate_operator_delete import FateResourceDelete, FateResourceName
    from airflow_provider_fate.remote.kinds.kubernetes import KubernetesRef

__all__ = [
    "FateClusterResourceOperator",
    "FateJobResourceOperator",
    "FateKubefateResourceOperator",
    "FateResourceDeleteOperator",
]

_API_VERSION = "app.kubefate.net/v1beta1"
_RESOURCES = ("Kubefate", "FateCluster", "FateJob")


class _FateResourceOperator(KubernetesApplyOperator):
    def rendered(self, argument: str, context: Context) -> Any:
        """An argument that is no template field, because Airflow keeps and shows those."""
        return self.render_template(getattr(self, argument), context, self.get_template_env())

    def mapping(self, argument: str, context: Context) -> dict[str, Any]:
        """The same, which must be a mapping."""
        given = self.rendered(argument, context)
        if not isinstance(given, Mapping):
            raise FateInputError(f"{argument} is {type(given).__name__}, not a mapping.")
        return dict(given)


class FateKubefateResourceOperator(_FateResourceOperator):
    """Have FATE-Operator run a KubeFATE, and wait until its Deployments have pods that are ready.

    The controller calls it Running before there are pods; they are looked at here.

    :param name: of the Kubefate. (templated)
    :param namespace: where it lives; must exist. (templated)
    :param spec: its spec: ``config`` (environment variables; passwords by ``valueFrom`` from a Secret),
        ``ingressDomain``, ``image``, ``serviceAccountName``, ``volumeSource``. Jinja in it is rendered when the task
        runs.
    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``. (templated)
    :param force_conflicts: take over fields that others have set to something else; default: fail, and name them.
    :param pod_patience: how long its pods may be in trouble before the task fails; default 10 minutes.
    :param execution_timeout: how long it may take; default 2 hours.
    :returns: ``{"api_version", "kind", "namespace", "name", "uid", "host"}`` as XCom.
    :raises AirflowFailException: the spec is wrong, Kubernetes is newer than 1.21, or does not know the kind. Not
        retried.
    :raises FateObjectFailed: it has failed, or was deleted; carries what Kubernetes tells.
    """

    def __init__(self, *, spec: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec

    def kind(self) -> KubefateApply:
        """A KubeFATE."""
        from airflow_provider_fate.remote.kinds.fate_operator import KubefateApply

        return KubefateApply(self.kubernetes_conn_id)

    def manifest(self, context: Context) -> Mapping[str, Any]:
        """The Kubefate."""
        from airflow_provider_fate.clusters.fate_operator import check_kubefate_spec

        spec = self.mapping("spec", context)
        check_kubefate_spec(spec)
        return {"apiVersion": _API_VERSION, "kind": "Kubefate", "spec": spec}


class FateClusterResourceOperator(_FateResourceOperator):
    """Have FATE-Operator deploy a FATE 1.4 or 1.5 cluster, and wait until it runs.

    The controller has no failed state: where KubeFATE gives up an installation, it says Creating or Unavailable for
    ever. Here the task fails when pods are in trouble for long, when all pods have gone again, or when none came within
    10 minutes.

    **Its namespace must be its own.** Where the controller cannot remove a cluster through KubeFATE, or an installation
    has failed, it removes all Deployments, Services, Ingresses, Secrets and ConfigMaps of the namespace. A namespace
    that holds others' objects is refused.

    :param name: of the FateCluster. (templated)
    :param namespace: where it lives; must exist, and be its own. (templated)
    :param cluster: its ``clusterSpec``: ``chartName``, ``chartVersion``, ``partyId``, ``nodemanager`` and so on. Jinja
        in it is rendered when the task runs, and Airflow keeps nothing of it.
    :param kubefate: name of the Kubefate that deploys it. (templated)
    :param kubefate_namespace: its namespace. (templated)
    :param shared_namespace: accept others' objects in the namespace, which may be lost. The cluster is then not removed
        when the task is killed.
    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``. (templated)
    :param force_conflicts: take over fields that others have set to something else; default: fail, and name them.
    :param pod_patience: how long its pods may be in trouble before the task fails; default 10 minutes.
    :param execution_timeout: how long it may take; default 2 hours.
    :returns: ``{"api_version", "kind", "namespace", "name", "uid", "job_id", "cluster_id", "flow_host"}`` as XCom;
        ``flow_host`` is where its FATE-Flow answers inside of Kubernetes.
    :raises AirflowFailException: the cluster is wrong, its Kubefate is missing, Kubernetes is newer than 1.21, or does
        not know the kind. Not retried.
    :raises FateConflictError: the namespace holds others' objects.
    :raises FateObjectFailed: it has failed, or was deleted; carries what Kubernetes tells.
    """

    template_fields: Sequence[str] = (*KubernetesApplyOperator.template_fields, "kubefate", "kubefate_namespace")

    def __init__(
        self,
        *,
        cluster: Mapping[str, Any],
        kubefate: str = "kubefate",
        kubefate_namespace: str = "kube-fate",
        shared_namespace: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.kubefate = kubefate
        self.kubefate_namespace = kubefate_namespace
        self.shared_namespace = shared_namespace

    def kind(self) -> FateClusterApply:
        """A cluster."""
        from airflow_provider_fate.remote.kinds.fate_operator import FateClusterApply

        return FateClusterApply(self.kubernetes_conn_id)

    def manifest(self, context: Context) -> Mapping[str, Any]:
        """The FateCluster."""
        from airflow_provider_fate.clients.kubernetes.objects import check_name
        from airflow_provider_fate.clusters.fate_operator import check_cluster_spec

        for argument in ("kubefate", "kubefate_namespace"):
            check_name(argument, getattr(self, argument))
        cluster = self.mapping("cluster", context)
        check_cluster_spec(cluster)
        # The controller puts both there itself.
        cluster |= {"name": self.name, "namespace": self.namespace}
        used = {"name": self.kubefate, "namespace": self.kubefate_namespace}
        return {"apiVersion": _API_VERSION, "kind": "FateCluster", "spec": {"kubefate": used, "clusterSpec": cluster}}

    def request(self, context: Context) -> FateClusterManifest:
        """Check what needs no server."""
        from airflow_provider_fate.remote.kinds.fate_operator import FateClusterManifest

        asked = super().request(context)
        return FateClusterManifest(asked.body, asked.force, asked.patience, asked.names, self.shared_namespace)

    def result(self, ref: KubernetesRef, found: Mapping[str, Any] | None, context: Context) -> Any:
        """Say where its FATE-Flow is: a Service of that name is part of the chart."""
        return super().result(ref, found, context) | {"flow_host": f"fateflow.{ref.namespace}:9380"}


class FateJobResourceOperator(_FateResourceOperator):
    """Have FATE-Operator run a FATE 1.x job, and wait for its end.

    The controller says Running for ever of a job that has failed; the Job that it has made tells. It knows no FATE job
    id. Changes of a FateJob are ignored by it: each run needs a name of its own; one that has failed is removed and
    made anew by the next try.

    :param name: of the FateJob, new for each run: ``train-{{ ts_nodash | lower }}``. (templated)
    :param namespace: where it lives; must exist. (templated)
    :param cluster: name of the FateCluster that it runs on. (templated)
    :param cluster_namespace: its namespace. (templated)
    :param pipeline: the DSL of FATE 1.x, as a mapping or JSON. (templated)
    :param modules_conf: the runtime conf, likewise. (templated)
    :param image: of the container that submits it. (templated)
    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``. (templated)
    :param pod_patience: how long its pods may be in trouble before the task fails; default 10 minutes.
    :param execution_timeout: how long it may take; default 2 hours.
    :returns: ``{"api_version", "kind", "namespace", "name", "uid"}`` as XCom.
    :raises AirflowFailException: the job is wrong, its cluster is missing, Kubernetes is newer than 1.21, or does not
        know the kind. Not retried.
    :raises FateConflictError: there is a FateJob of this name that this task has not made.
    :raises FateObjectFailed: it has failed, or was deleted; carries what Kubernetes tells.
    """

    template_fields: Sequence[str] = (
        *KubernetesApplyOperator.template_fields,
        *("cluster", "cluster_namespace", "pipeline", "modules_conf", "image"),
    )

    def __init__(
        self,
        *,
        cluster: str,
        cluster_namespace: str,
        pipeline: Mapping[str, Any] | str,
        modules_conf: Mapping[str, Any] | str,
        image: str = "federatedai/job:1.5.1-release",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.cluster_namespace = cluster_namespace
        self.pipeline = pipeline
        self.modules_conf = modules_conf
        self.image = image

    def kind(self) -> FateJobApply:
        """A job."""
        from airflow_provider_fate.remote.kinds.fate_operator import FateJobApply

        return FateJobApply(self.kubernetes_conn_id)

    def manifest(self, context: Context) -> Mapping[str, Any]:
        """The FateJob."""
        from airflow_provider_fate.clients.kubernetes.objects import check_name
        from airflow_provider_fate.clusters.fate_operator import job_spec

        for argument in ("cluster", "cluster_namespace"):
            check_name(argument, getattr(self, argument))
        spec = job_spec(
            image=self.image,
            cluster=self.cluster,
            cluster_namespace=self.cluster_namespace,
            pipeline=self.pipeline,
            modules=self.modules_conf,
        )
        return {"apiVersion": _API_VERSION, "kind": "FateJob", "spec": spec}


class FateResourceDeleteOperator(KubernetesDeleteOperator):
    """Remove an object of FATE-Operator with all that belongs to it, unless others' objects would go with it.

    One that is not there is removed already. Refused are: a FateCluster whose namespace holds others' objects, which
    the controller may remove, too; a Kubefate that FateClusters need.

    :param resource: ``Kubefate``, ``FateCluster`` or ``FateJob``.
    :param name: of the object. (templated)
    :param namespace: where it lives. (templated)
    :param allow_wipe: remove a FateCluster although others' objects may go with it.
    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``. (templated)
    :param execution_timeout: how long to wait; default 2 hours.
    :returns: ``{"api_version", "kind", "namespace", "name", "removed"}`` as XCom: whether there was something.
    :raises FateConflictError: it is refused, and says why.
    """

    api_version = _API_VERSION

    def __init__(self, *, resource: str = "FateCluster", allow_wipe: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if resource not in _RESOURCES:
            raise ValueError(f"resource={resource!r} is not one of {', '.join(_RESOURCES)}")
        self.resource = resource
        self.allow_wipe = allow_wipe

    def kind(self) -> FateResourceDelete:
        """A removal."""
        from airflow_provider_fate.remote.kinds.fate_operator_delete import FateResourceDelete

        return FateResourceDelete(self.kubernetes_conn_id)

    def request(self, context: Context) -> FateResourceName:
        """What the arguments say."""
        from airflow_provider_fate.remote.kinds.fate_operator_delete import FateResourceName

        self.check_names()
        return FateResourceName(self.api_version, self.resource, self.namespace, self.name, self.allow_wipe)

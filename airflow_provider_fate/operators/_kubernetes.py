"""What all operators on Kubernetes objects have in common: the connection, the manifest, and what they announce."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_fate.errors import (
    FateConfigError,
    FateError,
    FateFieldConflict,
    FateInputError,
    FateKindNotServed,
    FateNamespaceNotFound,
    FatePermissionError,
)
from airflow_provider_fate.remote.operator import RemoteWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.kubernetes import KubernetesRef
    from airflow_provider_fate.remote.kinds.kubernetes_apply import KubernetesManifest
    from airflow_provider_fate.remote.kinds.kubernetes_delete import KubernetesDelete, KubernetesName

__all__ = ["KubernetesApplyOperator", "KubernetesDeleteOperator"]

LONGEST = timedelta(hours=2)
PATIENCE = timedelta(minutes=10)


# Generic only in what the reference is; never made by itself.
class _KubernetesOperator(RemoteWorkOperator["KubernetesRef"]):
    template_fields: Sequence[str] = ("name", "namespace", "kubernetes_conn_id")
    final_errors: ClassVar[tuple[type[FateError], ...]] = (
        *(FateInputError, FateConfigError, FatePermissionError),
        *(FateKindNotServed, FateNamespaceNotFound, FateFieldConflict),
    )

    def __init__(
        self, *, name: str, namespace: str, kubernetes_conn_id: str = "kubernetes_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.namespace = namespace
        self.kubernetes_conn_id = kubernetes_conn_id
        self.execution_timeout = self.execution_timeout or LONGEST

    def check_names(self) -> None:
        """Check the arguments that name the object.

        :raises FateInputError: one of them cannot be a name.
        """
        from airflow_provider_fate.clients.kubernetes.objects import check_name

        for argument in ("name", "namespace"):
            check_name(argument, getattr(self, argument))

    def announce(self, ref: KubernetesRef, context: Context) -> None:
        """Push what the object is, for ``kubectl``."""
        context["ti"].xcom_push(
            key="kubernetes_object",
            value={
                "api_version": ref.api_version,
                "kind": ref.object_kind,
                "namespace": ref.namespace,
                "name": ref.name,
            },
        )


class KubernetesApplyOperator(_KubernetesOperator):
    """Base of operators that make an object what it shall be, and wait until it is ready.

    A subclass says its :meth:`kind` (a ``KubernetesApply`` with a judge) and its :meth:`manifest`. An object that was
    not there is the task's own, and is removed when the task is killed or out of time; one that was there stays.

    :param name: of the object. (templated)
    :param namespace: where it lives; must exist. (templated)
    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``. (templated)
    :param force_conflicts: take over fields that others have set to something else; default: fail, and name them.
    :param pod_patience: how long its pods may be in trouble (images that cannot be pulled, containers that end again
        and again) before the task fails; default 10 minutes; ``None``: as long as the task may take.
    :param execution_timeout: how long it may take; default 2 hours.
    """

    def __init__(
        self, *, force_conflicts: bool = False, pod_patience: timedelta | None = PATIENCE, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.force_conflicts = force_conflicts
        self.pod_patience = pod_patience

    @abstractmethod
    def manifest(self, context: Context) -> Mapping[str, Any]:
        """The object: apiVersion, kind, and all that is to be said of it; name and namespace are set here.

        What it is made of is no template field if it may hold secrets: Airflow shows those, and keeps them.
        """

    def request(self, context: Context) -> KubernetesManifest:
        """Check what needs no server."""
        from airflow_provider_fate.clients.kubernetes import body_of
        from airflow_provider_fate.remote.kinds.kubernetes_apply import KubernetesManifest
        from airflow_provider_fate.remote.kinds.kubernetes_mark import names_of

        self.check_names()
        given = dict(self.manifest(context))
        metadata = {**(given.get("metadata") or {}), "name": self.name}
        body = body_of({**given, "metadata": metadata}, namespace=self.namespace)
        patience = None if self.pod_patience is None else self.pod_patience.total_seconds()
        return KubernetesManifest(body, self.force_conflicts, patience, names_of(context))


class KubernetesDeleteOperator(_KubernetesOperator):
    """Base of operators that remove an object with all that belongs to it, and wait until nothing of it is left.

    One that is not there is removed already. A kill does not take a removal back.

    :param name: of the object. (templated)
    :param namespace: where it lives. (templated)
    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``. (templated)
    :param execution_timeout: how long to wait; default 2 hours.
    :returns: ``{"api_version", "kind", "namespace", "name", "removed"}`` as XCom: whether there was something.
    """

    api_version: ClassVar[str]
    object_kind: ClassVar[str]

    def kind(self) -> KubernetesDelete:
        """A removal."""
        from airflow_provider_fate.remote.kinds.kubernetes_delete import KubernetesDelete

        return KubernetesDelete(self.kubernetes_conn_id)

    def request(self, context: Context) -> KubernetesName:
        """What the arguments say."""
        from airflow_provider_fate.remote.kinds.kubernetes_delete import KubernetesName

        self.check_names()
        return KubernetesName(self.api_version, self.object_kind, self.namespace, self.name)

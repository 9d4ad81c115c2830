"""Federations with OpenFL through FedLCM: a director, and envoys where the data is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.operators._fedlcm import (
    LcmManagedOperator,
    LcmWorkOperator,
    checked_name,
    checked_namespace,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.fedlcm_envoy import EnvoyAsked, EnvoyDeploy
    from airflow_provider_fate.remote.kinds.fedlcm_managed import DirectorDeploy, ManagedAsked


class FateLcmDirectorOperator(LcmManagedOperator):
    """Deploy the director of a federation with OpenFL through FedLCM, with its notebook, and wait until it is active.

    As :class:`~airflow_provider_fate.operators.fedlcm_deploy.FateLcmExchangeOperator`, whose parameters it has. FedLCM
    offers OpenFL only where ``LIFECYCLEMANAGER_EXPERIMENT_ENABLED`` is set.

    :param notebook_password: password of the notebook; empty: everybody may use it. Jinja in it is rendered when the
        task runs, and Airflow keeps nothing of it: write ``{{ conn.openfl_notebook.password }}``. It is sent as a hash.
    :returns: ``{"role", "name", "participant_id", "federation", "federation_id", "namespace", "status", "access"}`` as
        XCom; ``access`` has ``director``, ``agg`` and ``notebook``.
    """

    role = "director"

    def __init__(self, *, notebook_password: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notebook_password = notebook_password

    def kind(self) -> DirectorDeploy:
        """A deployment."""
        from airflow_provider_fate.remote.kinds.fedlcm_managed import DirectorDeploy

        return DirectorDeploy(self.fedlcm_conn_id)

    def request(self, context: Context) -> ManagedAsked:
        """What the arguments say."""
        if self.portal:
            raise FateInputError("portal=True: a federation with OpenFL has no site portal.")
        password = self.rendered(self.notebook_password, context)
        if not password:
            self.log.warning("The notebook of the director has no password: everybody may use it")
        return self.asked(context, notebook_password=password or "")


class FateLcmEnvoyOperator(LcmWorkOperator):
    """Deploy an envoy of OpenFL on the Kubernetes where its data is, and wait until it is active.

    It is registered with a token of its own, which serves once, for an hour at most, and is taken away afterwards.
    FedLCM installs a KubeFATE there if there is none, and keeps the kubeconfig, which its administrators can read.

    The one that this task has deployed is taken up again, and one of the same name and namespace is adopted. When the
    task is killed or out of time, what it has begun is removed.

    :param federation: name or id of the federation. (templated)
    :param name: name of the envoy. (templated)
    :param namespace: where it is installed; it must not be there yet, unless ``less_privileged``. (templated)
    :param kubeconfig: of the Kubernetes, as text. Jinja in it is rendered when the task runs, and Airflow keeps nothing
        of it: write ``{{ conn.hospital_k8s.extra_dejson.kube_config }}``.
    :param labels: for whoever runs experiments. (templated)
    :param config: YAML of its shard descriptor; default: the federation's. (templated)
    :param less_privileged: the kubeconfig may use this one namespace only, which is there already.
    :param enable_psp: make PodSecurityPolicies, which Kubernetes 1.25 and newer do not know.
    :param description: for people. (templated)
    :param fedlcm_conn_id: Airflow connection of the type ``fedlcm``. (templated)
    :returns: as :class:`FateLcmDirectorOperator`.
    :raises AirflowFailException: an argument is wrong, or FedLCM has no certificate authority. Not retried.
    :raises FateConflictError: there is another one, its namespace is there, or the director is not active.
    :raises FateClusterFailed: it has failed, or FedLCM was restarted and does not go on with it.
    """

    template_fields: Sequence[str] = (
        "federation",
        "name",
        "namespace",
        "labels",
        "config",
        "description",
        "fedlcm_conn_id",
    )

    def __init__(
        self,
        *,
        name: str,
        namespace: str,
        kubeconfig: str,
        labels: Mapping[str, str] | None = None,
        config: str = "",
        less_privileged: bool = False,
        enable_psp: bool = False,
        description: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.namespace = namespace
        self.kubeconfig = kubeconfig
        self.labels = labels
        self.config = config
        self.less_privileged = less_privileged
        self.enable_psp = enable_psp
        self.description = description

    def kind(self) -> EnvoyDeploy:
        """A deployment."""
        from airflow_provider_fate.remote.kinds.fedlcm_envoy import EnvoyDeploy

        return EnvoyDeploy(self.fedlcm_conn_id)

    def request(self, context: Context) -> EnvoyAsked:
        """What the arguments say."""
        from airflow_provider_fate.clients.fedlcm import Role
        from airflow_provider_fate.remote.kinds.fedlcm_envoy import EnvoyAsked

        kubeconfig = self.rendered(self.kubeconfig, context)
        if not isinstance(kubeconfig, str) or "clusters" not in kubeconfig:
            raise FateInputError(
                "kubeconfig is no kubeconfig: it names no clusters.", hint="Give its text, not its path."
            )
        return EnvoyAsked(
            federation=checked_name("federation", self.federation),
            role=Role.ENVOY,
            name=checked_name("name", self.name),
            namespace=checked_namespace(self.namespace),
            kubeconfig=kubeconfig,
            labels={str(key): str(value) for key, value in (self.labels or {}).items()},
            config=self.config,
            less_privileged=self.less_privileged,
            enable_psp=self.enable_psp,
            description=self.description,
        )

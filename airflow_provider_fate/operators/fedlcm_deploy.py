"""Federations with FATE 1.x through FedLCM: deploy their exchange and clusters, or tell of those that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.operators._fedlcm import (
    LcmManagedOperator,
    LcmWorkOperator,
    checked_name,
    checked_party,
    fate_role,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fedlcm import Access
    from airflow_provider_fate.remote.kinds.fedlcm_external import ExternalAsked, ExternalEntry
    from airflow_provider_fate.remote.kinds.fedlcm_managed import ExchangeDeploy, FateDeploy, ManagedAsked


class FateLcmExchangeOperator(LcmManagedOperator):
    """Deploy the exchange of a federation through FedLCM, and wait until it is active.

    The one that this task has deployed is taken up again, and one of the same name, namespace and version is adopted;
    another one is refused. A deployment is begun once, whatever happens to worker, triggerer and FedLCM; when the task
    is killed or out of time, what it has begun is removed. The reason of a failure comes from FedLCM's events.

    :param federation: name or id of the federation. (templated)
    :param name: name of the exchange. (templated)
    :param namespace: where it is installed. FedLCM makes it, and removes it with the exchange then; KubeFATE must have
        nothing in it. (templated)
    :param endpoint: name or id of the KubeFATE in FedLCM. (templated)
    :param version: of the chart, such as ``v1.11.1``; default: the newest that FedLCM has. (templated)
    :param portal: also the FML manager, which the site portals of the clusters need.
    :param service_type: ``"LoadBalancer"`` or ``"NodePort"``.
    :param certificates: let FedLCM's certificate authority issue certificates; ``False``: the secrets are there.
    :param values: changes of FedLCM's deployment YAML, merged into it. Jinja in it is rendered when the task runs, and
        Airflow keeps nothing of it: write passwords as ``{{ conn.fate_mysql.password }}``.
    :param registry: registry of the images; default: Docker's.
    :param registry_secret: use the credentials that FedLCM has for the registry of this Kubernetes.
    :param enable_psp: make PodSecurityPolicies, which Kubernetes 1.25 and newer do not know.
    :param description: for people. A mark is added, by which the task finds it again. (templated)
    :param fedlcm_conn_id: Airflow connection of the type ``fedlcm``. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default 10.
    :param execution_timeout: how long it may take; default 2 hours. FedLCM has no limit of its own.
    :returns: ``{"role", "name", "participant_id", "federation", "federation_id", "namespace", "status", "version",
        "party_id", "access", "managed", "pages", "portal_connection"}`` as XCom.
    :raises AirflowFailException: an argument is wrong, or asks for FATE 2. Not retried.
    :raises FateConflictError: there is another one.
    :raises FateClusterFailed: it has failed, or FedLCM was restarted and does not go on with it.
    """

    role = "exchange"

    def kind(self) -> ExchangeDeploy:
        """A deployment."""
        from airflow_provider_fate.remote.kinds.fedlcm_managed import ExchangeDeploy

        return ExchangeDeploy(self.fedlcm_conn_id)

    def request(self, context: Context) -> ManagedAsked:
        """What the arguments say."""
        return self.asked(context)


class FateLcmClusterOperator(LcmManagedOperator):
    """Deploy a cluster with FATE 1.x through FedLCM, and wait until it is active and the exchange has a route to it.

    As :class:`FateLcmExchangeOperator`. Of several clusters, map the task, and let one go after the other
    (``max_active_tis_per_dagrun=1``): FedLCM rewrites the routes of the exchange after each, without a lock.

    :param party_id: its party id. (templated)
    :param portal: also the site portal; the exchange needs ``portal=True``, too.
    :param enable_persistence: keep data on volumes.
    :param storage_class: of these volumes; default: that of Kubernetes. (templated)
    :param gpus: GPUs of FATE-Flow.
    :returns: as :class:`FateLcmExchangeOperator`. ``portal_connection`` is a connection of the type
        ``fate_site_portal`` without a password.

    All other parameters are those of :class:`FateLcmExchangeOperator`.
    """

    template_fields: Sequence[str] = (*LcmManagedOperator.template_fields, "party_id")
    role = "cluster"

    def __init__(self, *, party_id: str | int, enable_persistence: bool = False, gpus: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.party_id = party_id
        self.enable_persistence = enable_persistence
        self.gpus = gpus

    def kind(self) -> FateDeploy:
        """A deployment."""
        from airflow_provider_fate.remote.kinds.fedlcm_managed import FateDeploy

        return FateDeploy(self.fedlcm_conn_id)

    def request(self, context: Context) -> ManagedAsked:
        """What the arguments say."""
        return self.asked(
            context,
            party_id=checked_party(self.party_id),
            enable_persistence=self.enable_persistence,
            gpus=self.gpus,
        )


class FateLcmExternalOperator(LcmWorkOperator):
    """Tell FedLCM of an exchange or a cluster that was deployed elsewhere, and wait until the exchange has its route.

    An entry with the same addresses is adopted. Killed before it is ready, the task takes its entry out again.

    :param federation: name or id of the federation. (templated)
    :param role: ``"exchange"`` or ``"cluster"``.
    :param name: its name in the federation. (templated)
    :param proxy: ``host:port`` of the cluster's Pulsar, or of the exchange's traffic server. (templated)
    :param nginx: ``host:port`` of its nginx. (templated)
    :param party_id: of a cluster. (templated)
    :param description: for people. (templated)
    :param fedlcm_conn_id: Airflow connection of the type ``fedlcm``. (templated)
    :returns: as :class:`FateLcmExchangeOperator`.
    """

    template_fields: Sequence[str] = (
        "federation", "name", "proxy", "nginx", "party_id", "description", "fedlcm_conn_id",
    )  # fmt: skip

    def __init__(
        self,
        *,
        role: str,
        name: str,
        proxy: str,
        nginx: str,
        party_id: str | int = 0,
        description: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.role = role
        self.name = name
        self.proxy = proxy
        self.nginx = nginx
        self.party_id = party_id
        self.description = description

    def kind(self) -> ExternalEntry:
        """An entry."""
        from airflow_provider_fate.remote.kinds.fedlcm_external import ExternalEntry

        return ExternalEntry(self.fedlcm_conn_id)

    def request(self, context: Context) -> ExternalAsked:
        """What the arguments say."""
        from airflow_provider_fate.remote.kinds.fedlcm_external import ExternalAsked

        return ExternalAsked(
            federation=checked_name("federation", self.federation),
            role=fate_role(self.role, "exchange", "cluster"),
            name=checked_name("name", self.name),
            party_id=checked_party(self.party_id) if self.role == "cluster" else 0,
            proxy=_access("proxy", self.proxy, tls=True),
            nginx=_access("nginx", self.nginx, tls=False),
            description=self.description,
        )


def _access(argument: str, value: str, *, tls: bool) -> Access:
    from airflow_provider_fate.clients.fedlcm import Access

    host, _, port = str(value).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise FateInputError(f"{argument}={value!r} is no address.", hint="Write it like '10.0.0.5:30651'.")
    return Access(service_type="NodePort", host=host, port=int(port), tls=tls)

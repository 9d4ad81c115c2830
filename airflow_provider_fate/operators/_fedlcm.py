"""What the operators of FedLCM have in common: the connection, names, and what is rendered only while a task runs."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_fate.compat import mask_in_logs
from airflow_provider_fate.errors import FateConfigError, FateError, FateInputError
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.reuse import OnClear, Reuse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fedlcm import FedlcmClient, Role
    from airflow_provider_fate.remote.kinds.fedlcm import ParticipantRef
    from airflow_provider_fate.remote.kinds.fedlcm_managed import ManagedAsked

__all__ = [
    "LcmManagedOperator",
    "LcmSyncOperator",
    "LcmWorkOperator",
    "checked_name",
    "checked_namespace",
    "checked_party",
    "fate_role",
]

POLL = 10.0
"""Seconds between two looks: a deployment takes minutes, and FedLCM itself looks every five seconds."""
LONGEST = timedelta(hours=2)
"""FedLCM has no limit; KubeFATE gives up after an hour."""

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class LcmWorkOperator(RemoteWorkOperator["ParticipantRef"]):
    """Work on a participant of a federation."""

    ui_color = "#e3eefc"
    # A cluster is taken up after a clear: it may be in use, and FedLCM removes it with its namespace.
    reuse = Reuse(on_clear=OnClear.ATTACH)

    def __init__(self, *, federation: str, fedlcm_conn_id: str = "fedlcm_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.poll_interval = self.poll_interval or POLL
        self.execution_timeout = self.execution_timeout or LONGEST
        self.federation = federation
        self.fedlcm_conn_id = fedlcm_conn_id

    def announce(self, ref: ParticipantRef, context: Context) -> None:
        """Push the id of the participant."""
        if ref.uuid:
            context["ti"].xcom_push(key="fedlcm_participant_id", value=ref.uuid)

    def rendered(self, given: Any, context: Context) -> Any:
        """Render what may hold secrets, and hide these in logs. It is no template field: Airflow keeps those."""
        from airflow_provider_fate.clusters.secrets import secret_values

        value = self.render_template(given, context, self.get_template_env())
        for secret in secret_values(value) if isinstance(value, Mapping) else [value]:
            if secret:
                mask_in_logs(secret)
        return value


class LcmManagedOperator(LcmWorkOperator):
    """One that deploys with a chart."""

    template_fields: Sequence[str] = (
        "federation",
        "name",
        "namespace",
        "endpoint",
        "version",
        "description",
        "storage_class",
        "fedlcm_conn_id",
    )
    role: ClassVar[str]

    def __init__(
        self,
        *,
        name: str,
        namespace: str,
        endpoint: str,
        version: str = "",
        portal: bool = False,
        service_type: str = "LoadBalancer",
        certificates: bool = True,
        values: Mapping[str, Any] | None = None,
        registry: str = "",
        registry_secret: bool = False,
        enable_psp: bool = False,
        storage_class: str = "",
        description: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.namespace = namespace
        self.endpoint = endpoint
        self.version = version
        self.portal = portal
        self.service_type = service_type
        self.certificates = certificates
        self.values = values
        self.registry = registry
        self.registry_secret = registry_secret
        self.enable_psp = enable_psp
        self.storage_class = storage_class
        self.description = description

    def asked(self, context: Context, **more: Any) -> ManagedAsked:
        """Check the arguments, render what may hold passwords, and refuse FATE 2."""
        from airflow_provider_fate.clients.fedlcm import (
            CertificateMode,
            ImageRegistry,
            Role,
            ServiceType,
            certificates_of,
        )
        from airflow_provider_fate.clusters.fedlcm import refuse_fate_2
        from airflow_provider_fate.remote.kinds.fedlcm_managed import ManagedAsked

        types = {"LoadBalancer": ServiceType.LOAD_BALANCER, "NodePort": ServiceType.NODE_PORT}
        if self.service_type not in types:
            raise FateInputError(f"service_type={self.service_type!r} is neither 'LoadBalancer' nor 'NodePort'.")
        values = self.rendered(dict(self.values or {}), context)
        role = Role(self.role)
        if not role.is_openfl:
            refuse_fate_2(self.version, values)
        mode = CertificateMode.CREATE if self.certificates else CertificateMode.SKIP
        modes = dict.fromkeys(certificates_of(role, portal=True), CertificateMode.SKIP)
        modes |= dict.fromkeys(certificates_of(role, portal=self.portal), mode)
        return ManagedAsked(
            federation=checked_name("federation", self.federation),
            role=role,
            name=checked_name("name", self.name),
            namespace=checked_namespace(self.namespace),
            endpoint=checked_name("endpoint", self.endpoint),
            version=self.version,
            portal=self.portal,
            service_type=types[self.service_type],
            values=values,
            certificates=modes,
            registry=ImageRegistry(
                use_registry=bool(self.registry), registry=self.registry, use_registry_secret=self.registry_secret
            ),
            enable_psp=self.enable_psp,
            storage_class=self.storage_class,
            description=self.description,
            **more,
        )

    def result(self, ref: Any, found: Mapping[str, Any] | None, context: Context) -> Any:
        """Say where it is."""
        said = super().result(ref, found, context)
        self.log.info("%s is active; %s", ref.id, said["access"])
        return said


class LcmSyncOperator(BaseOperator):
    """Work that FedLCM has done when it answers."""

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("federation", "fedlcm_conn_id")
    final_errors: ClassVar[tuple[type[FateError], ...]] = (FateInputError, FateConfigError)

    def __init__(self, *, federation: str, fedlcm_conn_id: str = "fedlcm_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.federation = federation
        self.fedlcm_conn_id = fedlcm_conn_id

    @abstractmethod
    def work(self, fedlcm: FedlcmClient, context: Context) -> Any:
        """Do it, and return the XCom."""

    def execute(self, context: Context) -> Any:
        """Connect, and do it."""
        from airflow_provider_fate.hooks.fedlcm import FedlcmService
        from airflow_provider_fate.hooks.hook import read_connection

        try:
            checked_name("federation", self.federation)
            with read_connection(FedlcmService, self.fedlcm_conn_id).client() as fedlcm:
                return self.work(fedlcm, context)
        except self.final_errors as e:
            # The same input fails in the same way: a retry would only delay the message.
            raise AirflowFailException(str(e)) from None


def checked_name(argument: str, value: object) -> str:
    """Return a name that FedLCM can make one of Kubernetes of.

    :raises FateInputError: it is empty, or has neither letter nor digit.
    """
    if not isinstance(value, str) or not re.search(r"[A-Za-z0-9]", value) or len(value) > 255:
        raise FateInputError(f"{argument}={value!r} is no name.", hint="Write letters and digits.")
    return value


def checked_namespace(value: object) -> str:
    """Return a namespace of Kubernetes.

    :raises FateInputError: it cannot be one.
    """
    if not isinstance(value, str) or not _NAMESPACE.fullmatch(value):
        raise FateInputError(
            f"namespace={value!r} is no namespace of Kubernetes.",
            hint="Write small letters, digits and '-', 63 at most.",
        )
    return value


def checked_party(value: object) -> int:
    """Return a party id as FedLCM takes it.

    :raises FateInputError: it is none.
    """
    text = str(value).strip()
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise FateInputError(f"party_id={value!r} is no party id.", hint="Write a number above 0, such as '9999'.")
    return int(text)


def fate_role(value: str, *allowed: str) -> Role:
    """Return a role.

    :raises FateInputError: it is not one of those that are allowed.
    """
    from airflow_provider_fate.clients.fedlcm import Role

    if value not in allowed:
        raise FateInputError(f"role={value!r} is not one of {', '.join(allowed)}.")
    return Role(value)

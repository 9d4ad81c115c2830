"""What FedLCM says of itself and of where it deploys. Whatever may hold a secret is hidden in ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "Answer",
    "Authority",
    "AuthorityStatus",
    "Certificate",
    "Chart",
    "ChartType",
    "Endpoint",
    "EndpointStatus",
    "EventLog",
    "ImageRegistry",
    "Infra",
    "LcmEvent",
    "LcmFederation",
    "Listed",
    "Number",
    "ServiceStatus",
    "Texts",
]

T = TypeVar("T")

Listed = Annotated[list[T], BeforeValidator(lambda given: given or [])]
"""A list; Go writes an empty one as null."""
Texts = Annotated[dict[str, str], BeforeValidator(lambda given: given or {})]


class Number(IntEnum):
    """A state that is told as a number; others may come."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls(0)


class ChartType(Number):
    """What a chart is for."""

    UNKNOWN = 0
    EXCHANGE = 1
    CLUSTER = 2
    DIRECTOR = 3
    ENVOY = 4


class EndpointStatus(Number):
    """Where an endpoint stands."""

    UNKNOWN = 0
    CREATING = 1
    READY = 2
    DISMISSED = 3
    UNAVAILABLE = 4
    DELETING = 5


class AuthorityStatus(Number):
    """Whether the certificate authority answers."""

    UNKNOWN = 0
    UNHEALTHY = 1
    HEALTHY = 2


class Answer(BaseModel):
    """What every answer has in common."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class ServiceStatus(Answer):
    """What the service says of itself to everybody.

    :param experiments: whether it offers OpenFL.
    """

    message: str = Field(default="", alias="msg")
    version: str = Field(default="", alias="api_version")
    commit: str = Field(default="", alias="source_commit")
    experiments: bool = Field(default=False, alias="experiment_enabled")


class ImageRegistry(Answer):
    """A registry of images.

    :param secret: ``server_url``, ``username`` and ``password``, where the registry asks for them.
    """

    use_registry: bool = False
    registry: str = ""
    use_registry_secret: bool = False
    secret: Mapping[str, str] = Field(default_factory=dict, alias="registry_secret_config", repr=False)

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        return {
            "use_registry": self.use_registry,
            "registry": self.registry,
            "use_registry_secret": self.use_registry_secret,
            "registry_secret_config": dict(self.secret),
        }


class KubernetesInfo(Answer):
    """The Kubernetes of an infrastructure. Only :meth:`~.infra.InfraGroup.get` tells more than ``api_server``.

    :param kubeconfig: in clear, as FedLCM gives it to every administrator.
    """

    api_server: str = ""
    kubeconfig: str = Field(default="", alias="kubeconfig_content", repr=False)
    namespaces: Listed[str] = Field(default_factory=list, alias="namespaces_list")
    in_cluster: bool = Field(default=False, alias="is_in_cluster")
    registry: ImageRegistry | None = Field(default=None, alias="registry_config_fate", repr=False)


class Infra(Answer):
    """A Kubernetes that FedLCM deploys to."""

    uuid: str
    name: str = ""
    description: str = ""
    type: str = ""
    kubernetes: KubernetesInfo = Field(default_factory=KubernetesInfo, alias="kubernetes_provider_info")


class Endpoint(Answer):
    """A KubeFATE on an infrastructure, through which FedLCM deploys.

    :param deployment: the YAML by which it was installed; may hold passwords.
    :param is_managed: of a scan: whether FedLCM knows it.
    :param is_compatible: of a scan: whether it is new enough (1.4.4).
    """

    uuid: str = ""
    name: str = ""
    description: str = ""
    infra: str = Field(default="", alias="infra_provider_name")
    infra_uuid: str = Field(default="", alias="infra_provider_uuid")
    namespace: str = ""
    host: str = Field(default="", alias="kubefate_host")
    address: str = Field(default="", alias="kubefate_address")
    version: str = Field(default="", alias="kubefate_version")
    status: EndpointStatus = EndpointStatus.UNKNOWN
    deployment: str = Field(default="", alias="kubefate_deployment_yaml", repr=False)
    is_managed: bool = False
    is_compatible: bool = False


class Chart(Answer):
    """A chart that FedLCM has built in; no other can be added.

    :param portal: whether it brings the site portal (a cluster), or the FML manager (an exchange).
    """

    uuid: str
    name: str = ""
    chart: str = Field(default="", alias="chart_name")
    version: str = ""
    type: ChartType = ChartType.UNKNOWN
    portal: bool = Field(default=False, alias="contain_portal_services")


class EventData(Answer):
    """What has happened."""

    description: str = ""
    log_level: str = ""


class LcmEvent(Answer):
    """Something that has happened to an endpoint or a participant: the only place where reasons of failures are."""

    uuid: str = ""
    created: datetime | None = Field(default=None, alias="created_at")
    data: EventData = Field(default_factory=EventData)

    @property
    def words(self) -> str:
        """What has happened, on one line."""
        return " ".join(self.data.description.split())

    @property
    def is_error(self) -> bool:
        """Whether something has gone wrong."""
        return self.data.log_level == "Error"


class EventLog(Answer):
    """All that has happened to one of them, oldest first.

    :param asked: when this was so, by FedLCM's clock.
    """

    events: list[LcmEvent]
    asked: datetime | None = None

    def since(self, *beginnings: str) -> list[LcmEvent]:
        """Return the events from the last one on that begins like this; all, where none does."""
        starts = [i for i, event in enumerate(self.events) if event.words.startswith(beginnings)]
        return self.events[starts[-1] :] if starts else list(self.events)


class LcmFederation(Answer):
    """A federation.

    :param type: ``"FATE"`` or ``"OpenFL"``.
    :param domain: only where it is asked for by its id.
    """

    uuid: str
    name: str = ""
    description: str = ""
    type: str = ""
    domain: str = ""


class CertificateUse(Answer):
    """A service that uses a certificate."""

    participant: str = Field(default="", alias="participant_name")
    service: str = Field(default="", alias="service_description")
    federation: str = Field(default="", alias="federation_name")


class Certificate(Answer):
    """A certificate that FedLCM has issued. It lives for a year, and FedLCM renews none."""

    uuid: str
    name: str = ""
    serial_number: str = ""
    expires: datetime | None = Field(default=None, alias="expiration_date")
    common_name: str = ""
    uses: Listed[CertificateUse] = Field(default_factory=list, alias="bindings")


class Authority(Answer):
    """The certificate authority (StepCA): FedLCM has one at most.

    :param config: may hold its password.
    """

    uuid: str
    name: str = ""
    description: str = ""
    status: AuthorityStatus = AuthorityStatus.UNKNOWN
    message: str = Field(default="", alias="status_message")
    config: Mapping[str, Any] = Field(default_factory=dict, repr=False)

"""Who takes part in a federation, and what a deployment is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from .models import Answer, ImageRegistry, Listed, Number, Texts

__all__ = [
    "Access",
    "CertificateMode",
    "EnvoyOrder",
    "FateMembers",
    "FateOrder",
    "FateParticipant",
    "FateStatus",
    "OpenflMembers",
    "OpenflParticipant",
    "OpenflStatus",
    "ParticipantPage",
    "RegistrationToken",
    "Role",
    "ServiceType",
    "ShardDescriptor",
    "Upgrades",
    "certificates_of",
]


class Role(StrEnum):
    """What a participant is; also the part of the path by which FedLCM knows it."""

    EXCHANGE = "exchange"
    CLUSTER = "cluster"
    DIRECTOR = "director"
    ENVOY = "envoy"

    @property
    def is_openfl(self) -> bool:
        """Whether it belongs to a federation of OpenFL."""
        return self in (Role.DIRECTOR, Role.ENVOY)


class ServiceType(IntEnum):
    """How services are reached from outside."""

    LOAD_BALANCER = 1
    NODE_PORT = 2


class CertificateMode(IntEnum):
    """Where the certificate of a service comes from."""

    SKIP = 1
    """None is made: the secret is there, or is put there by somebody else."""
    CREATE = 3
    """FedLCM's certificate authority issues it. (Reuse, 2, is refused by FedLCM for most services.)"""


class FateStatus(Number):
    """Where an exchange or a cluster stands."""

    UNKNOWN = 0
    ACTIVE = 1
    INSTALLING = 2
    REMOVING = 3
    RECONFIGURING = 4
    FAILED = 5
    UPGRADING = 6


class OpenflStatus(Number):
    """Where a director or an envoy stands."""

    UNKNOWN = 0
    ACTIVE = 1
    REMOVING = 2
    FAILED = 3
    INSTALLING_DIRECTOR = 4
    CONFIGURING_INFRA = 5
    INSTALLING_ENDPOINT = 6
    INSTALLING_ENVOY = 7


class Access(Answer):
    """Where a service of a participant is reached."""

    service_type: str = ""
    host: str = ""
    port: int = 0
    tls: bool = False
    fqdn: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        return self.model_dump()


class ParticipantPage(Answer):
    """A page of a cluster."""

    hosts: Listed[str] = Field(default_factory=list)
    addresses: Listed[str] = Field(default_factory=list)
    tls: bool = False


Accesses = Annotated[dict[str, Access], BeforeValidator(lambda given: given or {})]
Ingresses = Annotated[dict[str, ParticipantPage], BeforeValidator(lambda given: given or {})]


class _Participant(Answer):
    """What all participants have in common."""

    uuid: str
    name: str = ""
    description: str = ""
    created: datetime | None = Field(default=None, alias="created_at")
    endpoint_uuid: str = ""
    infra: str = Field(default="", alias="infra_provider_name")
    chart_uuid: str = ""
    namespace: str = ""
    cluster_uuid: str = ""
    access: Accesses = Field(default_factory=dict, alias="access_info")
    deployment: str = Field(default="", alias="deployment_yaml", repr=False)


class FateParticipant(_Participant):
    """An exchange, or a cluster.

    :param version: of its chart. While an upgrade goes on it is the new one already.
    :param is_managed: whether FedLCM has deployed it, and not only written down where it is.
    :param deployment: its YAML, with the routes of an exchange; only where it is asked for by its id.
    :param pages: its Ingresses; likewise.
    """

    type: int = 0
    version: str = ""
    party_id: int = 0
    upgradeable: bool = False
    status: FateStatus = FateStatus.UNKNOWN
    is_managed: bool = True
    pages: Ingresses = Field(default_factory=dict, alias="ingress_info")


class FateMembers(Answer):
    """Who takes part in a federation with FATE."""

    exchange: FateParticipant | None = None
    clusters: Listed[FateParticipant] = Field(default_factory=list)


class OpenflParticipant(_Participant):
    """A director, or an envoy.

    :param token: text of the registration token that an envoy has used.
    """

    status: OpenflStatus = OpenflStatus.UNKNOWN
    token: str = Field(default="", alias="token_str", repr=False)
    token_name: str = ""
    labels: Texts = Field(default_factory=dict)


class OpenflMembers(Answer):
    """Who takes part in a federation with OpenFL."""

    director: OpenflParticipant | None = None
    envoys: Listed[OpenflParticipant] = Field(default_factory=list, alias="envoy")


class Upgrades(Answer):
    """To what an exchange or a cluster can be upgraded."""

    version: str = ""
    versions: Listed[str] = Field(default_factory=list, alias="upgradeable_version_list")


class RegistrationToken(Answer):
    """What lets an envoy register itself.

    :param text: the token itself, such as ``rand16:...``; hidden in ``repr``.
    :param limit: so many envoys may use it.
    """

    uuid: str
    name: str = ""
    description: str = ""
    expires: datetime | None = Field(default=None, alias="expired_at")
    limit: int = 0
    used: int = 0
    labels: Texts = Field(default_factory=dict)
    text: str = Field(default="", alias="token_str", repr=False)


class ShardDescriptor(Answer):
    """The data of a federation with OpenFL: its shapes, and the program that reads it on each envoy."""

    sample_shape: list[str]
    target_shape: list[str]
    envoy_config: str = Field(alias="envoy_config_yaml")
    python_files: dict[str, str] = Field(default_factory=dict, repr=False)

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        return self.model_dump(by_alias=True)


def certificates_of(role: Role, *, portal: bool = False) -> list[str]:
    """Return FedLCM's names of the certificates that a participant has.

    :param portal: also those of the site portal, or of the FML manager.
    """
    own = {
        Role.EXCHANGE: ["proxy_server_cert_info"],
        Role.CLUSTER: ["pulsar_server_cert_info"],
        Role.DIRECTOR: ["director_server_cert_info", "jupyter_client_cert_info"],
        Role.ENVOY: [],
    }[role]
    of_portal = {
        Role.EXCHANGE: ["fml_manager_server_cert_info", "fml_manager_client_cert_info"],
        Role.CLUSTER: ["site_portal_server_cert_info", "site_portal_client_cert_info"],
    }
    return [*own, *(of_portal.get(role, []) if portal else [])]


@dataclass(frozen=True)
class FateOrder:
    """What the deployment of an exchange, a cluster or a director is asked for.

    :param deployment: the YAML for KubeFATE; may hold passwords. FedLCM puts its own name and namespace into it.
    :param enable_psp: make PodSecurityPolicies, which Kubernetes 1.25 does not know any more.
    :param certificates: by FedLCM's name of the service, such as ``pulsar_server_cert_info``.
    :param extra: other keys of the request, such as ``party_id``.
    """

    name: str
    description: str
    namespace: str
    chart_uuid: str
    endpoint_uuid: str
    deployment: str = field(repr=False)
    service_type: ServiceType = ServiceType.LOAD_BALANCER
    enable_psp: bool = False
    registry: ImageRegistry = field(default_factory=ImageRegistry)
    certificates: Mapping[str, CertificateMode] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        certificates = {
            name: {"binding_mode": int(mode), "uuid": "", "common_name": ""} for name, mode in self.certificates.items()
        }
        return {
            "name": self.name,
            "description": self.description,
            "namespace": self.namespace,
            "chart_uuid": self.chart_uuid,
            "endpoint_uuid": self.endpoint_uuid,
            "deployment_yaml": self.deployment,
            "service_type": int(self.service_type),
            "enable_psp": self.enable_psp,
            "registry_config": self.registry.to_json(),
            **certificates,
            **self.extra,
        }


@dataclass(frozen=True)
class EnvoyOrder:
    """What the registration of an envoy is asked for.

    :param kubeconfig: of the Kubernetes where it shall run. FedLCM keeps it, and shows it to its administrators.
    :param token: text of a registration token.
    :param namespace: empty: ``<federation>-envoy``. It must not be there yet, unless ``less_privileged``.
    :param config: YAML of the envoy's shard descriptor; empty: the federation's.
    """

    kubeconfig: str = field(repr=False)
    token: str = field(repr=False)
    name: str = ""
    description: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    config: str = field(default="", repr=False)
    chart_uuid: str = ""
    less_privileged: bool = False
    enable_psp: bool = False
    skip_common_files: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        return {
            "kubeconfig": self.kubeconfig,
            "token": self.token,
            "name": self.name,
            "description": self.description,
            "namespace": self.namespace,
            "labels": dict(self.labels),
            "config_yaml": self.config,
            "chart_uuid": self.chart_uuid,
            "less_privileged": self.less_privileged,
            "enable_psp": self.enable_psp,
            "skip_common_python_files": self.skip_common_files,
        }

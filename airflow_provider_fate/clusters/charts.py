"""The other charts of KubeFATE: FATE 1.x, the exchange, and FATE-Serving."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .fate2 import MODULES, Fate2Cluster, FateClusterBase, Nginx, Route, Switch
from .parts import Exposed, Ingress, IpAndPort, LoadBalancerIP, NodePort, Placed, Section, Stored

__all__ = ["ExchangeCluster", "Fate1Cluster", "Rollsite", "ServingCluster", "model_of"]


class Rollsite(Placed, Exposed):
    """The proxy between parties of FATE 1.x."""

    node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    enable_tls: bool | None = Field(default=None, alias="enableTLS")
    exchange: IpAndPort | None = None
    party_list: list[Route] | None = None
    polling: dict[str, Any] | None = None
    resources: dict[str, Any] | None = None


class Fate1Cluster(FateClusterBase):
    """A party with FATE 1.11."""

    known_modules: ClassVar[tuple[str, ...]] = ("rollsite", *(name for name in MODULES if name != "osx"))

    chart_version: str = "v1.11.2"
    federation: Literal["Eggroll", "Pulsar", "RabbitMQ"] = "Eggroll"
    rollsite: Rollsite | None = None
    spark: dict[str, Any] | None = None


class ExchangeNginx(Nginx):
    """nginx of an exchange."""

    replicas: int | None = None


class TrafficServer(Placed, Exposed):
    """Apache Traffic Server, which hands Pulsar's traffic on."""

    replicas: int | None = None
    node_port: NodePort | None = None
    route_table: dict[str, Any] | None = Field(default=None, alias="route_table")


class _Common(Section):
    name: str
    namespace: str
    chart_version: str
    party_id: int
    registry: str | None = None
    pull_policy: str | None = None
    image_pull_secrets: list[dict[str, str]] | None = None
    pod_security_policy: Switch | None = None
    modules: list[str]
    skipped_keys: list[str] | None = None


class ExchangeCluster(_Common):
    """An exchange; there is none for 2.x."""

    known_modules: ClassVar[tuple[str, ...]] = ("rollsite", "nginx", "trafficServer")

    chart_name: Literal["fate-exchange"] = "fate-exchange"
    rollsite: Rollsite | None = None
    nginx: ExchangeNginx | None = None
    traffic_server: TrafficServer | None = None


class ServingIngresses(Section):
    """Names of the pages."""

    serving_proxy: Ingress | None = None
    serving_admin: Ingress | None = None


class ServingProxy(Placed, Exposed):
    """Serving's proxy."""

    node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    party_list: list[Route] | None = None
    exchange: IpAndPort | None = None


class ServingRedis(Placed, Stored):
    """Serving's cache."""

    password: str | None = Field(default=None, repr=False)
    sub_path: str | None = None


class ServingServer(Placed, Stored, Exposed):
    """The server of models."""

    node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    fateflow: IpAndPort | None = None
    cache_type: str | None = None
    single_adaptor: str | None = None
    batch_adaptor: str | None = None
    adapter_url: str | None = Field(default=None, alias="AdapterURL")
    sub_path: str | None = None


class ServingZookeeper(Placed, Stored):
    """Serving's registry of services."""

    sub_path: str | None = None
    storage_class_name: str | None = None


class ServingAdmin(Placed):
    """Serving's pages."""

    ingress_host: str | None = None
    username: str | None = None
    password: str | None = Field(default=None, repr=False)


class ServingCluster(_Common):
    """FATE-Serving."""

    known_modules: ClassVar[tuple[str, ...]] = (
        "servingProxy", "servingRedis", "servingServer", "servingZookeeper", "servingAdmin",
    )  # fmt: skip

    chart_name: Literal["fate-serving"] = "fate-serving"
    persistence: bool = False
    istio: Switch | None = None
    ingress_class_name: str | None = None
    ingress: ServingIngresses | None = None
    serving_proxy: ServingProxy | None = None
    serving_redis: ServingRedis | None = None
    serving_server: ServingServer | None = None
    serving_zookeeper: ServingZookeeper | None = None
    serving_admin: ServingAdmin | None = None
    external_redis_ip: str | None = None
    external_redis_port: int | None = None
    external_redis_password: str | None = Field(default=None, repr=False)


AnyCluster = Fate2Cluster | Fate1Cluster | ExchangeCluster | ServingCluster


def model_of(chart: str, version: str) -> type[AnyCluster] | None:
    """Return the model of a chart; ``None``: its keys are not known here."""
    major = version.removeprefix("v").partition(".")[0]
    match chart, major:
        case "fate", "2":
            return Fate2Cluster
        case "fate", "1" if version.removeprefix("v").startswith("1.11."):
            return Fate1Cluster
        case "fate-exchange", "1":
            return ExchangeCluster
        case "fate-serving", "2":
            return ServingCluster
    return None

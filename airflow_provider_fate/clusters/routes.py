"""Which routes a party needs to reach the others, as its chart writes them: from where the others listen.

The chart of FATE 2.0 makes nothing of ``osx.exchange``: its proxy has no default route. So behind an exchange each
other party gets the exchange's address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.errors import FateInputError

from .document import ClusterDocument

__all__ = ["Place", "exchange_routes", "party_routes"]


@dataclass(frozen=True)
class Place:
    """A cluster, and under which name or address the others reach its services.

    :param host: of a node, or of a load balancer; ``None``: all are in one Kubernetes, and find each other there.
    """

    document: ClusterDocument
    host: str | None = None

    @property
    def party_id(self) -> int:
        """Its party."""
        return int(self.document.party_id)


@dataclass(frozen=True)
class _Service:
    """How a module is exposed: section of cluster.yaml, name of its Service, and its port."""

    module: str
    service: str
    port: int
    node_port: str = "nodePort"

    def of(self, place: Place) -> tuple[str, int]:
        """Where others reach it.

        :raises FateInputError: they cannot.
        """
        document, section = place.document, place.document.section(self.module)
        where = f"cluster {document.namespace}/{document.name}: {self.module}"
        if self.module not in document.modules:
            raise FateInputError(f"{where} is not among its modules, and others have to reach it.")
        if place.host is None:
            return f"{self.service}.{document.namespace}", self.port
        match section.get("type"):
            case "NodePort" if str(section.get(self.node_port, "")).isdigit():
                return place.host, int(section[self.node_port])
            case "LoadBalancer":
                return str(section.get("loadBalancerIP") or place.host), self.port
        raise FateInputError(
            f"{where} is not reached from outside: type={section.get('type') or 'ClusterIP'!r}"
            + f", {self.node_port}={section.get(self.node_port)!r}"
            + ".",
            hint=f"Write type: NodePort and {self.node_port}, or type: LoadBalancer; or leave host away where all "
            "clusters are in one Kubernetes.",
        )


_OSX, _ROLLSITE = _Service("osx", "osx", 9370), _Service("rollsite", "rollsite", 9370)
_NGINX_HTTP = _Service("nginx", "nginx", 9300, "httpNodePort")
_NGINX_GRPC = _Service("nginx", "nginx", 9310, "grpcNodePort")
_FLOW_HTTP = _Service("python", "fateflow-client", 9380, "httpNodePort")
_FLOW_GRPC = _Service("python", "fateflow-client", 9360, "grpcNodePort")
_PULSAR = _Service("pulsar", "pulsar", 6650, "httpNodePort")
_PULSAR_TLS = _Service("pulsar", "pulsar", 6651, "httpsNodePort")
_RABBITMQ = _Service("rabbitmq", "rabbitmq", 5672)
_TRAFFIC = _Service("trafficServer", "traffic-server", 443)

DOMAIN = "fate.org"
"""Domain of Pulsar's names behind an exchange, where the cluster.yaml names none."""


def engine_of(document: ClusterDocument) -> str:
    """What carries messages: ``osx``, ``rollsite``, ``pulsar`` or ``rabbitmq``."""
    named = str(document.values.get("federation") or "")
    if named in ("Pulsar", "RabbitMQ"):
        return named.lower()
    return "rollsite" if document.version.startswith("v1.") else "osx"


def party_routes(own: Place, others: Sequence[Place], exchange: Place | None = None) -> dict[str, Any]:
    """Return the sections of a party's cluster.yaml with its routes.

    :param others: all other parties.
    :param exchange: through which they are reached; ``None``: directly.
    :raises FateInputError: one of them is not reached.
    """
    match engine_of(own.document):
        case "osx":
            return {"osx": _by_proxy(own, others, exchange, _OSX)}
        case "rollsite":
            return {"rollsite": _by_proxy(own, others, exchange, _ROLLSITE)}
        case "pulsar":
            return {"pulsar": _by_pulsar(own, others, exchange), "nginx": _by_nginx(own, others, exchange)}
    if exchange is not None:
        raise FateInputError(
            "federation: RabbitMQ knows no exchange.", hint="Leave the exchange away, or use OSX or Pulsar."
        )
    table: dict[str, Any] = {str(own.party_id): {"host": "rabbitmq", "port": 5672}}
    for other in others:
        host, port = _RABBITMQ.of(other)
        table[str(other.party_id)] = {"host": host, "port": port}
    return {"rabbitmq": _with_table(own, "rabbitmq", table), "nginx": _by_nginx(own, others, None)}


def exchange_routes(exchange: Place, members: Sequence[Place]) -> dict[str, Any]:
    """Return the sections of an exchange's cluster.yaml with the routes to all parties.

    :raises FateInputError: one of them is not reached.
    """
    engine = engine_of(members[0].document)
    if engine in ("osx", "rollsite"):
        service = _OSX if engine == "osx" else _ROLLSITE
        if service.module not in exchange.document.modules:
            raise FateInputError(
                f"exchange: {service.module} is not among its modules.",
                hint="For FATE 2 write a cluster of the chart fate with modules: [osx]; there is no fate-exchange 2.x."
                if engine == "osx"
                else "Write rollsite among the modules of fate-exchange.",
            )
        return {service.module: _with_routes(exchange, service.module, members, service)}
    sni = [
        {"fqdn": f"{member.party_id}.{_domain(member)}", "tunnelRoute": _joined(_PULSAR_TLS.of(member))}
        for member in members
    ]
    routes = {
        str(member.party_id): {
            "proxy": [_web(member, _NGINX_HTTP, _NGINX_GRPC)],
            "fateflow": [_web(member, _FLOW_HTTP, _FLOW_GRPC)],
        }
        for member in members
    }
    return {
        "trafficServer": {**exchange.document.section("trafficServer"), "route_table": {"sni": sni}},
        "nginx": {**exchange.document.section("nginx"), "route_table": routes},
    }


# --- engines ----------------------------------------------------------------------------------------------------------


def _by_proxy(own: Place, others: Sequence[Place], exchange: Place | None, service: _Service) -> dict[str, Any]:
    if exchange is None:
        return _with_routes(own, service.module, others, service)
    address = service.of(exchange)
    section = _with_routes(own, service.module, others, service, address=address)
    if service is _ROLLSITE:
        section["exchange"] = {"ip": address[0], "port": address[1]}
    return section


def _with_routes(
    own: Place, module: str, others: Sequence[Place], service: _Service, address: tuple[str, int] | None = None
) -> dict[str, Any]:
    """The section, its list with the routes to these parties; routes to others, which somebody has written, stay."""
    section = dict(own.document.section(module))
    known = {str(other.party_id) for other in others}
    kept = [one for one in section.get("partyList") or () if str(one.get("partyId")) not in known]
    routes = []
    for other in others:
        host, port = address or service.of(other)
        routes.append({"partyId": other.party_id, "partyIp": host, "partyPort": port})
    return {**section, "partyList": [*kept, *routes]}


def _by_pulsar(own: Place, others: Sequence[Place], exchange: Place | None) -> dict[str, Any]:
    table: dict[str, Any] = {str(own.party_id): {"host": "pulsar", "port": 6650, "sslPort": 6651, "proxy": ""}}
    if exchange is not None:
        host, port = _TRAFFIC.of(exchange)
        section = _with_table(own, "pulsar", table)
        return {**section, "exchange": {"ip": host, "port": port, "domain": _domain(own)}}
    for other in others:
        (host, port), (_, tls) = _PULSAR.of(other), _PULSAR_TLS.of(other)
        table[str(other.party_id)] = {"host": host, "port": port, "sslPort": tls, "proxy": ""}
    return _with_table(own, "pulsar", table)


def _by_nginx(own: Place, others: Sequence[Place], exchange: Place | None) -> dict[str, Any]:
    if exchange is not None:
        (host, http), (_, grpc) = _NGINX_HTTP.of(exchange), _NGINX_GRPC.of(exchange)
        return {**own.document.section("nginx"), "exchange": {"ip": host, "httpPort": http, "grpcPort": grpc}}
    table: dict[str, Any] = {}
    for other in others:
        nginx = _web(other, _NGINX_HTTP, _NGINX_GRPC)
        if other.document.version.startswith("v1."):
            table[str(other.party_id)] = {"proxy": [nginx], "fateflow": [_web(other, _FLOW_HTTP, _FLOW_GRPC)]}
        else:
            table[str(other.party_id)] = {"fateflow": [nginx]}
    return _with_table(own, "nginx", table)


def _with_table(own: Place, module: str, table: Mapping[str, Any]) -> dict[str, Any]:
    section = own.document.section(module)
    there = {str(party): route for party, route in (section.get("route_table") or {}).items()}
    return {**section, "route_table": {**there, **table}}


def _web(place: Place, http: _Service, grpc: _Service) -> dict[str, Any]:
    (host, http_port), (_, grpc_port) = http.of(place), grpc.of(place)
    return {"host": host, "http_port": http_port, "grpc_port": grpc_port}


def _domain(place: Place) -> str:
    exchange = place.document.section("pulsar").get("exchange")
    return str((exchange or {}).get("domain") or DOMAIN)


def _joined(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Where the parts of a cluster answer, as far as its cluster.yaml tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .document import ClusterDocument

__all__ = ["DEFAULT_HOSTS", "connection_of", "flow_url", "hosts_of", "page_urls", "proxy_address"]

DEFAULT_HOSTS = {
    "fateboard": "fateboard.example.com",
    "client": "notebook.example.com",
    "spark": "spark.example.com",
    "rabbitmq": "rabbitmq.example.com",
    "pulsar": "pulsar.example.com",
    "servingProxy": "serving-proxy.example.com",
    "servingAdmin": "serving-admin.example.com",
}
"""Names that the charts give where the cluster.yaml gives none: the same in every cluster."""

FLOW_PORT, PROXY_PORT = 9380, 9370


def hosts_of(document: ClusterDocument) -> dict[str, list[str]]:
    """Names of the Ingresses by module."""
    if document.section("istio").get("enabled"):
        return {}
    found: dict[str, list[str]] = {}
    for module in document.modules:
        if module in DEFAULT_HOSTS:
            section = document.section("ingress").get(module)
            hosts = section.get("hosts") if isinstance(section, Mapping) else None
            names = [str(host["name"]) for host in hosts or () if isinstance(host, Mapping) and host.get("name")]
            found[module] = names or [DEFAULT_HOSTS[module]]
    return found


def flow_url(document: ClusterDocument, node_ip: str | None) -> str | None:
    """Where FATE-Flow answers; ``None``: the cluster has none, or it cannot be told.

    :param node_ip: address of a node, as KubeFATE sees it.
    """
    if "python" not in document.modules:
        return None
    python = document.section("python")
    match python.get("type") or "ClusterIP":
        case "NodePort" if python.get("httpNodePort") and node_ip:
            return f"http://{_bracketed(node_ip)}:{python['httpNodePort']}"
        case "LoadBalancer" if python.get("loadBalancerIP"):
            return f"http://{_bracketed(str(python['loadBalancerIP']))}:{FLOW_PORT}"
        case "ClusterIP":
            return f"http://fateflow-client.{document.namespace}:{FLOW_PORT}"
    return None


def proxy_address(document: ClusterDocument, node_ip: str | None) -> str | None:
    """Where other parties reach this one, as ``host:port``; ``None``: it cannot be told."""
    name = next((name for name in ("osx", "rollsite") if name in document.modules), None)
    if name is None:
        return None
    proxy = document.section(name)
    match proxy.get("type") or "ClusterIP":
        case "NodePort" if proxy.get("nodePort") and node_ip:
            return f"{_bracketed(node_ip)}:{proxy['nodePort']}"
        case "LoadBalancer" if proxy.get("loadBalancerIP"):
            return f"{_bracketed(str(proxy['loadBalancerIP']))}:{PROXY_PORT}"
    return None


def page_urls(document: ClusterDocument) -> dict[str, str]:
    """Links to FATEBoard, the notebook and other pages by module. Of their ports nothing is known but the usual."""
    urls = {}
    for module, names in hosts_of(document).items():
        ingress = document.section("ingress").get(module)
        tls = isinstance(ingress, Mapping) and bool(ingress.get("tls"))
        urls[module] = f"{'https' if tls else 'http'}://{names[0]}"
    return urls


def connection_of(document: ClusterDocument, url: str | None) -> dict[str, Any] | None:
    """An Airflow connection of the type ``fate`` to the cluster, without credentials; ``None``: there is no address."""
    from urllib.parse import urlsplit

    if url is None:
        return None
    place = urlsplit(url)
    tls = place.scheme == "https"
    extra: dict[str, Any] = {"party_id": document.party_id, "tls": tls}
    if board := page_urls(document).get("fateboard"):
        extra["board_url"] = f"{board}/#/details?job_id={{job_id}}&role={{role}}&party_id={{party_id}}"
    return {"conn_type": "fate", "host": place.hostname, "port": place.port or (443 if tls else 80), "extra": extra}


def _bracketed(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip

"""What sections of cluster.yaml have in common.

Keys are those that the chart's ``values-template.yaml`` reads; all others are forbidden, since Helm ignores them
without a word.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "Deployed",
    "Exposed",
    "Ingress",
    "IngressHost",
    "IpAndPort",
    "LoadBalancerIP",
    "NodePort",
    "Placed",
    "Section",
    "ServiceType",
    "Stored",
]

NodePort = Annotated[int, Field(ge=1, le=65535)]
"""Kubernetes takes 30000 to 32767 where nobody has changed that."""
ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]
LoadBalancerIP = Annotated[str | None, Field(alias="loadBalancerIP")]


class Section(BaseModel):
    """A mapping of cluster.yaml: names in Python with underscores, in YAML as the chart writes them."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
        protected_namespaces=(),
        coerce_numbers_to_str=True,
    )


class IpAndPort(Section):
    """Where something listens."""

    ip: str | None = None
    port: int | None = None


class Placed(Section):
    """Something that runs on nodes of Kubernetes."""

    node_selector: dict[str, Any] | list[Any] | None = None
    tolerations: list[Any] | None = None
    affinity: dict[str, Any] | None = None


class Deployed(Placed):
    """Something with an image of its own."""

    image: str | None = None
    image_tag: str | None = None


class Stored(Section):
    """Something that keeps files; they are lost with the pod unless ``persistence`` is on."""

    existing_claim: str | None = None
    storage_class: str | None = None
    access_mode: str | None = None
    size: str | None = None


class Exposed(Section):
    """Something with a Service."""

    type: ServiceType | None = None


class IngressHost(Section):
    """A name of an Ingress."""

    name: str
    path: str | None = None


class Ingress(Section):
    """Under which names a page answers."""

    annotations: dict[str, Any] | None = None
    hosts: list[IngressHost] | None = None
    tls: list[dict[str, Any]] | None = None

"""``fedlcm.server``, ``fedlcm.infras``, ``fedlcm.endpoints``: the service, and where it deploys."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Request,
    Steps,
    Transport,
    endpoint,
    get,
    post,
    procedure,
)
from airflow_provider_fate.errors import FateServerError

from .models import Endpoint, ImageRegistry, Infra, ServiceStatus
from .reading import THERE_OR_NOT, by_name, many, nothing, or_none

__all__ = [
    "EndpointGroup",
    "InfraGroup",
    "IngressMode",
    "LcmServerGroup",
]


Endpoints = list[Endpoint]
"""Inside the class, ``list`` is its method."""


class IngressMode(IntEnum):
    """What becomes of the Ingress controller when FedLCM installs a KubeFATE."""

    SKIP = 0
    LOAD_BALANCER = 1
    NODE_PORT = 2
    NONEXISTENT = 3


class LcmServerGroup(Group[Transport]):
    """The service, and the user that asks."""

    @endpoint
    def status(self) -> Request[ServiceStatus]:
        """Return what the service says to everybody."""
        return get("/status", lambda reply: ServiceStatus.model_validate(reply.data), bare=True)

    @endpoint
    def user(self) -> Request[str]:
        """Return the name of the user.

        :raises FateAuthError: the connection's is not let in.
        """
        return get("/user/current", lambda reply: str(reply.data))


class InfraGroup(Group[Transport]):
    """Kubernetes clusters."""

    @endpoint
    def list(self) -> Request[list[Infra]]:
        """Return all, without their kubeconfigs."""
        return _infras()

    @endpoint
    def get(self, uuid: str) -> Request[Infra | None]:
        """Return one; ``None``: there is none. Holds its kubeconfig and the registry's password in clear."""
        return get(f"/infra/{uuid}", or_none(Infra), accept=THERE_OR_NOT)

    @procedure
    def create(
        self,
        name: str,
        kubeconfig: str,
        *,
        description: str = "",
        namespaces: Sequence[str] = (),
        in_cluster: bool = False,
        registry: ImageRegistry | None = None,
    ) -> Steps[Infra]:
        """Add one. FedLCM answers no id, so it is looked for by its name, which is unique.

        :param namespaces: those that the kubeconfig may use, where it is not a cluster admin's.
        :raises FateConflictError: the name is taken.
        :raises FateServerError: Kubernetes is not reached with it.
        """
        config = _kubernetes(kubeconfig, namespaces, in_cluster) | {
            "registry_config_fate": (registry or ImageRegistry()).to_json()
        }
        order = {
            "name": name,
            "description": description,
            "type": "Kubernetes",
            "kubernetes_provider_info": config,
        }
        yield post("/infra", nothing, json=order, once=Once.SUBMIT, slow=True)
        made: list[Infra] = yield _infras()
        found: Infra = by_name(made, name, "infrastructure")
        return found

    @endpoint
    def test(self, kubeconfig: str, *, namespaces: Sequence[str] = (), in_cluster: bool = False) -> Request[None]:
        """Let FedLCM try a kubeconfig.

        :raises FateError: it does not reach Kubernetes, or may not do what is needed.
        """
        given = _kubernetes(kubeconfig, namespaces, in_cluster)
        return post("/infra/kubernetes/connect", nothing, json=given, once=Once.REPEAT, slow=True)

    @endpoint
    def update(self, uuid: str, order: Mapping[str, Any]) -> Request[None]:
        """Change one; everything is overwritten. ``order`` is as FedLCM takes it at a creation."""
        return Request("PUT", f"/infra/{uuid}", nothing, json=order, once=Once.ACT, slow=True)

    @endpoint
    def delete(self, uuid: str) -> Request[None]:
        """Forget one, if it is there.

        :raises FateConflictError: there is still a KubeFATE on it.
        """
        return Request("DELETE", f"/infra/{uuid}", nothing, accept=THERE_OR_NOT)


class EndpointGroup(Group[Transport]):
    """KubeFATEs, through which FedLCM deploys."""

    @endpoint
    def list(self) -> Request[list[Endpoint]]:
        """Return all."""
        return get("/endpoint", many(Endpoint))

    @endpoint
    def get(self, uuid: str) -> Request[Endpoint | None]:
        """Return one; ``None``: there is none."""
        return get(f"/endpoint/{uuid}", or_none(Endpoint), accept=THERE_OR_NOT)

    @endpoint
    def scan(self, infra_uuid: str, namespace: str = "") -> Request[Endpoints]:
        """Look for KubeFATEs on an infrastructure."""
        given = {"infra_provider_uuid": infra_uuid, "type": "KubeFATE", "namespace": namespace}
        return post("/endpoint/scan", many(Endpoint), json=given, once=Once.REPEAT, slow=True)

    @procedure
    def deployment(
        self, hostname: str, *, namespace: str = "", user: str = "admin", password: str, registry: str = ""
    ) -> Steps[str]:
        """Return the YAML that installs a KubeFATE.

        FedLCM takes the password in the address, where every log of a proxy keeps it: so it is asked with another one,
        and the password is put into the answer here. A registry's credentials are left out for the same reason.
        """
        stand_in = f"stand-in-{secrets.token_hex(8)}"
        text: str = yield get(
            "/endpoint/kubefate/yaml",
            lambda reply: str(reply.data),
            params={
                "namespace": namespace,
                "service_username": user,
                "service_password": stand_in,
                "hostname": hostname,
                "use_registry": bool(registry),
                "registry": registry,
            },
        )
        if stand_in not in text:
            raise FateServerError("FedLCM's YAML for KubeFATE has no place for the password.")
        return text.replace(stand_in, json.dumps(password))

    @endpoint
    def create(
        self,
        name: str,
        infra_uuid: str,
        *,
        namespace: str = "",
        description: str = "",
        install: bool = False,
        deployment: str = "",
        ingress: IngressMode = IngressMode.SKIP,
    ) -> Request[str]:
        """Add a KubeFATE, and return its id; with ``install`` it is deployed after that, which takes minutes.

        An installation first *removes* a KubeFATE that is there. One that fails is called Unavailable, and its events
        say why.

        :raises FateAmbiguousSubmitError: the answer was lost.
        """
        order = {
            "name": name,
            "description": description,
            "infra_provider_uuid": infra_uuid,
            "type": "KubeFATE",
            "namespace": namespace,
            "install": install,
            "ingress_controller_service_mode": int(ingress),
            "kubefate_deployment_yaml": deployment,
        }
        return post("/endpoint", lambda reply: str(reply.data), json=order, once=Once.SUBMIT, slow=True)

    @endpoint
    def check(self, uuid: str) -> Request[None]:
        """Let FedLCM ask a KubeFATE, through a port of its pod.

        :raises FateError: it does not answer.
        """
        return post(f"/endpoint/{uuid}/kubefate/check", nothing, once=Once.REPEAT, slow=True)

    @endpoint
    def delete(self, uuid: str, *, uninstall: bool = False) -> Request[None]:
        """Forget a KubeFATE, if it is there; with ``uninstall`` it is removed after that."""
        return Request("DELETE", f"/endpoint/{uuid}", nothing, params={"uninstall": uninstall}, accept=THERE_OR_NOT)


def _infras() -> Request[list[Infra]]:
    return get("/infra", many(Infra))


def _kubernetes(kubeconfig: str, namespaces: Sequence[str], in_cluster: bool) -> dict[str, Any]:
    return {"kubeconfig_content": kubeconfig, "namespaces_list": list(namespaces), "is_in_cluster": in_cluster}

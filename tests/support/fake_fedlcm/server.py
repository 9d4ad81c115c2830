"""The service as a whole, and what tests put into it."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow_provider_fate.clients.fedlcm import FedlcmSettings

from .infra import InfraRoutes
from .openfl import OpenflRoutes
from .upgrade import UpgradeRoutes

PASSWORD = "fedlcm-s3cret"
KUBECONFIG = "apiVersion: v1\nclusters: []\nusers: [{user: {token: kubeconfig-s3cret}}]\n"


class FakeFedlcm(InfraRoutes, UpgradeRoutes, OpenflRoutes):
    """FedLCM."""

    users: ClassVar[tuple[str, ...]] = ("Admin",)
    forbidden: ClassVar[tuple[str, ...]] = ("guest",)
    password: ClassVar[str] = PASSWORD

    @property
    def settings(self) -> FedlcmSettings:
        """What a client needs."""
        return FedlcmSettings("127.0.0.1", self.port, password=PASSWORD, timeout=10, retry_wait=0.01)

    def with_endpoint(self) -> str:
        """A Kubernetes, and a KubeFATE on it that was there before; return its id."""
        infra = {
            "uuid": self.uuid(),
            "name": "k8s",
            "description": "",
            "type": "Kubernetes",
            "created_at": self.moment(),
        }
        self.infras.append(infra | {"kubernetes_provider_info": {"kubeconfig_content": KUBECONFIG}})
        given: dict[str, Any] = {
            "uuid": self.uuid(),
            "name": "kubefate",
            "infra_provider_uuid": infra["uuid"],
            "status": 2,
            "namespace": "kube-fate",
            "kubefate_version": "v1.4.5",
            "kubefate_deployment_yaml": "",
        }
        self.endpoints.append(given)
        return str(given["uuid"])

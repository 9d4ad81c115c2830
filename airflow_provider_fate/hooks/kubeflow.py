"""The connection type ``fate_kubeflow``: where a Kubeflow Model Registry is, and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_fate.hooks.form import Form
from airflow_provider_fate.hooks.registry import RegistryServer

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubeflow import KubeflowClient

__all__ = ["KubeflowServer"]


class KubeflowServer(RegistryServer):
    """A Kubeflow Model Registry, as an Airflow connection describes it."""

    form: ClassVar[Form] = Form(
        "fate_kubeflow",
        name="Kubeflow Model Registry (FATE)",
        what="a Kubeflow Model Registry",
        hook="airflow_provider_fate.hooks.kubeflow.KubeflowHook",
    )
    usual_port: ClassVar[int] = 8080

    def client(self) -> KubeflowClient:
        """Open a client; close it."""
        from airflow_provider_fate.clients.kubeflow import KubeflowClient

        return KubeflowClient(self.settings())

    def check(self) -> str:
        """Connect and report how many models may be seen.

        :raises FateError: it cannot be worked with.
        """
        with self.client() as registry:
            models = len(registry.models.all())
        who = f"as user {self.user!r}" if self.user else "with a token" if self.secret else "without credentials"
        return f"Kubeflow Model Registry at {self.settings().root_url}, {models} registered models, {who}."


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(KubeflowServer, name)

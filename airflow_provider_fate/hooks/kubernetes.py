"""Connections of the type ``kubernetes``: the hook of the provider ``cncf-kubernetes`` opens the client."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.compat import aget_connection
from airflow_provider_fate.errors import FateConfigError, FateError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import AsyncKubernetesClient

__all__ = ["DEFAULT", "KubernetesAccess"]

DEFAULT = "kubernetes_default"
"""Connection id. If there is no such connection, the pod's own service account is used, or ~/.kube/config."""


class KubernetesAccess:
    """One connection, and the client that its hook has opened; belongs to an event loop.

    :param conn_id: id of the Airflow connection.
    """

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id
        self._extras: dict[str, Any] | None = None
        self._open: AsyncExitStack | None = None
        self._client: AsyncKubernetesClient | None = None

    async def client(self) -> AsyncKubernetesClient:
        """The client; opened if it is not.

        :raises FateConfigError: the connection is wrong, or the provider ``cncf-kubernetes`` is not installed.
        """
        if self._client is None:
            self._client = await self._opened()
        return self._client

    async def close(self) -> None:
        """Close the client; the next question opens it anew, with the connection as it is then."""
        stack, self._open, self._client = self._open, None, None
        if stack is not None:
            await stack.aclose()

    async def _opened(self) -> AsyncKubernetesClient:
        try:
            # It takes seconds, in which nobody else in the event loop should have to wait.
            module = await asyncio.to_thread(import_module, "airflow.providers.cncf.kubernetes.hooks.kubernetes")
        except ImportError:
            raise FateConfigError(
                "Objects on Kubernetes need the provider cncf-kubernetes, which is not installed.",
                hint="Install it on all workers and triggerers: pip install 'airflow-provider-fate[kubernetes]'",
            ) from None
        from airflow_provider_fate.clients.kubernetes import AsyncKubernetesClient

        extras = await self._read()
        own = not extras and "KUBERNETES_SERVICE_HOST" in os.environ
        hook = module.AsyncKubernetesHook(
            conn_id=self.conn_id, connection_extras=extras, in_cluster=True if own else None
        )
        stack = AsyncExitStack()
        try:
            api = await stack.enter_async_context(hook.get_conn())
        except Exception as e:
            # What is wrong with a kubeconfig may quote it.
            raise FateConfigError(
                f"Connection {self.conn_id!r} does not tell how Kubernetes is reached ({type(e).__name__}).",
                hint="Give it one of: a path of a kubeconfig that workers and triggerer can read, a kubeconfig as "
                "JSON, or in-cluster configuration. `airflow connections test` says more.",
            ) from None
        self._open = stack
        return AsyncKubernetesClient(api)

    async def _read(self) -> dict[str, Any]:
        """What the connection says; as it was, where Airflow is away for a moment, which must end no wait."""
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        try:
            connection = await aget_connection(self.conn_id)
        except AirflowNotFoundException as e:
            if self.conn_id != DEFAULT:
                raise FateConfigError(
                    f"There is no connection {self.conn_id!r}.", hint="Make one of the type kubernetes."
                ) from e
            self._extras = {}
        except FateError:
            raise
        except Exception:
            if self._extras is None:
                raise
        else:
            if connection.conn_type != "kubernetes":
                raise FateConfigError(
                    f"Connection {self.conn_id!r} has the type {connection.conn_type!r}, not 'kubernetes'."
                )
            self._extras = connection.extra_dejson
        return dict(self._extras or {})

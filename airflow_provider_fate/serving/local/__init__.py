"""Services on one machine: KServe's model server on onnxruntime, and a router before it, on the loopback interface.

One router and one model server answer for all services of a folder, and outlive whoever has started them. The router
(``payload/``, in the environment of the model server) follows the specs that :class:`LocalBackend` writes.
"""

from __future__ import annotations

from airflow_provider_fate.serving.local.backend import LocalBackend
from airflow_provider_fate.serving.local.server import LocalServer

__all__ = ["LocalBackend", "LocalServer"]

"""FATE-Flow 2.x: a typed client, sync and async, free of Airflow.

>>> settings = FlowSettings(host="127.0.0.1", port=9380)
>>> with FlowClient(settings) as flow:
...     flow.server.version().version
'2.2.0'

Each endpoint is defined once, in ``endpoints/``; ``models`` are what comes back; errors are those of
:mod:`airflow_provider_fate.errors`.
"""

from __future__ import annotations

from . import models
from .auth import AppId
from .client import AsyncFlowClient, FlowClient
from .settings import FlowSettings

__all__ = ["AppId", "AsyncFlowClient", "FlowClient", "FlowSettings", "models"]

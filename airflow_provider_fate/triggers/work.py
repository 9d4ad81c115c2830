"""The one trigger of this provider: it waits for work of any kind."""

from __future__ import annotations

from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

__all__ = ["RemoteWorkTrigger"]

"""The services of split scoring: messages, and the clients of a host's part and of the guest's scores."""

from __future__ import annotations

from airflow_provider_fate.clients.split.client import AsyncSplitClient, SplitClient, SplitSettings, split_settings
from airflow_provider_fate.clients.split.scores import SplitScoreClient

__all__ = ["AsyncSplitClient", "SplitClient", "SplitScoreClient", "SplitSettings", "split_settings"]

"""The place where ``verify_party`` is imported from; it belongs to the connection type in ``hooks.fate``."""

from __future__ import annotations

from airflow_provider_fate.hooks.fate import verify_party

__all__ = ["verify_party"]

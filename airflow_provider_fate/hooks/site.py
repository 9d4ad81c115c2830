"""The place where ``FateSite`` is imported from; the connection type is declared in ``hooks.fate``."""

from __future__ import annotations

from airflow_provider_fate.hooks.fate import FateSite

__all__ = ["FateSite"]

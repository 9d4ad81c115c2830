"""Data on its way to FATE and back: sources, checks, contracts, names."""

from airflow_provider_fate.data.table import TableName

__all__ = ["TableName"]

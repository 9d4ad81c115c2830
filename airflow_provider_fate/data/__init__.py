"""Data on its way to FATE and back: sources, checks, contracts, names."""

from airflow_provider_fate.data.given import Csv, Ids
from airflow_provider_fate.data.table import TableName

__all__ = ["Csv", "Ids", "TableName"]

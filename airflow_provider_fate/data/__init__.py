"""Data on its way to FATE: names of tables, and what must be true of a CSV file before it is uploaded."""

from airflow_provider_fate.data.csv import CsvSummary, check_csv
from airflow_provider_fate.data.table import TableName

__all__ = ["CsvSummary", "TableName", "check_csv"]

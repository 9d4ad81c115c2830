"""Where rows come from: files of several formats, and databases. Nothing here knows of Airflow or FATE."""

from __future__ import annotations

from airflow_provider_fate.data.source.base import Source
from airflow_provider_fate.data.source.blocks import BlockReader
from airflow_provider_fate.data.source.files import FileSource
from airflow_provider_fate.data.source.sql import SqlSource
from airflow_provider_fate.data.source.streamed import StreamReader

__all__ = ["BlockReader", "FileSource", "Source", "SqlSource", "StreamReader"]

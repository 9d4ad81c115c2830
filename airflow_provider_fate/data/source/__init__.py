"""Where rows come from: files of several formats, and databases. Nothing here knows of Airflow or FATE."""

from __future__ import annotations

from airflow_provider_fate.data.source.base import Source
from airflow_provider_fate.data.source.blocks import BlockReader, PieceReader
from airflow_provider_fate.data.source.files import FileSource
from airflow_provider_fate.data.source.lines import Lines
from airflow_provider_fate.data.source.sql import SqlSource

__all__ = ["BlockReader", "FileSource", "Lines", "PieceReader", "Source", "SqlSource"]

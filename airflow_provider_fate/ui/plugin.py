"""The plugin: what this provider adds to every process of Airflow once it is installed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_fate.remote import listener

if TYPE_CHECKING:
    from collections.abc import Callable


def day(dag_run: Any) -> str:
    """Date of a run as ``YYYYMMDD``, for names of tables: ``credit.bank_{{ macros.fate.day(dag_run) }}``.

    Scheduled runs and backfills have a logical date; a run that somebody triggers may have none, and then
    ``ds_nodash`` does not exist. This is the logical date where there is one, else the day after which the run was to
    start.

    :param dag_run: the run, as templates know it.
    """
    moment: datetime = getattr(dag_run, "logical_date", None) or dag_run.run_after
    return moment.strftime("%Y%m%d")


def table_of(uri: str, triggering_asset_events: Any, inlet_events: Any) -> str:
    """The table of the newest event of a table asset; :func:`airflow_provider_fate.assets.newest_table` writes it.

    :param uri: URI of the asset.
    :param triggering_asset_events: as templates know it.
    :param inlet_events: likewise.
    """
    from airflow_provider_fate.assets import read_table

    return read_table(uri, triggering_asset_events, inlet_events)


class FatePlugin(AirflowPlugin):
    """Registers the macros under ``macros.fate``, and the listener that stops the work of tasks that a user ends."""

    name = "fate"
    macros: list[Callable[..., Any]] = [day, table_of]  # noqa: RUF012 - declared like this by Airflow
    listeners: list[Any] = [listener]  # noqa: RUF012

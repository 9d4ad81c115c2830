"""What the operators of connections need while they run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.airflow_api import ConnectionEntry
    from airflow_provider_fate.storage.connections import ConnectionStore

__all__ = ["checked_id", "entry_of", "open_store"]

_API = "airflow://"


def open_store(where: str) -> ConnectionStore:
    """Open what ``store=`` names; close it.

    :raises FateInputError: it is neither an API nor a file.
    :raises FateConfigError: the connection to the API is wrong.
    """
    from airflow_provider_fate.hooks.airflow_api import AirflowServer
    from airflow_provider_fate.hooks.hook import read_connection
    from airflow_provider_fate.storage.connections import ApiConnections, ConnectionFile

    if where.startswith(_API):
        return ApiConnections(read_connection(AirflowServer, checked_id(where.removeprefix(_API), "store")).client())
    if where.endswith(".json") and Path(where).is_absolute():
        return ConnectionFile(Path(where))
    raise FateInputError(
        f"store={where!r} is no place for connections.",
        hint="Write airflow:// and the id of a connection of type fate_airflow, or the absolute path of a .json file.",
    )


def checked_id(text: str, argument: str = "fate_conn_id") -> str:
    """The id of a connection.

    :raises FateInputError: it is none.
    """
    from airflow_provider_fate.storage.connections import is_conn_id

    if not is_conn_id(str(text)):
        raise FateInputError(
            f"{argument}: {str(text)!r} is no id of a connection.",
            hint="Write letters, digits, points, hyphens and underscores, at most 200.",
        )
    return str(text)


def entry_of(
    cluster: Mapping[str, Any],
    *,
    conn_id: str | None,
    extra: Mapping[str, Any] | None,
    login: str | None,
    password: str | None,
) -> ConnectionEntry:
    """The connection to a cluster.

    :param cluster: result of a deployment.
    :raises FateInputError: where its FATE-Flow answers is not known, or ids are wrong.
    """
    from airflow_provider_fate.clients.airflow_api import ConnectionEntry
    from airflow_provider_fate.storage.connections import marked

    connection = cluster.get("connection")
    where = f"{cluster.get('namespace')}/{cluster['name']}"
    if not connection:
        raise FateInputError(
            f"cluster {where}: where its FATE-Flow answers is not known.",
            hint="Give the deployment flow_url=, or a python.type that tells it.",
        )
    extras = {**connection.get("extra", {}), **(extra or {})}
    return ConnectionEntry(
        conn_id=checked_id(conn_id or f"fate_{cluster.get('party_id')}"),
        conn_type=str(connection["conn_type"]),
        description=marked(f"Cluster {where}", where),
        host=connection.get("host"),
        port=connection.get("port"),
        login=login,
        password=password,
        extra=json.dumps(extras, sort_keys=True),
    )

"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_fate.clients.http import (
    Api,
    AsyncClient,
    AsyncTransport,
    Group,
    Once,
    Reply,
    Request,
    SyncClient,
    SyncTransport,
    Transport,
    endpoint,
    get,
    post,
)

from .envelope import EXISTS, MISSING, AirflowApiEnvelope
from .models import ConnectionEntry

__all__ = ["AirflowApiClient", "AsyncAirflowApiClient"]

_THERE_OR_NOT = frozenset({MISSING})


class AirflowService(Group[Transport]):
    """The server."""

    @endpoint
    def version(self) -> Request[str]:
        """Return Airflow's version."""
        return get("/version", lambda reply: str(reply.data["version"]))


class AirflowConnections(Group[Transport]):
    """Connections in Airflow's database. What comes from environment or secrets backends is not among them."""

    @endpoint
    def get(self, conn_id: str) -> Request[ConnectionEntry | None]:
        """Return a connection, its secrets as stars; ``None``: there is none."""
        return get(
            _path(conn_id),
            lambda reply: None if reply.code else ConnectionEntry.model_validate(reply.data),
            accept=_THERE_OR_NOT,
        )

    @endpoint
    def add(self, entry: ConnectionEntry) -> Request[bool]:
        """Make a connection; ``False``: there is one of this id, maybe of an earlier try."""
        return post("/connections", _accepted, json=entry.to_json(), accept=frozenset({EXISTS}), once=Once.REPEAT)

    @endpoint
    def change(self, entry: ConnectionEntry) -> Request[bool]:
        """Write all fields of a connection anew; ``False``: there is none."""
        return Request("PATCH", _path(entry.conn_id), _accepted, json=entry.to_json(), accept=_THERE_OR_NOT)

    @endpoint
    def delete(self, conn_id: str) -> Request[bool]:
        """Delete a connection; ``False``: there is none."""
        return Request("DELETE", _path(conn_id), _accepted, accept=_THERE_OR_NOT)


class AirflowApiGroups(Api[Transport]):
    """The groups of endpoints that both clients have."""

    envelope = AirflowApiEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.server = AirflowService(transport)
        self.connections = AirflowConnections(transport)


class AirflowApiClient(SyncClient, AirflowApiGroups[SyncTransport]):
    """An Airflow's API; its settings are :class:`~.settings.AirflowApiSettings`.

    >>> with AirflowApiClient(AirflowApiSettings("airflow.example.org", 443, "https", token=jwt)) as airflow:
    ...     airflow.connections.get("fate_9999")
    """


class AsyncAirflowApiClient(AsyncClient, AirflowApiGroups[AsyncTransport]):
    """The same, awaited."""


def _path(conn_id: str) -> str:
    return f"/connections/{quote(conn_id, safe='')}"


def _accepted(reply: Reply) -> bool:
    return not reply.code

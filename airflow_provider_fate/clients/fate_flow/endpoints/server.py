"""``flow.server`` and ``flow.site``: what answers, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Reply,
    Request,
    Steps,
    Transport,
    endpoint,
    get,
    post,
    procedure,
    without_none,
)
from airflow_provider_fate.errors import (
    FateNotFlowError,
    FateNotOfferedError,
    FateProxyError,
    FateServerError,
    FateVersionError,
    is_transient,
)

from ..envelope import old_version
from ..models import (
    FlowInstance,
    RegisteredServer,
    RegisteredService,
    ServerConfiguration,
    ServerVersion,
    SiteInfo,
)
from ..models.server import masked

__all__ = ["ServerGroup", "SiteGroup"]

_STANDALONE = 3000


class ServerGroup(Group[Transport]):
    """The server, and other servers that it knows (such as FATEBoard)."""

    @procedure
    def version(self) -> Steps[ServerVersion]:
        """Return what answers at this address; also the cheapest sign of life.

        :raises FateVersionError: a FATE-Flow 1.x.
        :raises FateNotFlowError: something else.
        :raises FateProxyError: a proxy that does not reach FATE-Flow.
        """
        try:
            found: ServerVersion = yield get("/server/fateflow", _version)
        except (FateProxyError, FateNotOfferedError, FateServerError) as error:
            if is_transient(error):
                raise
            # Nothing of 2.x. FATE-Flow 1.x answers under /v1 only.
            if (yield from _speaks_1x()):
                raise old_version("POST /v1/version/get") from error
            raise FateNotFlowError(
                f"What answers at {self.transport.settings.address} is not FATE-Flow: {error.message}",
                hint="Check host and port: FATE-Flow's HTTP port is 9380 by default (9360 is gRPC, 8080 FATEBoard).",
                endpoint=error.endpoint,
            ) from error
        return found

    @endpoint
    def configuration(self, *, reveal_secrets: bool = False) -> Request[ServerConfiguration]:
        """Return the server's configuration.

        :param reveal_secrets: with passwords and tokens; they are masked otherwise.
        """
        return get(
            "/server/query/all",
            lambda reply: ServerConfiguration(sections=reply.data if reveal_secrets else masked(reply.data)),
        )

    @endpoint
    def query(self, server_name: str) -> Request[RegisteredServer]:
        """Return a registered server.

        :raises FateNotFoundError: no such server.
        """
        return get("/server/query", _server, params={"server_name": server_name})

    @endpoint
    def register(
        self, server_name: str, host: str, port: int, *, protocol: str | None = None
    ) -> Request[RegisteredServer]:
        """Make another server known, or replace it."""
        body = without_none(server_name=server_name, host=host, port=port, protocol=protocol)
        return post("/server/registry", _server, json=body, once=Once.REPEAT)

    @endpoint
    def delete(self, server_name: str) -> Request[bool]:
        """Forget a server; return whether there was one."""
        return post("/server/delete", _done, json={"server_name": server_name})

    @endpoint
    def query_service(self, server_name: str, service_name: str) -> Request[RegisteredService]:
        """Return a service of a registered server.

        :raises FateNotFoundError: no such service.
        """
        return get(
            "/server/service/query",
            lambda reply: RegisteredService.model_validate(reply.data),
            params={"server_name": server_name, "service_name": service_name},
        )

    @endpoint
    def register_service(
        self,
        server_name: str,
        service_name: str,
        uri: str,
        *,
        method: str | None = None,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        protocol: str | None = None,
    ) -> Request[None]:
        """Make a service of a registered server known, or replace it."""
        body = without_none(
            server_name=server_name,
            service_name=service_name,
            uri=uri,
            method=method,
            params=None if params is None else dict(params),
            data=None if data is None else dict(data),
            headers=None if headers is None else dict(headers),
            protocol=protocol,
        )
        return post("/server/service/registry", lambda reply: None, json=body, once=Once.REPEAT)

    @endpoint
    def delete_service(self, server_name: str, service_name: str) -> Request[bool]:
        """Forget a service; return whether there was one."""
        body = {"server_name": server_name, "service_name": service_name}
        return post("/server/service/delete", _done, json=body)


class SiteGroup(Group[Transport]):
    """The site that the server belongs to."""

    @endpoint
    def info(self) -> Request[SiteInfo]:
        """Return the site's party id; in standalone mode there is none."""
        return get("/site/info/query", _site, accept=frozenset({_STANDALONE}))


def _speaks_1x() -> Steps[bool]:
    try:
        yield post("/version/get", lambda reply: None, json={}, once=Once.REPEAT, version="v1")
    except FateVersionError:
        return True
    except (FateProxyError, FateNotOfferedError, FateServerError):
        return False
    return False


def _version(reply: Reply) -> ServerVersion:
    instances = [FlowInstance.model_validate(instance) for instance in reply.data.values()]
    versions = [instance.version for instance in instances if instance.version]
    if not versions:
        raise ValueError("no instance tells its version")
    return ServerVersion(version=versions[0], instances=instances, clock=_moment(reply.date))


def _moment(date: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(date) if date else None
    except ValueError:  # some proxy's own idea of a date
        return None


def _server(reply: Reply) -> RegisteredServer:
    return RegisteredServer.model_validate(reply.data)


def _done(reply: Reply) -> bool:
    # Code 0 either way; only the message tells whether something was deleted.
    return reply.message == "success"


def _site(reply: Reply) -> SiteInfo:
    if reply.code == _STANDALONE:
        return SiteInfo(standalone=True)
    return SiteInfo.model_validate(reply.data)

"""The server itself, its site, and its component providers."""

from __future__ import annotations

import re
from collections import abc
from datetime import datetime
from typing import Any

from pydantic import Field

from .base import FlowModel, Id, Mapping, Millis

__all__ = [
    "FlowInstance",
    "Provider",
    "RegisteredServer",
    "RegisteredService",
    "ServerConfiguration",
    "ServerVersion",
    "SiteInfo",
    "masked",
]

_SECRET = re.compile(r"passw|token|secret|private|decrypt_key|credential", re.IGNORECASE)


def masked(value: Any) -> Any:
    """Return JSON with everything that looks like a secret replaced by ``***``."""
    if isinstance(value, abc.Mapping):
        return {
            key: "***" if _SECRET.search(str(key)) and item and not isinstance(item, abc.Mapping) else masked(item)
            for key, item in value.items()
        }
    return [masked(item) for item in value] if isinstance(value, list) else value


class FlowInstance(FlowModel):
    """One process of FATE-Flow."""

    instance_id: str
    host: str | None = None
    http_port: int | None = None
    grpc_port: int | None = None
    timestamp: Millis = None
    version: str | None = None


class ServerVersion(FlowModel):
    """What answers.

    :ivar version: such as ``"2.2.0"``.
    :ivar instances: the processes of FATE-Flow that share this site's database.
    :ivar clock: when it answered, by the server's own clock and in whole seconds; ``None`` where it does not say.
    """

    version: str
    instances: list[FlowInstance] = Field(default_factory=list)
    clock: datetime | None = None


class ServerConfiguration(FlowModel):
    """The server's configuration by section; secrets are masked unless they were asked for."""

    sections: dict[str, Any] = Field(repr=False)

    @property
    def authenticates_clients(self) -> bool:
        """Whether requests must be signed."""
        return self.value("AUTHENTICATION", "client") is True

    @property
    def cores(self) -> int | None:
        """Cores of the engine that jobs run on by default, which FATE-Flow hands out; ``None``: it does not say."""
        found = self.value("COMPUTING", str(self.value("DEFAULT_ENGINES", "computing")), "cores")
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def value(self, *path: str) -> Any:
        """A setting by the names that lead to it; ``None`` where there is none."""
        found: Any = self.sections
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found


class RegisteredServer(FlowModel):
    """Another server that FATE-Flow knows, such as FATEBoard. FATE-Flow writes names in capitals."""

    server_name: str
    host: str
    port: int
    protocol: str | None = None


class RegisteredService(FlowModel):
    """A service of a registered server."""

    server_name: str
    service_name: str
    url: str | None = None
    method: str | None = None
    params: Mapping = Field(default_factory=dict)
    data: Mapping = Field(default_factory=dict)
    headers: Mapping = Field(default_factory=dict, repr=False)


class SiteInfo(FlowModel):
    """Whose site this is.

    :ivar party_id: the site's own id; ``None`` in standalone mode, where all parties are local.
    """

    party_id: Id | None = None
    standalone: bool = False


class Provider(FlowModel):
    """A set of components.

    :ivar provider_name: as written in a job: ``name:version@device``.
    """

    name: str
    version: str
    device: str
    provider_name: str | None = None
    metadata: Mapping = Field(default_factory=dict)
    create_time: Millis = None
    update_time: Millis = None

"""The two kinds of client that every API has: the same endpoints, called or awaited."""

from __future__ import annotations

from typing import ClassVar, Generic, Self

from .endpoint import Transport
from .envelope import Envelope
from .settings import HttpSettings
from .transport import AsyncTransport, SyncTransport

__all__ = ["Api", "AsyncClient", "SyncClient"]


class Api(Generic[Transport]):
    """The groups of endpoints of one API, listed once: a subclass makes them in its constructor.

    :cvar envelope: how its answers are opened.
    """

    envelope: ClassVar[Envelope]

    def __init__(self, transport: Transport) -> None:
        self._transport: Transport = transport


class SyncClient(Api[SyncTransport]):
    """A server, called. Put it before the API: ``class StoreClient(SyncClient, Store[SyncTransport])``."""

    def __init__(self, settings: HttpSettings) -> None:
        self.settings = settings
        super().__init__(SyncTransport(self.envelope, settings))

    def close(self) -> None:
        """Close the client; it cannot be used afterwards."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.base_url!r})"


class AsyncClient(Api[AsyncTransport]):
    """A server, awaited. Put it before the API: ``class AsyncStoreClient(AsyncClient, Store[AsyncTransport])``.

    A client belongs to the event loop that first uses it.
    """

    def __init__(self, settings: HttpSettings) -> None:
        self.settings = settings
        super().__init__(AsyncTransport(self.envelope, settings))

    async def close(self) -> None:
        """Close the client; it cannot be used afterwards."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.base_url!r})"

"""What every JSON API over HTTP has in common; a client of one is its endpoints, its models and its envelope.

>>> class StoreEnvelope(Envelope):
...     service, version = "the store", "v1"
...
...     def open(self, request, response, content):
...         return Reply(data=content["result"])
>>> class Books(Group[Transport]):
...     @endpoint
...     def find(self, isbn: str) -> Request[Book]:
...         return get("/book", lambda reply: Book.model_validate(reply.data), params={"isbn": isbn})
>>> class Store(Api[Transport]):
...     envelope = StoreEnvelope()
...
...     def __init__(self, transport: Transport) -> None:
...         super().__init__(transport)
...         self.books = Books(transport)
>>> class StoreClient(SyncClient, Store[SyncTransport]): ...
>>> class AsyncStoreClient(AsyncClient, Store[AsyncTransport]): ...

Repeats, time limits, TLS, files and the network's errors come with it. What is repeated is decided by
:class:`~.request.Once`: a question always, an order only while it is certain that nothing was sent.
"""

from __future__ import annotations

from .auth import Bearer, BearerSettings, LoginSettings
from .client import Api, AsyncClient, SyncClient
from .endpoint import Group, Transport, endpoint, procedure
from .envelope import Envelope
from .files import PlainUpload, Sink, Source, Target, Upload
from .request import Once, Reader, Reply, Request, get, post, without_none
from .settings import HttpSettings
from .transport import AsyncTransport, Steps, SyncTransport

__all__ = [
    "Api",
    "AsyncClient",
    "AsyncTransport",
    "Bearer",
    "BearerSettings",
    "Envelope",
    "Group",
    "HttpSettings",
    "LoginSettings",
    "Once",
    "PlainUpload",
    "Reader",
    "Reply",
    "Request",
    "Sink",
    "Source",
    "Steps",
    "SyncClient",
    "SyncTransport",
    "Target",
    "Transport",
    "Upload",
    "endpoint",
    "get",
    "post",
    "procedure",
    "without_none",
]

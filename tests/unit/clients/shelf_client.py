"""A client of an API that has nothing to do with FATE; how little that takes is counted by a test."""

import httpx
from pydantic import BaseModel

from airflow_provider_fate.clients import http
from airflow_provider_fate.errors import FateAuthError, FateNotFoundError, FateServerError


class Book(BaseModel):
    isbn: str


class Books(http.Group[http.Transport]):
    @http.endpoint
    def find(self, isbn: str) -> http.Request[Book]:
        return http.get(f"/books/{isbn}", lambda reply: Book.model_validate(reply.data))

    @http.endpoint
    def buy(self, isbn: str) -> http.Request[Book]:
        return http.post("/books", lambda r: Book.model_validate(r.data), json={"isbn": isbn}, once=http.Once.SUBMIT)


class ShelfEnvelope(http.Envelope):
    service, version, created = "the shelf", "apis/v1", "The book"

    def open(self, request: http.Request[object], response: httpx.Response, content: object) -> http.Reply | None:
        kinds = {401: FateAuthError, 404: FateNotFoundError}
        match content:
            case {"result": data}:
                return http.Reply(data=data)
            case {"problem": str(text)}:
                raise kinds.get(response.status_code, FateServerError)(text, **self.about(request))
        return None


class Shelf(http.Api[http.Transport]):
    envelope = ShelfEnvelope()

    def __init__(self, transport: http.Transport) -> None:
        super().__init__(transport)
        self.books = Books(transport)


class ShelfClient(http.SyncClient, Shelf[http.SyncTransport]): ...


class AsyncShelfClient(http.AsyncClient, Shelf[http.AsyncTransport]): ...

"""A second connection type, all of it: what leads to a shelf of books, and nothing to FATE."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_provider_fate.clients.http import BearerSettings
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Form, Standard


class ShelfSite(ConnectionModel):
    """One shelf of books."""

    form: ClassVar[Form] = Form("shelf", "Shelf", "a shelf", hook="tests.unit.hooks.shelf_connection.ShelfHook")

    host: Annotated[str, Standard("host", "Host", "Name of the server.", placeholder="books.example.org")]
    port: Annotated[int, Standard("port", "Port", "Its port.")] = Field(default=8000, ge=1, le=65535)
    token: Annotated[str | None, Standard("password", "Token", "Who asks.")] = Field(default=None, repr=False)
    book: Annotated[str | None, Extra("Book", "A book that must be there.", prefill="1")] = None
    shelves: Annotated[int | None, Extra("Shelves", "How many there are.")] = Field(default=None, ge=1, le=9)
    order: Annotated[Literal["title", "author"] | None, Extra("Order", "How books stand.", prefill="title")] = None
    key: Annotated[str | None, Extra("Key", "Opens the locked part.", secret=True)] = Field(default=None, repr=False)

    def check(self) -> str:
        from tests.unit.clients.shelf_client import ShelfClient

        with ShelfClient(BearerSettings(self.host, self.port, token=self.token, retries=0)) as shelf:
            return f"Book {shelf.books.find(self.book or '1').isbn} stands at {self.host}."


def __getattr__(name: str) -> type:
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(ShelfSite, name)

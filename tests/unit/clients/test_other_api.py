"""A client of another API is one small file, and has all that FATE-Flow's has: repeats, errors, caution."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients import http
from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateAuthError,
    FateConfigError,
    FateNotFoundError,
    FateProxyError,
    FateServerError,
    FateUnreachable,
)
from tests.unit.clients.shelf_client import AsyncShelfClient, Book, ShelfClient
from tests.unit.clients.shelf_server import TOKEN, ShelfServer

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def closed() -> Iterator[ShelfServer]:
    server = ShelfServer()
    yield server
    server.end()


@pytest.fixture
def shelf(closed: ShelfServer) -> ShelfServer:
    closed.open()
    return closed


def settings(server: ShelfServer) -> http.BearerSettings:
    return http.BearerSettings("127.0.0.1", server.server_address[1], token=TOKEN, retries=3, retry_wait=0.01)


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Call an endpoint by its name with the sync or the async client."""

    async def with_sync(settings: http.HttpSettings, name: str, isbn: str) -> Any:
        with ShelfClient(settings) as client:
            return getattr(client.books, name)(isbn)

    async def with_async(settings: http.HttpSettings, name: str, isbn: str) -> Any:
        async with AsyncShelfClient(settings) as client:
            return await getattr(client.books, name)(isbn)

    return with_sync if request.param == "sync" else with_async


def test_a_client_of_another_api_is_a_few_lines() -> None:
    text = re.sub(r'""".*?"""', "", (Path(__file__).parent / "shelf_client.py").read_text(), flags=re.S)
    assert len([line for line in text.splitlines() if line.strip()]) <= 30


def test_what_apis_have_in_common_knows_nothing_of_fate() -> None:
    for file in Path(http.__file__).parent.glob("*.py"):
        # Errors are one hierarchy for the whole package, and have its name.
        text = re.sub(r"\bFate[A-Z]\w*Error\b|\bFate(Error|Timeout|Unreachable)\b", "", file.read_text())
        text = re.sub(r"airflow_provider_fate(\.errors|\.clients\.http)", "", text)
        assert not re.search("fate|job", text, re.I), file.name


async def test_answers_are_opened_by_the_envelope_of_the_api(shelf: ShelfServer, call: Call) -> None:
    assert await call(settings(shelf), "find", "1") == Book(isbn="1")
    assert await call(settings(shelf), "buy", "2") == Book(isbn="2")
    assert shelf.asked == ["GET /apis/v1/books/1", "POST /apis/v1/books"]


@pytest.mark.parametrize(
    ("isbn", "kind", "says"),
    [
        ("9", FateNotFoundError, "no book 9"),
        ("fire", FateServerError, "on fire"),
        ("odd", FateServerError, "answered something unexpected"),
        ("page", FateProxyError, "Not an answer of the shelf"),
    ],
)
async def test_errors_are_named_by_the_envelope(
    shelf: ShelfServer, call: Call, isbn: str, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says) as caught:
        await call(settings(shelf), "find", isbn)
    assert type(caught.value) is kind
    assert caught.value.endpoint == f"GET /books/{isbn}"
    assert len(shelf.asked) == 1


async def test_a_wrong_token_is_refused_and_never_shown(shelf: ShelfServer, call: Call) -> None:
    wrong = replace(settings(shelf), token="wr0ng")
    with pytest.raises(FateAuthError, match="who are you") as caught:
        await call(wrong, "find", "1")
    assert "wr0ng" not in repr(wrong) + str(caught.value) + repr(ShelfClient(wrong))
    with pytest.raises(FateConfigError, match="token") as refused:
        replace(wrong, token="two\nlines")
    assert "lines" not in refused.value.message


async def test_even_a_submit_waits_for_a_server_that_refuses_connections(closed: ShelfServer, call: Call) -> None:
    class OpensAtTheSecondRefusal(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())
            if len(seen) == 2:
                closed.open()

    seen: list[str] = []
    log = logging.getLogger("airflow_provider_fate.clients.http")
    log.addHandler(handler := OpensAtTheSecondRefusal())
    try:
        assert await call(settings(closed), "buy", "2") == Book(isbn="2")
    finally:
        log.removeHandler(handler)
    assert closed.asked == ["POST /apis/v1/books"]
    assert seen[0].startswith("POST /books: the shelf at 127.0.0.1:")


async def test_a_server_that_stays_away_is_named(closed: ShelfServer, call: Call) -> None:
    with pytest.raises(FateUnreachable, match="the shelf at 127") as caught:
        await call(replace(settings(closed), retries=0), "find", "1")
    assert not caught.value.sent


async def test_a_submit_whose_answer_is_lost_is_ambiguous_and_not_repeated(shelf: ShelfServer, call: Call) -> None:
    shelf.loses_replies = True
    with pytest.raises(FateAmbiguousSubmitError, match="The book may exist"):
        await call(settings(shelf), "buy", "2")
    assert shelf.asked == ["POST /apis/v1/books"]
    assert shelf.books == ["1", "2"]

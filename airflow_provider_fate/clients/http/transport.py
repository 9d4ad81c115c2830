"""Requests on the wire: patience, repeats, and the network's errors in our words; sync and async."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from airflow_provider_fate.errors import FateConfigError, FateConnectionError, FateError, is_transient

from .envelope import Envelope, parse, read, read_from
from .failures import final, translate
from .files import FileWriter, Multipart
from .request import Once, Reply, Request
from .settings import HttpSettings
from .tls import trusted

__all__ = ["AsyncTransport", "Steps", "SyncTransport"]

T = TypeVar("T")

log = logging.getLogger("airflow_provider_fate.clients.http")

Steps = Generator[Request[Any], Any, T]
"""A method that needs several requests: it yields each, is sent its result, and returns its own."""

_LONGEST_WAIT = 10.0


@dataclass(slots=True)
class _Files:
    """The files of a request's latest try, and so whether it could be sent once more."""

    body: Multipart | None = None
    writer: FileWriter | None = None

    @property
    def can_repeat(self) -> bool:
        return (self.body is None or self.body.can_repeat) and (self.writer is None or self.writer.can_repeat)


class _Transport:
    """What both transports share; no input or output happens here."""

    def __init__(self, envelope: Envelope, settings: HttpSettings) -> None:
        self.envelope = envelope
        self.settings = settings

    @property
    def base_url(self) -> str:
        """What comes before every path. Holds no secret."""
        return self._base_url(self.envelope.version)

    def _base_url(self, version: str) -> str:
        return f"{self.settings.root_url}/{version}" if version else self.settings.root_url

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "auth": settings.auth(),
            "verify": trusted(settings),
            "limits": httpx.Limits(max_connections=100, max_keepalive_connections=settings.keep_alive),
            # A proxy of the environment cannot reach this machine's loopback.
            "trust_env": not settings.is_loopback,
            "follow_redirects": False,
        }

    def _build(
        self,
        client: httpx.Client | httpx.AsyncClient,
        request: Request[Any],
        body: Multipart | None,
        content: Iterator[bytes | memoryview] | AsyncIterator[bytes | memoryview] | None,
    ) -> httpx.Request:
        settings = self.settings
        version = self.envelope.version if request.version is None else request.version
        patience = settings.submit_timeout if request.slow else settings.timeout
        return client.build_request(
            request.method,
            f"{self._base_url(version)}{request.path}",
            params=request.query or None,
            json=dict(request.json) if request.json is not None else None,
            content=content,  # type: ignore[arg-type]  # a view of memory is written like bytes
            headers={**request.headers, **(body.headers if body else {})},
            timeout=httpx.Timeout(patience, connect=settings.timeout),
        )

    def _policy(self, request: Request[Any], files: _Files) -> dict[str, Any]:
        settings = self.settings

        def repeatable(error: BaseException) -> bool:
            if not isinstance(error, FateConnectionError) or not is_transient(error):
                return False
            return files.can_repeat and (not error.sent or request.once is Once.REPEAT)

        def announce(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            pause = state.next_action.sleep if state.next_action else 0.0
            reason = error.message if isinstance(error, FateError) else error
            log.warning(
                "%s: %s (try %d of %d, again in %.1f s)",
                request.endpoint, reason, state.attempt_number, settings.retries + 1, pause,
            )  # fmt: skip

        return {
            "retry": retry_if_exception(repeatable),
            "stop": stop_after_attempt(settings.retries + 1),
            "wait": wait_exponential(settings.retry_wait, max=_LONGEST_WAIT) + wait_random(0, settings.retry_wait / 2),
            "before_sleep": announce,
            "reraise": True,
        }

    @contextmanager
    def _translated(self, request: Request[Any]) -> Iterator[None]:
        """Turn the network's exceptions into ours."""
        try:
            yield
        except httpx.HTTPError as error:
            # The frames of the HTTP library say nothing to users, and would stand below the message that does.
            log.debug("%s failed", request.endpoint, exc_info=error)
            raise translate(self.envelope, self.settings, request, error) from None
        except httpx.InvalidURL as error:
            raise FateConfigError(f"{self.settings.address!r} is not an address: {error}") from None


def _is_file(response: httpx.Response) -> bool:
    """Whether the answer is a file rather than an error in JSON, or a page of a proxy."""
    content_type = response.headers.get("content-type", "")
    return response.status_code == 200 and not content_type.startswith(("application/json", "text/html"))


class SyncTransport(_Transport):
    """Sends requests and waits for their answers. Threads may share one."""

    def __init__(self, envelope: Envelope, settings: HttpSettings) -> None:
        super().__init__(envelope, settings)
        self._client = httpx.Client(**self._options())

    def run(self, request: Request[T]) -> T:
        """Send a request, repeat it where that is harmless, and return its result."""
        try:
            files = _Files()
            result: T = Retrying(**self._policy(request, files))(self._once, request, files)
        except FateConnectionError as error:
            raise final(self.envelope, request, error) from error.__cause__
        return result

    def follow(self, steps: Steps[T]) -> T:
        """Run a method of several requests."""
        try:
            request = next(steps)
            while True:
                try:
                    result = self.run(request)
                except FateError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    def _once(self, request: Request[T], files: _Files) -> T:
        files.body = request.upload.open() if request.upload else None
        with self._translated(request):
            if files.body is None:
                return self._exchange(request, files)
            files.body.start()
            try:
                return self._exchange(request, files)
            finally:
                files.body.close()

    def _exchange(self, request: Request[T], files: _Files) -> T:
        sent = self._build(self._client, request, files.body, files.body.pieces() if files.body else None)
        response = self._client.send(sent, stream=request.sink is not None or request.reader is not None)
        try:
            if request.reader is not None:
                reader = request.reader()
                for piece in response.iter_bytes():
                    reader.feed(piece)
                return read_from(self.envelope, request, response, reader)
            if request.sink is None:
                return read(self.envelope, request, response, response.content)
            if not _is_file(response):
                return read(self.envelope, request, response, response.read())
            files.writer = writer = request.sink.open()
            try:
                for piece in response.iter_bytes():
                    writer.write(piece)
                writer.finish()
            finally:
                writer.close()
            return parse(self.envelope, request, Reply(size=writer.size))
        finally:
            response.close()

    def close(self) -> None:
        """Close what is open."""
        self._client.close()


class AsyncTransport(_Transport):
    """Sends requests without blocking the event loop; belongs to the loop that first uses it."""

    def __init__(self, envelope: Envelope, settings: HttpSettings) -> None:
        super().__init__(envelope, settings)
        self._client = httpx.AsyncClient(**self._options())

    async def run(self, request: Request[T]) -> T:
        """Send a request, repeat it where that is harmless, and return its result."""
        try:
            files = _Files()
            return await AsyncRetrying(**self._policy(request, files))(self._once, request, files)
        except FateConnectionError as error:
            raise final(self.envelope, request, error) from error.__cause__

    async def follow(self, steps: Steps[T]) -> T:
        """Run a method of several requests."""
        try:
            request = next(steps)
            while True:
                try:
                    result = await self.run(request)
                except FateError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _once(self, request: Request[T], files: _Files) -> T:
        files.body = request.upload.open() if request.upload else None
        with self._translated(request):
            if files.body is None:
                return await self._exchange(request, files)
            await asyncio.to_thread(files.body.start)
            try:
                return await self._exchange(request, files)
            finally:
                await asyncio.to_thread(files.body.close)

    async def _exchange(self, request: Request[T], files: _Files) -> T:
        sent = self._build(self._client, request, files.body, files.body.async_pieces() if files.body else None)
        response = await self._client.send(sent, stream=request.sink is not None or request.reader is not None)
        try:
            if request.reader is not None:
                reader = request.reader()
                async for piece in response.aiter_bytes():
                    reader.feed(piece)
                return read_from(self.envelope, request, response, reader)
            if request.sink is None:
                return read(self.envelope, request, response, response.content)
            if not _is_file(response):
                return read(self.envelope, request, response, await response.aread())
            files.writer = writer = request.sink.open()
            try:
                async for piece in response.aiter_bytes():
                    await asyncio.to_thread(writer.write, piece)
                await asyncio.to_thread(writer.finish)
            finally:
                await asyncio.to_thread(writer.close)
            return parse(self.envelope, request, Reply(size=writer.size))
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()

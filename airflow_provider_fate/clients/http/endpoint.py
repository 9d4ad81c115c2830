"""One definition of an endpoint, called through the sync client or awaited through the async one.

An endpoint is written as a method of a :class:`Group` that returns a :class:`~.request.Request`. Read through
a group of the sync client it is a function that returns the result; through a group of the async client, one
that returns an awaitable of it. Type checkers see both precisely.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from .request import Request
from .transport import AsyncTransport, Steps, SyncTransport

__all__ = ["Group", "endpoint", "procedure"]

P = ParamSpec("P")
T = TypeVar("T")
G = TypeVar("G", bound="Group[Any]")
Transport = TypeVar("Transport", bound=SyncTransport | AsyncTransport)


class Group(Generic[Transport]):
    """Endpoints that belong together; an attribute of the client."""

    def __init__(self, transport: Transport) -> None:
        self.transport: Transport = transport


class endpoint(Generic[P, T]):
    """Makes an endpoint of a method that describes one request."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Request[T]]) -> None:
        self._describe = describe
        update_wrapper(self, describe)  # type: ignore[arg-type]

    @overload
    def __get__(self, group: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, group: Group[SyncTransport], owner: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(self, group: Group[AsyncTransport], owner: type[Any]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, group: Group[Any] | None, owner: type[Any]) -> object:
        """Bind the endpoint to the client of ``group``."""
        if group is None:
            return self
        run = group.transport.run
        return update_wrapper(lambda *args, **kwargs: run(self._describe(group, *args, **kwargs)), self._describe)


class procedure(Generic[P, T]):
    """Makes an endpoint of a generator method that needs several requests."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self._describe = describe
        update_wrapper(self, describe)  # type: ignore[arg-type]

    @overload
    def __get__(self, group: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, group: Group[SyncTransport], owner: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(self, group: Group[AsyncTransport], owner: type[Any]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, group: Group[Any] | None, owner: type[Any]) -> object:
        """Bind the endpoint to the client of ``group``."""
        if group is None:
            return self
        follow = group.transport.follow
        return update_wrapper(lambda *args, **kwargs: follow(self._describe(group, *args, **kwargs)), self._describe)

"""What an endpoint is: one description of a request, from which both clients work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from .files import Sink, Upload

__all__ = ["Once", "Reader", "Reply", "Request", "get", "post", "without_none"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Param = str | int | bool | Sequence[str] | None


class Once(Enum):
    """How often a request may be sent."""

    REPEAT = "repeat"
    """A repeat is harmless: a question, or an order that ends in the same state (stop)."""
    ACT = "act"
    """It changes something: repeated only while it is certain that nothing was sent."""
    SUBMIT = "submit"
    """It creates something: as ``ACT``, and a lost answer means that it may exist."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, taken out of its envelope.

    ``data`` is JSON of a shape that only the endpoint knows; ``id`` is that of what the answer is about, where the
    envelope names one. ``size`` counts the bytes of a download. ``date`` is the header of this name, the moment of the
    answer by the server's clock, in whole seconds.
    """

    code: int = 0
    message: str = ""
    data: Any = None
    id: str | None = None
    size: int = 0
    date: str | None = None


class Reader(Protocol):
    """Reads the body of an answer piece by piece."""

    rest: bytearray
    """What it has not read yet; nothing of an answer that some other server gave is ever read."""

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""

    def finish(self) -> Any:
        """Return the envelope.

        :raises ValueError: it is no JSON.
        """


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """One request, and how to read its answer.

    :param parse: makes the result from an answer of code 0, or of a code in ``accept``.
    :param accept: codes other than 0 that are an answer and no error, such as one for an empty list.
    :param once: whether it may be repeated.
    :param slow: whether it waits for partners, workers or files rather than for a query.
    :param version: of the interface, where it is not the one that the envelope names.
    :param bare: whether the endpoint answers its data without an envelope.
    :param reader: reads the JSON of a long answer as it comes, and may skip what ``parse`` does not need; ``None``: the
        whole answer is read at once.
    :param errors: turns the endpoint's own codes into exceptions; ``None`` leaves them to the envelope.
    """

    method: str
    path: str
    parse: Callable[[Reply], T_co]
    params: Mapping[str, Param] = field(default_factory=dict)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    upload: Upload | None = None
    sink: Sink | None = None
    accept: frozenset[int] = frozenset()
    once: Once = Once.REPEAT
    slow: bool = False
    bare: bool = False
    version: str | None = None
    reader: Callable[[], Reader] | None = None
    errors: Callable[[Reply], Exception | None] | None = None

    @property
    def endpoint(self) -> str:
        """The request in a message: ``"POST /books"``."""
        return f"{self.method} {self.path}"

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The query string's parameters: those that are given."""
        return {name: _as_text(value) for name, value in self.params.items() if value is not None}


def _as_text(value: str | int | bool | Sequence[str]) -> str | list[str]:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    return [str(item) for item in value]


def get(path: str, parse: Callable[[Reply], T], **rest: Any) -> Request[T]:
    """Return a question."""
    return Request("GET", path, parse, **rest)


def post(path: str, parse: Callable[[Reply], T], *, once: Once = Once.ACT, **rest: Any) -> Request[T]:
    """Return an order; not repeated unless ``once`` says so."""
    return Request("POST", path, parse, once=once, **rest)


def without_none(**values: Any) -> dict[str, Any]:
    """Return the values that are given; many servers take an explicit null for a value of the wrong type."""
    return {name: value for name, value in values.items() if value is not None}

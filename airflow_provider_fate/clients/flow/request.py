"""What an endpoint is: one description of a request, from which both clients work."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from airflow_provider_fate.errors import FateInvalidParameterError

from .files import Sink, Upload

__all__ = ["Once", "Reader", "Reply", "Request", "check_id", "check_label", "check_name", "get", "post", "without_none"]

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
    """It creates a job: as ``ACT``, and a lost answer means that a job may exist."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of FATE-Flow, taken out of its envelope.

    ``data`` is JSON of a shape that only the endpoint knows. ``size`` counts the bytes of a download.
    """

    code: int = 0
    message: str = ""
    data: Any = None
    job_id: str | None = None
    size: int = 0


class Reader(Protocol):
    """Reads the body of an answer piece by piece."""

    rest: bytearray
    """What it has not read yet; nothing of an answer that is none of FATE-Flow's is ever read."""

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
    :param accept: codes other than 0 that are an answer and no error, such as 1001 for an empty list.
    :param once: whether it may be repeated.
    :param slow: whether it waits for partners, workers or files rather than for a query.
    :param version: of the interface; only to find out whether a server is of the 1.x line is it another.
    :param bare: whether the endpoint answers its data without an envelope.
    :param reader: reads the JSON of a long answer as it comes, and may skip what ``parse`` does not need; ``None``: the
        whole answer is read at once.
    :param errors: turns the endpoint's own codes into exceptions; ``None`` leaves them to the general table.
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
    version: str = "v2"
    reader: Callable[[], Reader] | None = None
    errors: Callable[[Reply], Exception | None] | None = None

    @property
    def endpoint(self) -> str:
        """The request in a message: ``"POST /job/submit"``."""
        return f"{self.method} {self.path}"

    @property
    def job_id(self) -> str | None:
        """The job it is about, if it names one."""
        for source in (self.params, self.json or {}):
            if isinstance(job_id := source.get("job_id"), str):
                return job_id
        return None

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The query string's parameters: those that are given, as FATE-Flow's parsers want them."""
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
    """Return the values that are given; FATE-Flow takes an explicit null for a value of the wrong type."""
    return {name: value for name, value in values.items() if value is not None}


# --- what may be sent ---------------------------------------------------------------------------------------

_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")
_LABEL = re.compile(r"[\x20-\x7e]{0,500}")


def _is_text(value: object) -> bool:
    # Callers without a type checker pass numbers and None, which must not reach a regular expression.
    return isinstance(value, str)


def check_id(field_name: str, value: str) -> str:
    """Return ``value`` if it is safe as part of a path on the server; job, task, role, party and instance ids
    are.

    FATE-Flow pastes these into file names, and its log endpoints paste the file name into a shell.

    :raises FateInvalidParameterError: it holds anything but letters, digits, ``_``, ``.`` and ``-``.
    """
    if _is_text(value) and _ID.fullmatch(value) and value.strip("."):
        return value
    raise FateInvalidParameterError(
        f"{field_name} {value!r} is not an id of FATE.",
        hint="Ids consist of letters, digits, '_', '.' and '-' only; others would reach a shell on the server.",
        fields={field_name: ["not an id"]},
    )


def check_name(field_name: str, value: str) -> str:
    """Return ``value`` if it can name a table or a model; FATE-Flow makes a directory of that name.

    :raises FateInvalidParameterError: it is empty, or holds a slash or a control character.
    """
    if _is_text(value) and value.strip(". ") and len(value) <= 500 and not _UNSAFE_IN_NAME.search(value):
        return value
    raise FateInvalidParameterError(
        f"{field_name} {value!r} cannot name a table or model.",
        hint="Write 1 to 500 characters without slashes, backslashes and control characters.",
        fields={field_name: ["not a name"]},
    )


def check_label(field_name: str, value: str) -> str:
    """Return ``value`` if it can travel in a header.

    :raises FateInvalidParameterError: it is longer than 500 characters (what FATE-Flow stores), or not ASCII.
    """
    if _is_text(value) and _LABEL.fullmatch(value):
        return value
    raise FateInvalidParameterError(
        f"{field_name} {value!r} cannot be sent in a header.",
        hint="Write at most 500 printable ASCII characters.",
        fields={field_name: ["not a header value"]},
    )

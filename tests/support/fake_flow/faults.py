"""Faults that a test can order of the fake server."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["reset", "drop_reply", "hang", "html", "slow", "answer", "twins", "truncate"]

BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass
class Fault:
    """One kind of fault, for requests to one path, a number of times."""

    kind: Kind
    path: str | None = None
    left: float = 1
    options: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The faults in force. ``path`` is as in ``"/job/submit"``; ``None`` is every path. ``times=None`` is for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.released = threading.Event()

    def _add(self, kind: Kind, path: str | None, times: int | None, **options: Any) -> None:
        with self._lock:
            self._faults.append(Fault(kind, path, float("inf") if times is None else times, options))

    def reset(self, path: str | None = None, *, times: int | None = 1) -> None:
        """Cut the connection before anything is done."""
        self._add("reset", path, times)

    def drop_reply(self, path: str | None = None, *, times: int | None = 1) -> None:
        """Do what is asked, then cut the connection instead of answering."""
        self._add("drop_reply", path, times)

    def drop_reply_after_submit(self, *, times: int | None = 1) -> None:
        """Create the job, then cut the connection."""
        self.drop_reply("/job/submit", times=times)

    def twin_submits(self, copies: int = 2, *, answer: Literal["last", "104"] = "last", times: int | None = 1) -> None:
        """Make several jobs of one submit; answer the last id, or code 104 without an id."""
        self._add("twins", "/job/submit", times, copies=copies, answer=answer)

    def hang(self, path: str | None = None, *, act: bool = False, times: int | None = 1) -> None:
        """Accept the request and never answer, until ``release``; with ``act`` do what is asked first."""
        self._add("hang", path, times, act=act)

    def html(
        self, path: str | None = None, *, status: int = 502, body: str = BAD_GATEWAY, times: int | None = 1
    ) -> None:
        """Answer like a proxy."""
        self._add("html", path, times, status=status, body=body)

    def slow(self, seconds: float, path: str | None = None, *, times: int | None = 1) -> None:
        """Take some time."""
        self._add("slow", path, times, seconds=seconds)

    def answer(
        self, code: int, message: str = "", path: str | None = None, *, act: bool = False, times: int | None = 1
    ) -> None:
        """Answer with a code; with ``act`` after having done what is asked (as a stop that answers 104 does)."""
        self._add("answer", path, times, code=code, message=message, act=act)

    def truncate(self, path: str | None = None, *, times: int | None = 1) -> None:
        """Cut the connection in the middle of the answer."""
        self._add("truncate", path, times)

    def clear(self) -> None:
        """Be a good server again."""
        with self._lock:
            self._faults.clear()
        self.release()

    def release(self) -> None:
        """Let go of hanging requests."""
        self.released.set()

    def take(self, path: str) -> Fault | None:
        """Return the fault that applies to a request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.left > 0 and fault.path in (None, path):
                    fault.left -= 1
                    if fault.kind == "hang":
                        self.released.clear()
                    return fault
        return None

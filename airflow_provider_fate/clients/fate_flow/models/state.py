"""Where jobs stand, read out of long lists without the rest of their records.

A record weighs 6 to 10 kB, most of it the DAG. Making objects of a thousand of them takes a tenth of a second and as
many megabytes as they weigh several times over; skipping what nobody reads takes a few milliseconds.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from .job import JobRecord

__all__ = ["JobState", "StatesReader", "states_of"]


class JobState(msgspec.Struct, frozen=True, rename={"changed": "update_time"}):
    """The few fields of one party's record of a job that say where it stands; see :class:`JobRecord`.

    :ivar status: FATE-Flow's word, also one that this package does not know.
    :ivar changed: ``update_time`` in milliseconds since the epoch.
    :ivar cores: what the job takes of the site's pool.
    """

    job_id: str
    role: str
    party_id: str
    status: str
    progress: int | None = None
    changed: float | None = None
    cores: int | None = None

    @property
    def update_time(self) -> datetime | None:
        """``changed`` as the full record has it."""
        return None if self.changed is None else datetime.fromtimestamp(self.changed / 1000, tz=UTC)

    @classmethod
    def of(cls, record: JobRecord) -> JobState:
        """Take the fields from a whole record."""
        changed = None if record.update_time is None else round(record.update_time.timestamp() * 1000)
        return cls(
            record.job_id, record.role, record.party_id, str(record.status), record.progress, changed, record.cores
        )


class _Page(msgspec.Struct):
    data: list[JobState]


class _Envelope(msgspec.Struct):
    code: int
    data: _Page
    message: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_states = msgspec.json.Decoder(list[JobState])

_PIECE = 1 << 15
"""Bytes of records that are read at once: an event loop is not held up, and no large block is asked of the allocator,
which would keep it."""
_LIST = re.compile(rb'"data"\s*:\s*\[\s*(\{\s*"[^"\\]*"\s*:)')
"""Where the list of records begins. The group is what each begins with: FATE-Flow sorts the fields."""


class StatesReader:
    """Reads an envelope whose page holds records, piece by piece as it comes, and keeps a :class:`JobState` of each.

    A page of a thousand records weighs 7 MB, which are never in memory at once.

    What is not exactly as expected (a number for an id, a NaN, which Python writes into its JSON, an error) is read in
    the thorough way, so that the quick one needs no leniency of its own.
    """

    def __init__(self) -> None:
        self.rest = bytearray()
        """What was not read yet. Without the records that were, it is still a whole envelope."""
        self._found: list[JobState] = []
        self._first = b""
        self._at = 0
        self._enough = _PIECE

    def feed(self, piece: bytes) -> None:
        """Take more of the body."""
        self.rest += piece
        while len(self.rest) - self._at >= self._enough and self._cut():
            pass

    def _cut(self) -> bool:
        """Read the records at hand but the last, which may be incomplete; say whether there may be more to read."""
        if not self._first:
            if (begin := _LIST.search(self.rest)) is None:
                self._enough *= 2  # else each piece would be searched for it from the start again
                return False
            self._first, self._at = begin[1], begin.start(1)
        end = self.rest.rfind(self._first, self._at + 1)
        records = bytes(self.rest[self._at : max(self._at, end)]).rstrip().removesuffix(b",")
        states = _records(records)
        if states is None:
            # Less than one record, or cut within one, where a field of a field begins alike.
            self._enough *= 2
            return False
        self._found += states
        del self.rest[self._at : end]
        self._enough = _PIECE
        return True

    def finish(self) -> Any:
        """Return the envelope with the states, to be given to :func:`states_of`.

        :raises ValueError: it is no JSON.
        """
        try:
            envelope = _envelope.decode(self.rest)
        except msgspec.MsgspecError:
            content = json.loads(self.rest)
            if self._found:
                content["data"] = {"data": self._found + _list_of(content)}
            return content
        return {"code": envelope.code, "message": envelope.message, "data": {"data": self._found + envelope.data.data}}


def _list_of(content: Any) -> list[Any]:
    match content:
        case {"data": {"data": [*records]}}:
            return records
    msg = "the records are not where a page has them"
    raise ValueError(msg)


def _records(text: bytes) -> list[JobState] | None:
    """Return the states of these records; ``None``: they are not whole."""
    if not text:
        return None
    text = b"[%b]" % text
    try:
        return _states.decode(text)
    except msgspec.MsgspecError:
        pass
    try:
        return states_of({"data": json.loads(text)})
    except ValueError:
        return None


def states_of(data: Any) -> list[JobState]:
    """Return the states of a page, whichever way it was read."""
    return [
        record if isinstance(record, JobState) else JobState.of(JobRecord.model_validate(record))
        for record in data["data"]
    ]

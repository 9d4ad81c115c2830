"""Where jobs stand, read out of long lists without the rest of their records.

A record weighs 6 to 10 kB, most of it the DAG. Making objects of a thousand of them takes a tenth of a second and as
many megabytes as they weigh several times over; skipping what nobody reads takes a few milliseconds.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from .job import JobRecord

__all__ = ["JobState", "decode_states", "states_of"]


class JobState(msgspec.Struct, frozen=True, rename={"changed": "update_time"}):
    """The few fields of one party's record of a job that say where it stands; see :class:`JobRecord`.

    :ivar status: FATE-Flow's word, also one that this package does not know.
    :ivar changed: ``update_time`` in milliseconds since the epoch.
    """

    job_id: str
    role: str
    party_id: str
    status: str
    progress: int | None = None
    changed: float | None = None

    @property
    def update_time(self) -> datetime | None:
        """``changed`` as the full record has it."""
        return None if self.changed is None else datetime.fromtimestamp(self.changed / 1000, tz=UTC)

    @classmethod
    def of(cls, record: JobRecord) -> JobState:
        """Take the fields from a whole record."""
        changed = None if record.update_time is None else round(record.update_time.timestamp() * 1000)
        return cls(record.job_id, record.role, record.party_id, str(record.status), record.progress, changed)


class _Page(msgspec.Struct):
    data: list[JobState]


class _Envelope(msgspec.Struct):
    code: int
    data: _Page
    message: str = ""


_quick = msgspec.json.Decoder(_Envelope)


def decode_states(body: bytes) -> Any:
    """Return an envelope whose page holds :class:`JobState` instead of records.

    Whatever is not exactly as expected (an error, a number for an id, a NaN, which Python writes into its JSON) is
    read in the thorough way, so that this one needs no leniency of its own.

    :raises ValueError: it is no JSON.
    """
    try:
        envelope = _quick.decode(body)
    except msgspec.MsgspecError:
        return json.loads(body)
    return {"code": envelope.code, "message": envelope.message, "data": envelope.data.data}


def states_of(data: Any) -> list[JobState]:
    """Return the states of a page, whichever way it was read."""
    if isinstance(data, list):
        return data
    return [JobState.of(JobRecord.model_validate(record)) for record in data["data"]]

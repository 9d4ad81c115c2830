"""Reading a log of FATE-Flow bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import LogLine, LogType

CHUNK = 2000
"""Lines that are asked for at once: a log may have any size, an answer should not."""


class Log:
    """One log of a job, which remembers how far it was read.

    :param flow: client of the site.
    :param log_type: which log.
    :param job_id: the job.
    :param role: role of the party.
    :param party_id: id of the party.
    :param task: name of the task; ``None`` for all of the party.
    """

    def __init__(
        self, flow: FlowClient, log_type: LogType, job_id: str, role: str, party_id: str, task: str | None = None
    ) -> None:
        self._flow = flow
        self._place = (log_type, job_id, role, party_id, task)
        self._read = 0

    def skip_to_last(self, lines: int) -> None:
        """Begin with the last so many lines that there are now."""
        self._read = max(0, self._flow.log.count(*self._place) - lines)

    def new(self, *, to_the_end: bool = False) -> Iterator[LogLine]:
        """Lines that were added since the last look.

        :param to_the_end: with a last line that has no line end. While somebody writes, it is not complete yet.
        """
        count = self._flow.log.count(*self._place)
        while self._read < count:
            begin, self._read = self._read + 1, min(self._read + CHUNK, count)
            yield from self._flow.log.query(*self._place, begin=begin, end=self._read)
        if to_the_end:
            rest = self._flow.log.query(*self._place, begin=self._read + 1)
            self._read += len(rest)
            yield from rest

"""How many rows were answered: of this minute in memory, of this day on disk, so that a restart forgets nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from airflow_provider_fate.errors import FateResourceError
from airflow_provider_fate.serving.split.document import SplitTerms

__all__ = ["RowLedger"]

_MINUTE = 60.0


class RowLedger:
    """Lets questions through as long as the terms allow it. Threads may share one.

    :param path: the file, which is made where it is not there.
    :param model: whose rows are counted.
    :param terms: what is allowed.
    :param clock: seconds since 1970.
    """

    def __init__(self, path: Path, model: str, terms: SplitTerms, clock: Callable[[], float] = time.time) -> None:
        self._path, self._model, self._terms, self._clock = path, model, terms, clock
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, int]] = deque()
        with closing(self._open()) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS answered (model TEXT, day TEXT, rows INTEGER, PRIMARY KEY (model, day))"
            )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)

    def take(self, rows: int) -> None:
        """Count rows that are about to be answered.

        :raises FateResourceError: they are more than the terms allow; nothing is counted then.
        """
        terms = self._terms
        if rows > terms.rows_per_request:
            raise FateResourceError(
                f"{rows} rows in one question are more than the {terms.rows_per_request} agreed on."
            )
        with self._lock:
            now = self._clock()
            while self._recent and self._recent[0][0] <= now - _MINUTE:
                self._recent.popleft()
            minute = sum(count for _, count in self._recent)
            if minute + rows > terms.rows_per_minute:
                raise FateResourceError(
                    f"{minute + rows} rows within a minute are more than the {terms.rows_per_minute} agreed on."
                )
            day = datetime.fromtimestamp(now, tz=UTC).date().isoformat()
            with closing(self._open()) as database, database:
                already = self._answered(database, day)
                if already + rows > terms.rows_per_day:
                    raise FateResourceError(
                        f"{already + rows} rows within a day are more than the {terms.rows_per_day} agreed on."
                    )
                database.execute(
                    "INSERT INTO answered VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET rows = excluded.rows",
                    (self._model, day, already + rows),
                )
            self._recent.append((now, rows))

    def today(self) -> int:
        """Rows that were answered today."""
        day = datetime.fromtimestamp(self._clock(), tz=UTC).date().isoformat()
        with closing(self._open()) as database:
            return self._answered(database, day)

    def _answered(self, database: sqlite3.Connection, day: str) -> int:
        found = database.execute("SELECT rows FROM answered WHERE model = ? AND day = ?", (self._model, day)).fetchone()
        return int(found[0]) if found else 0

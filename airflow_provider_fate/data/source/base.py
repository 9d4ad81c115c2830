"""What every source of rows can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from airflow_provider_fate.data.source.lines import Lines

__all__ = ["Source"]


class Source(Protocol):
    """Rows, in batches.

    :ivar name: what to call it in logs and messages; holds no secret.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    def version(self) -> str | None:
        """What changes whenever the rows may have changed, such as an ETag; ``None``: nobody can tell."""

    def size(self) -> int | None:
        """Bytes to read, where that is known."""

    def batches(self, wanted: Sequence[str] | None) -> Iterator[pa.RecordBatch | Lines]:
        """Read the rows from the beginning, with bounded memory; can be called again.

        The first batch has the columns' names and no rows.

        :param wanted: the columns that are needed; a source that can spares the others. A missing one is no error here.
            ``None``: all.
        :raises FateDataError: what is read is no table.
        """

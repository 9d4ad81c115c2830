"""Archives of tables as FATE-Flow sends them.

FATE-Flow sends tar.gz with two members for each table, ``<key>/<index>.csv`` and ``<key>/<index>.meta``. Whatever is
not one of these files is refused before a byte of it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from airflow_provider_fate.data.tar import ArchiveLimits, read_tar

__all__ = ["ArchiveLimits", "Member", "read_archive"]

_NAME = re.compile(r"(?P<key>[A-Za-z0-9_][A-Za-z0-9_.-]*)/(?P<index>[0-9]{1,6})\.(?P<kind>csv|meta)")


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive. Its data can be read until the next member is asked for.

    :ivar key: output key, or ``data`` for a table that was asked for by its name.
    :ivar index: number of the table under this key, from 0.
    :ivar kind: ``csv`` or ``meta``.
    :ivar size: bytes.
    """

    key: str
    index: int
    kind: str
    size: int
    data: BinaryIO = field(repr=False)

    @property
    def name(self) -> str:
        """As in the archive."""
        return f"{self.key}/{self.index}.{self.kind}"


def read_archive(file: BinaryIO, limits: ArchiveLimits | None = None) -> Iterator[Member]:
    """Yield the files of an archive, one after the other.

    The end of the archive and its checksum are looked at after the last file: before that, nothing says that what was
    read is what was sent.

    :param file: the tar.gz, open for reading bytes.
    :raises FateArchiveError: it is damaged (``damaged``), or it holds what FATE-Flow does not put into it.
    """
    for entry in read_tar(file, limits or ArchiveLimits(), _wrong, compressed=True):
        match = _NAME.fullmatch(entry.name)
        assert match is not None, "read_tar has asked"
        yield Member(match["key"], int(match["index"]), match["kind"], entry.size, entry.data)


def _wrong(name: str) -> str | None:
    return None if _NAME.fullmatch(name) else "is not a file of a table, such as 'data/0.csv'"

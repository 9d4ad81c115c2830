"""Tar archives as FATE-Flow sends them, read as a stream and trusted in nothing.

A server that was taken over, or a proxy on the way, may send anything. So files are only ever *read*, never unpacked
under their own names, and whatever is not expected is refused before a byte of it is used.

The tar format is read here rather than by :mod:`tarfile`, which takes extended headers into memory whole, whatever size
they claim, and checks neither gzip's checksum nor the end of the archive when it reads a stream.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_fate.errors import FateArchiveError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ArchiveLimits", "TarEntry", "read_tar"]

_BLOCK = 512
_CHUNK = 256 * 1024
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.DIRTYPE: "a directory",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_TRUSTED_PAX = frozenset({"path", "size", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"})
_ASK = "Nothing was taken from it. Ask who runs the FATE site, and look at what stands between it and here."


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may grow to.

    A table of FATE shrinks by a factor of 2 to 20, but one of 10,000 columns of zeros by 610.

    :param members: files in it; FATE makes two for each table, and a table for each fold.
    :param unpacked: bytes of all files together.
    :param ratio: unpacked bytes for each byte of the archive; gzip can reach 1030.
    :param ratio_from: unpacked bytes below which the ratio does not matter.
    :param header: bytes of one extended header, which is held in memory.
    """

    members: int = 10_000
    unpacked: int = 1 << 40
    ratio: float = 800.0
    ratio_from: int = 64 << 20
    header: int = 1 << 20


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A file of an archive. Its data can be read until the next one is asked for.

    :ivar name: its path in the archive.
    :ivar size: bytes.
    """

    name: str
    size: int
    data: BinaryIO = field(repr=False)


def read_tar(
    file: BinaryIO, limits: ArchiveLimits, wrong: Callable[[str], str | None], *, compressed: bool
) -> Iterator[TarEntry]:
    """Yield the files of an archive, one after the other.

    The end of the archive, and gzip's checksum, are looked at after the last file: before that, nothing says that what
    was read is what was sent.

    :param file: the archive, open for reading bytes.
    :param wrong: says of a relative path what is wrong with it; ``None``: such a file belongs into the archive.
    :param compressed: it is a tar.gz, and not a bare tar.
    :raises FateArchiveError: it is damaged (``damaged``), or it holds what does not belong there.
    """
    unpacked = _Unpacked(file, limits, compressed=compressed)
    seen: set[str] = set()
    while (header := _next_header(unpacked, limits)) is not None:
        if len(seen) >= limits.members:
            raise _refused(f"it has more than {limits.members} files")
        entry = _entry(unpacked, header, wrong)
        if entry.name in seen:
            raise _refused(f"it has two files named {entry.name!r}", entry.name)
        seen.add(entry.name)
        yield entry
        while entry.data.read(_CHUNK):
            pass
        unpacked.skip(-entry.size % _BLOCK)
    unpacked.finish()


def _refused(what: str, member: str | None = None) -> FateArchiveError:
    return FateArchiveError(f"The archive from FATE-Flow is refused: {what}.", member=member, hint=_ASK)


def _damaged(what: str) -> FateArchiveError:
    return FateArchiveError(f"The archive from FATE-Flow is damaged: {what}.", damaged=True, hint="Download it again.")


class _Unpacked:
    """The tar, forwards only, and never more of it than the limits allow."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits, *, compressed: bool) -> None:
        self._file = file
        self._limits = limits
        self._tar = gzip.GzipFile(fileobj=file, mode="rb") if compressed else file
        self.size = 0

    def read(self, most: int) -> bytes:
        """Return at most so many bytes; nothing at the end."""
        try:
            piece = self._tar.read(min(most, _CHUNK))
        except EOFError:
            raise _damaged("it breaks off") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise _damaged(str(error)) from None
        self.size += len(piece)
        if self.size > self._limits.unpacked:
            raise _refused(f"it unpacks to more than {self._limits.unpacked:,} bytes")
        if self.size > self._limits.ratio_from and self.size > self._limits.ratio * max(1, self._file.tell()):
            raise _refused(f"it unpacks to more than {self._limits.ratio:g} times its size, as only a bomb does")
        return piece

    def take(self, size: int) -> bytes:
        """Return exactly so many bytes, which the caller has limited."""
        pieces = []
        while size:
            if not (piece := self.read(size)):
                raise _damaged("it breaks off")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Pass over so many bytes."""
        while size:
            size -= len(self.take(min(size, _CHUNK)))

    def check_size(self, size: int, name: str) -> None:
        """Refuse a file that says of itself that it is too big."""
        if self.size + size > self._limits.unpacked:
            raise _refused(f"{name!r} says that it has {size:,} bytes", name)

    def finish(self) -> None:
        """Read to the end, which makes gzip compare its checksum."""
        while piece := self.read(_CHUNK):
            if piece.strip(b"\0"):
                raise _refused("something stands behind its end")


def _next_header(unpacked: _Unpacked, limits: ArchiveLimits) -> tarfile.TarInfo | None:
    """Return the header of the next file, with what an extended header says of it; ``None`` at the end."""
    extended: dict[str, str] = {}
    while True:
        header = _plain_header(unpacked)
        if header is None:
            if extended:
                raise _damaged("an extended header stands at its end")
            return None
        if header.type != tarfile.XHDTYPE:
            break
        if header.size > limits.header:
            raise _refused(f"an extended header has {header.size:,} bytes")
        if extended:
            raise _refused("two extended headers follow each other")
        extended = _pax(unpacked.take(header.size))
        unpacked.skip(-header.size % _BLOCK)
    header.name = extended.get("path", header.name)
    if "size" in extended:
        header.size = _number(extended["size"])
    return header


def _plain_header(unpacked: _Unpacked) -> tarfile.TarInfo | None:
    block = unpacked.take(_BLOCK)
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
        return None
    except tarfile.HeaderError as error:
        raise _damaged(f"it is not a tar archive ({error})") from None
    if header.size < 0:
        raise _refused(f"{header.name!r} says that it has {header.size} bytes", header.name)
    return header


def _pax(text: bytes) -> dict[str, str]:
    """Read an extended header: lines of ``<length> <key>=<value>``."""
    found: dict[str, str] = {}
    while text:
        digits, _, _ = text.partition(b" ")
        length = _number(digits[:10].decode("ascii", "replace"))
        line, text = text[:length], text[length:]
        key, equals, value = line[len(digits) + 1 :].decode("utf-8", "replace").removesuffix("\n").partition("=")
        if len(line) != length or length <= len(digits) or not equals or not line.endswith(b"\n"):
            raise _refused("an extended header cannot be read")
        if key not in _TRUSTED_PAX:
            raise _refused(f"an extended header sets {key!r}")
        found[key] = value
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise _refused("a number in an extended header cannot be read")
    return int(text)


def _entry(unpacked: _Unpacked, header: tarfile.TarInfo, wrong: Callable[[str], str | None]) -> TarEntry:
    """Return the file that a header announces, if it is one that belongs there."""
    name = header.name
    if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise _refused(f"{name!r} is {_KINDS.get(header.type, 'something else than a file')}", name)
    if name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name):
        raise _refused(f"{name!r} is an absolute path", name)
    if ".." in re.split(r"[/\\]", name):
        raise _refused(f"{name!r} leads out of the archive", name)
    if (reason := wrong(name)) is not None:
        raise _refused(f"{name!r} {reason}", name)
    unpacked.check_size(header.size, name)
    data = io.BufferedReader(_EntryData(unpacked, header.size), _CHUNK)
    return TarEntry(name, header.size, data)


class _EntryData(io.RawIOBase):
    """The bytes of one file."""

    def __init__(self, unpacked: _Unpacked, size: int) -> None:
        super().__init__()
        self._unpacked = unpacked
        self._left = size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer, as far as the file goes."""
        target = memoryview(buffer)
        wanted = min(len(target), self._left)
        if not wanted:
            return 0
        piece = self._unpacked.take(min(wanted, _CHUNK))
        target[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)

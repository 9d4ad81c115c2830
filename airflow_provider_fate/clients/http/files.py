"""Files on their way to and from a server, in constant memory and without blocking an event loop."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from airflow_provider_fate.errors import FateInvalidParameterError

__all__ = ["FileWriter", "Multipart", "PlainUpload", "Sink", "Source", "Target", "Upload"]

CHUNK = 256 * 1024
_LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXYZ"
"""What boundaries are made of. A server looks for the boundary in all of the file, and can skip as many bytes as it
is long wherever it meets one that is not in it: CSV is digits and commas. (CPython tells bytes apart by their last six
bits here, so J, which it takes for a line feed, and small letters, which it takes for digits, would cost time.)
"""

Source = Path | str | BinaryIO | Iterable[bytes] | Iterable[bytes | memoryview]
"""What can be uploaded: a path, an open binary file, or pieces of bytes."""

Target = Path | str | BinaryIO
"""Where a download goes: a path, written atomically, or an open binary file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file and the form fields that go with it.

    :param filename: what the server is told; it keeps none of it.
    :param later: more form fields, which are known only when the file has been read; they follow it.
    """

    source: Source = field(repr=False)
    fields: Mapping[str, str]
    filename: str = "data.csv"
    later: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.source, (str, Path)) and not Path(self.source).is_file():
            raise FateInvalidParameterError(
                f"file {str(self.source)!r} is not there.",
                hint="Give the path of a file that this worker can read.",
                fields={"file": ["not a file"]},
            )
        if isinstance(cast("object", self.source), (bytes, bytearray)):
            raise FateInvalidParameterError(
                "file: bytes would be sent one number at a time.", hint="Give [data] or io.BytesIO(data)."
            )

    def open(self) -> Multipart:
        """Return the body of one try."""
        return Multipart(self)


@dataclass(frozen=True, slots=True)
class PlainUpload(Upload):
    """A file that is the whole body, as ``PUT`` takes it; ``fields`` and ``filename`` are not sent."""

    fields: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> Multipart:
        """Return the body of one try."""
        return _Plain(self)


class Multipart:
    """One body of a multipart request, between ``start`` and ``close``; read by the sync or by the async
    client.

    Written by hand because httpx reads files inside the event loop, and takes no iterators.

    :ivar started: whether a piece of the source has been read. An iterator cannot be sent again after that.
    """

    def __init__(self, upload: Upload) -> None:
        self.started = False
        self._upload = upload
        self._own: BinaryIO | None = None
        self._file: BinaryIO | None = None
        self._pieces: Iterator[bytes | memoryview] | None = None
        self._start = 0
        self._boundary = boundary = "".join(secrets.choice(_LETTERS) for _ in range(60))
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{upload.filename}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self._head = self._parts(upload.fields) + file.encode()
        self._content_type = f"multipart/form-data; boundary={boundary}"

    def _parts(self, fields: Mapping[str, str]) -> bytes:
        return "".join(
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ).encode()

    def _tail(self) -> bytes:
        later = self._upload.later
        return b"\r\n" + (self._parts(later()) if later else b"") + f"--{self._boundary}--\r\n".encode()

    def start(self) -> None:
        """Open the source."""
        source = self._upload.source
        if isinstance(source, (str, Path)):
            self._own = self._file = open(source, "rb")  # noqa: SIM115 -- closed in close()
        elif hasattr(source, "read"):
            self._file = cast("BinaryIO", source)
            self._start = self._file.tell() if self._seekable else 0
        else:
            self._pieces = iter(source)

    def close(self) -> None:
        """Close what was opened here, and wind back what was not, so that a repeat sends the whole file."""
        if self._own is not None:
            self._own.close()
        elif self._file is not None and self.started and self._seekable:
            self._file.seek(self._start)

    @property
    def _seekable(self) -> bool:
        return self._file is not None and self._file.seekable()

    @property
    def can_repeat(self) -> bool:
        """Whether the source could be sent once more."""
        return not self.started or self._own is not None or self._seekable

    @property
    def headers(self) -> dict[str, str]:
        """Content type, and the length where it is known; else the body goes in chunks."""
        headers = {"Content-Type": self._content_type}
        if self._file is not None and self._seekable and self._upload.later is None:
            end = self._file.seek(0, os.SEEK_END)
            self._file.seek(self._start)
            headers["Content-Length"] = str(len(self._head) + end - self._start + len(self._tail()))
        return headers

    def _next(self) -> bytes | memoryview:
        """Return the next piece; ``b""`` at the end."""
        self.started = True
        if self._file is not None:
            return self._file.read(CHUNK)
        assert self._pieces is not None
        return next((piece for piece in self._pieces if piece), b"")

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Yield the body."""
        yield self._head
        while piece := self._next():
            yield piece
        yield self._tail()

    async def async_pieces(self) -> AsyncIterator[bytes | memoryview]:
        """Yield the body, reading the source in threads."""
        yield self._head
        while piece := await asyncio.to_thread(self._next):
            yield piece
        yield await asyncio.to_thread(self._tail)


class _Plain(Multipart):
    """A body that is a file and nothing else."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(upload)
        self._head, self._content_type = b"", "application/octet-stream"

    def _tail(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class Sink:
    """Where a download goes."""

    target: Target = field(repr=False)

    def open(self) -> FileWriter:
        """Return the writer of one try."""
        return FileWriter(self.target)


class FileWriter:
    """Takes a download, until ``close``. A path comes to be only with ``finish``, when everything has
    arrived.

    :ivar size: bytes written.
    """

    def __init__(self, target: Target) -> None:
        self.size = 0
        self._path = Path(target) if isinstance(target, (str, Path)) else None
        self._file: BinaryIO | None = None if self._path else cast("BinaryIO", target)
        self._partial: Path | None = None

    @property
    def can_repeat(self) -> bool:
        """Whether nothing of a broken download is left in the target."""
        return self._path is not None or self.size == 0

    def write(self, piece: bytes) -> None:
        """Append ``piece``. The file is opened with the first: an error answer leaves no trace."""
        self._open().write(piece)
        self.size += len(piece)

    def _open(self) -> BinaryIO:
        if self._file is None:
            assert self._path is not None
            # In the same directory, since a rename is atomic only within a file system.
            handle, partial = tempfile.mkstemp(prefix=f".{self._path.name}.", suffix=".part", dir=self._path.parent)
            self._partial = Path(partial)
            self._file = os.fdopen(handle, "wb")
        return self._file

    def finish(self) -> None:
        """Make the file visible under its name."""
        if self._path is None:
            return
        file = self._open()
        file.flush()
        os.fsync(file.fileno())
        file.close()
        assert self._partial is not None
        self._partial.chmod(0o666 & ~_umask())
        self._partial.replace(self._path)
        self._partial = None

    def close(self) -> None:
        """Remove what has not been finished."""
        if self._partial is not None:
            assert self._file is not None
            self._file.close()
            self._partial.unlink(missing_ok=True)


def _umask() -> int:
    # mkstemp makes files for the owner alone, while a download should look like any other file. The mask can
    # only be read by setting it, which would race with other threads; Linux tells it.
    try:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("Umask:")).split()[1], 8)
    except (OSError, StopIteration, ValueError):
        return 0o077

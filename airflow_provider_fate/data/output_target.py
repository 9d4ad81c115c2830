"""Places for files that hold a whole table or none: a folder of this machine, or an object store."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_fate.clients.http.files import Sink

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["local_file", "stored_object"]


@contextmanager
def local_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file that appears under its name when the block ends without an error, and else not at all.

    A file that had the name before is replaced. Folders that are missing are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = Sink(path).open()
    try:
        yield cast("BinaryIO", writer)
        writer.finish()
    finally:
        writer.close()


@contextmanager
def stored_object(fs: AbstractFileSystem, path: str) -> Iterator[BinaryIO]:
    """Give an object that appears when the block ends without an error, and else not at all.

    :param fs: the store.
    :param path: bucket and key.
    """
    from fsspec.spec import AbstractBufferedFile

    folder, slash, name = path.rpartition("/")
    partial = f"{folder}{slash}.{name}.{secrets.token_hex(4)}.part"
    file = fs.open(partial, "wb")
    if isinstance(file, AbstractBufferedFile):
        # Nothing is made before the first block is full, so this one leaves no trace.
        _discard(file)
        yield from _uploaded(fs.open(path, "wb"))
    else:
        yield from _renamed(fs, file, partial, path)


def _uploaded(file: Any) -> Iterator[BinaryIO]:
    """An upload in parts, which the store puts together when the file is closed."""
    try:
        yield file
        file.close()
    except BaseException:
        _discard(file)
        raise


def _discard(file: Any) -> None:
    """Leave nothing of an upload. To close the file, as a ``with`` block does after an error, would complete it."""
    with contextlib.suppress(Exception):
        file.discard()
    with contextlib.suppress(Exception):
        file.closed = True


def _renamed(fs: AbstractFileSystem, file: Any, partial: str, path: str) -> Iterator[BinaryIO]:
    """A file that is visible while it is written, and gets its name when it is complete."""
    try:
        with file:
            yield file
        fs.mv(partial, path)
    except BaseException:
        with contextlib.suppress(Exception):
            fs.rm(partial)
        raise

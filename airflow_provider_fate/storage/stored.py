"""A file on any storage that Airflow knows: what it is, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_fate.compat import storage_conn_id
from airflow_provider_fate.errors import FateConfigError
from airflow_provider_fate.storage.s3 import SCHEMES, S3Object

__all__ = ["StoredFile", "stored_file"]

_BLOCK = 4 * 1024 * 1024
"""Bytes that are asked of an object store at a time."""
_AHEAD = 1
"""So many blocks are under way while one is read."""


class StoredFile(Protocol):
    """A file, whether or not it is there."""

    def facts(self) -> Mapping[str, Any]:
        """What the storage says of it now, as fsspec's ``info`` does.

        :raises FileNotFoundError: it is not there.
        """

    def open(self, facts: Mapping[str, Any], in_order: bool) -> Any:
        """Open it for reading.

        :param facts: what it was when it was found.
        :param in_order: whether it will be read from front to back.
        """


def stored_file(url: str, conn_id: str | None) -> StoredFile:
    """A file by its URL.

    :param conn_id: connection to the storage, where the URL names none.
    :raises FateConfigError: what speaks to such a storage is not installed.
    """
    from airflow.sdk import ObjectStoragePath

    try:
        path = ObjectStoragePath(url, conn_id=conn_id) if conn_id else ObjectStoragePath(url)
        if path.protocol in SCHEMES and (found := S3Object.of(path.path, storage_conn_id(path))):
            return _S3File(found)
        return _FsspecFile(path.fs, path.path)
    except (ImportError, ValueError) as error:
        scheme = url.partition("://")[0]
        raise FateConfigError(
            f"source={url!r}: nothing here speaks to {scheme!r} storage ({error})",
            hint="Install the provider: airflow-provider-fate[s3] for S3, apache-airflow-providers-google or "
            "-microsoft-azure for theirs.",
        ) from None


@dataclass(frozen=True)
class _S3File:
    """An object, read in blocks."""

    stored: S3Object

    def facts(self) -> Mapping[str, Any]:
        return self.stored.facts()

    def open(self, facts: Mapping[str, Any], in_order: bool) -> Any:
        from airflow_provider_fate.data.source import BlockReader, PieceReader

        def fetch(begin: int, end: int) -> bytes:
            return self.stored.fetch(facts["ETag"], begin, end)

        return BlockReader(fetch, facts["size"], _BLOCK, _AHEAD) if in_order else PieceReader(fetch, facts["size"])


@dataclass(frozen=True)
class _FsspecFile:
    """A file of another storage.

    :param storage: a file system of fsspec, which has the credentials and the connections.
    :param place: the path on it.
    """

    storage: Any = field(repr=False)
    place: str

    def facts(self) -> Mapping[str, Any]:
        with suppress(Exception):
            self.storage.invalidate_cache()
        found: Mapping[str, Any] = self.storage.info(self.place)
        return found

    def open(self, facts: Mapping[str, Any], in_order: bool) -> Any:
        from airflow_provider_fate.data.source import BlockReader

        size, protocol = facts.get("size"), self.storage.protocol
        if "file" in (protocol, *protocol):
            return self.storage.open(self.place, "rb")
        if in_order and size is not None:
            return BlockReader(self._fetch, size, _BLOCK, _AHEAD)
        # Out of order: nothing more than is asked for.
        return self.storage.open(self.place, "rb", block_size=_BLOCK, cache_type="none")

    def _fetch(self, begin: int, end: int) -> bytes:
        piece: bytes = self.storage.cat_file(self.place, start=begin, end=end)
        return piece

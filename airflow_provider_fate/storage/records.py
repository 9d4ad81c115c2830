"""Small records on any storage that Airflow knows, none of which is ever written over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateConfigError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["StoredRecords"]

_PROBE = ".never-written-over"


class StoredRecords:
    """Records below a folder, each of which is made once.

    On object storage a record is made by a conditional write (``If-None-Match: *``), of which exactly one succeeds
    whoever writes at the same time. Storage that takes such a write and yet writes over is found out, and refused.

    :param url: a path on this machine, or a URL such as ``s3://aws_default@bucket/folder``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._fs, self._root = _storage(self.url)
        self._is_proven = False

    def place(self, name: str) -> str:
        """Where a record is, for people."""
        return f"{self.url}/{name}"

    def create(self, name: str, content: bytes) -> bool:
        """Make a record.

        :returns: ``False`` where there is one of this name: it is left as it is.
        :raises FateConfigError: the storage cannot keep one writer from writing over another.
        """
        self._prove()
        return self._create(name, content)

    def read(self, name: str) -> bytes | None:
        """A record; ``None``: there is none of this name."""
        try:
            if self._fs is None:
                return Path(self._root, name).read_bytes()
            self._fs.invalidate_cache()
            found: bytes = self._fs.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return found

    def names(self, folder: str) -> list[str]:
        """Names of the records and folders in a folder, in their order; none where it is not there."""
        try:
            if self._fs is None:
                return sorted(entry.name for entry in os.scandir(Path(self._root, folder)))
            self._fs.invalidate_cache()
            listed: list[Any] = self._fs.ls(f"{self._root}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in listed)

    def _create(self, name: str, content: bytes) -> bool:
        if self._fs is None:
            place = Path(self._root, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            # A link appears whole, and not where there is one: what is half written has another name.
            partial = place.with_name(f".{place.name}.{os.urandom(6).hex()}")
            partial.write_bytes(content)
            try:
                os.link(partial, place)
            except FileExistsError:
                return False
            finally:
                partial.unlink()
            return True
        try:
            self._fs.pipe_file(f"{self._root}/{name}", content, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            if _is_there(error):
                return False
            raise
        return True

    def _prove(self) -> None:
        """Make sure, once, that a second write of one name is refused."""
        if self._is_proven or self._fs is None:
            return
        self._create(_PROBE, b"")
        if self._create(_PROBE, b""):
            raise FateConfigError(
                f"The storage of {self.url} writes over what is there although it was told not to (If-None-Match), so "
                "that two writers could both believe that they had won.",
                hint="Use storage with conditional writes (AWS S3, SeaweedFS, MinIO, Google Cloud Storage, Azure), or "
                "a folder.",
            )
        self._is_proven = True


def _is_there(error: OSError) -> bool:
    """Whether a store has refused a conditional write: s3fs says it by the error of boto3 alone."""
    response = getattr(error.__cause__, "response", None) or {}
    return response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (409, 412)


def _storage(url: str) -> tuple[AbstractFileSystem | None, str]:
    """The storage, ``None`` for this machine; and the folder there."""
    if "://" not in url or url.startswith("file://"):
        return None, url.removeprefix("file://")
    from airflow.sdk import ObjectStoragePath

    try:
        path = ObjectStoragePath(url)
        return path.fs, path.path.rstrip("/")
    except (ImportError, ValueError) as error:
        raise FateConfigError(
            f"{url!r}: nothing here speaks to {url.partition('://')[0]!r} storage ({error}).",
            hint="Install the provider: airflow-provider-fate[s3] for S3, apache-airflow-providers-google or "
            "-microsoft-azure for theirs.",
        ) from None

"""A folder on any storage that Airflow knows: the files in it, one by one."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.storage.stored import stored_file
from airflow_provider_fate.storage.target import stored_target

__all__ = ["StoredFolder", "fetch_file", "require_no_password"]

_CHUNK = 1 << 20


def require_no_password(name: str, url: str) -> None:
    """Refuse a URL that holds a password, which Airflow would show.

    :param name: of the argument, for the message.
    :raises FateInputError: it holds one.
    """
    if ":" in urlsplit(url).netloc.rpartition("@")[0]:
        raise FateInputError(
            f"{name} has a password in it, which would be shown in the UI",
            hint="Put it into an Airflow connection, and write its id: s3://conn_id@bucket/key.",
        )


def fetch_file(url: str, to: Path) -> None:
    """Copy a file of any storage to this machine.

    :param url: a path on this machine, or a URL such as ``s3://aws_default@bucket/key``.
    :raises FileNotFoundError: it is not there.
    """
    if "://" not in url or url.startswith("file://"):
        shutil.copyfile(url.removeprefix("file://"), to)
        return
    stored = stored_file(url, None)
    with stored.open(stored.facts(), True) as source, to.open("wb") as target:
        shutil.copyfileobj(source, target, _CHUNK)


class StoredFolder:
    """A folder, which need not be there.

    :param url: a path on this machine, or a URL such as ``s3://aws_default@bucket/folder``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def place(self, name: str) -> str:
        """Where a file of the folder is."""
        return f"{self.url}/{name}"

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None``: it is not there."""
        place = self.place(name)
        try:
            if "://" not in place or place.startswith("file://"):
                return Path(place.removeprefix("file://")).stat().st_size
            found = stored_file(place, None).facts()
        except FileNotFoundError:
            return None
        return None if found.get("type") == "directory" else int(found["size"])

    def sha256(self, name: str) -> str:
        """Checksum of a file.

        :raises FileNotFoundError: it is not there.
        """
        digest, place = hashlib.sha256(), self.place(name)
        if "://" not in place or place.startswith("file://"):
            with Path(place.removeprefix("file://")).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        stored = stored_file(place, None)
        with stored.open(stored.facts(), True) as source:
            while piece := source.read(_CHUNK):
                digest.update(piece)
        return digest.hexdigest()

    def fetch(self, name: str, to: Path) -> None:
        """Copy a file to this machine.

        :raises FileNotFoundError: it is not there.
        """
        fetch_file(self.place(name), to)

    def write(self, name: str, content: bytes | Path) -> None:
        """Write a file, which appears when it is complete; one of that name is replaced.

        :param content: its bytes, or a file of this machine that holds them.
        """
        with stored_target(self.place(name)) as target:
            if isinstance(content, bytes):
                target.write(content)
                return
            with content.open("rb") as source:
                shutil.copyfileobj(source, target, _CHUNK)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""
        place = self.place(name)
        if "://" not in place or place.startswith("file://"):
            Path(place.removeprefix("file://")).unlink(missing_ok=True)
            return
        from airflow.sdk import ObjectStoragePath

        path = ObjectStoragePath(place)
        if self.size(name) is not None:
            path.fs.rm_file(path.path)

"""Where Airflow's connections are kept that tasks make: behind its API, or in the file of a secrets backend.

What a task has made carries who it is for in its description. Only that is changed and removed again; what a person
has written, or has taken over by another description, is left alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_fate.clients.airflow_api import ConnectionEntry
from airflow_provider_fate.errors import FateConflictError, FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.airflow_api import AirflowApiClient

__all__ = ["ApiConnections", "ConnectionFile", "ConnectionStore", "forget", "is_conn_id", "keep", "mark_of", "marked"]

_CONN_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_MARK = re.compile(r"\(airflow-provider-fate: ([^()\s]+)\)\s*$")


class ConnectionStore(Protocol):
    """Something that keeps connections."""

    def get(self, conn_id: str) -> ConnectionEntry | None:
        """Return a connection; its secrets may be hidden."""

    def add(self, entry: ConnectionEntry) -> bool:
        """Add one; ``False``: there is one of this id."""

    def change(self, entry: ConnectionEntry) -> bool:
        """Write one anew; ``False``: there is none."""

    def delete(self, conn_id: str) -> bool:
        """Remove one; ``False``: there is none."""

    def close(self) -> None:
        """Give up what is open."""


class ApiConnections:
    """Connections in an Airflow's database, through its API."""

    def __init__(self, client: AirflowApiClient) -> None:
        self._client = client

    def get(self, conn_id: str) -> ConnectionEntry | None:
        """Return a connection, its secrets as stars."""
        return self._client.connections.get(conn_id)

    def add(self, entry: ConnectionEntry) -> bool:
        """Add one; ``False``: there is one of this id."""
        return self._client.connections.add(entry)

    def change(self, entry: ConnectionEntry) -> bool:
        """Write one anew; ``False``: there is none."""
        return self._client.connections.change(entry)

    def delete(self, conn_id: str) -> bool:
        """Remove one; ``False``: there is none."""
        return self._client.connections.delete(conn_id)

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class ConnectionFile:
    """A JSON file as Airflow's ``LocalFilesystemBackend`` reads it: connections by id.

    Writers wait for each other, readers see the old file or the new one. A new file is for its owner's eyes only.

    :param file: path, ending in ``.json``; its folder exists.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, conn_id: str) -> ConnectionEntry | None:
        """Return a connection."""
        found = self._read().get(conn_id)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            return ConnectionEntry(conn_id=conn_id, conn_type="")  # a URI, which is not ours
        extra = found.get("extra_dejson", found.get("extra"))
        text = extra if isinstance(extra, str) or extra is None else json.dumps(extra)
        return ConnectionEntry.model_validate({"conn_type": "", **found, "connection_id": conn_id, "extra": text})

    def add(self, entry: ConnectionEntry) -> bool:
        """Add one; ``False``: there is one of this id."""
        with self._locked() as all_of_them:
            if entry.conn_id in all_of_them:
                return False
            self._write(all_of_them | {entry.conn_id: _as_kept(entry)})
        return True

    def change(self, entry: ConnectionEntry) -> bool:
        """Write one anew; ``False``: there is none."""
        with self._locked() as all_of_them:
            if entry.conn_id not in all_of_them:
                return False
            self._write(all_of_them | {entry.conn_id: _as_kept(entry)})
        return True

    def delete(self, conn_id: str) -> bool:
        """Remove one; ``False``: there is none."""
        with self._locked() as all_of_them:
            if conn_id not in all_of_them:
                return False
            self._write({key: value for key, value in all_of_them.items() if key != conn_id})
        return True

    def close(self) -> None:
        """Nothing is open."""

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        if not self._file.parent.is_dir():
            raise FateInputError(f"The folder of {str(self._file)!r} does not exist on this worker.")
        with self._file.with_name(f".{self._file.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file.read_text() or "{}")
        except FileNotFoundError:
            return {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise FateInputError(
                f"{str(self._file)!r} is no JSON file of connections.",
                hint="Name a file that Airflow's LocalFilesystemBackend can read, or a new one.",
            )
        return found

    def _write(self, connections: Mapping[str, Any]) -> None:
        mode = self._file.stat().st_mode & 0o777 if self._file.exists() else 0o600
        descriptor, name = tempfile.mkstemp(prefix=f".{self._file.name}.", dir=self._file.parent)
        try:
            with os.fdopen(descriptor, "w") as stream:
                json.dump(connections, stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode)
            Path(name).replace(self._file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _as_kept(entry: ConnectionEntry) -> dict[str, Any]:
    kept = entry.model_dump(exclude={"conn_id", "extra"}, exclude_none=True)
    return kept | ({"extra": entry.extra} if entry.extra else {})


# --- what is ours -----------------------------------------------------------------------------------------------------


def is_conn_id(text: str) -> bool:
    """Whether Airflow takes it for the id of a connection."""
    return bool(_CONN_ID.fullmatch(text))


def marked(words: str, owner: str) -> str:
    """A description that says for whom a connection was made."""
    return f"{words} (airflow-provider-fate: {owner})"


def mark_of(entry: ConnectionEntry) -> str | None:
    """For whom a connection was made by us; ``None``: somebody else has made it."""
    found = _MARK.search(entry.description or "")
    return found[1] if found else None


def keep(store: ConnectionStore, entry: ConnectionEntry, *, overwrite: bool = False) -> bool:
    """Make a connection, or bring ours up to date; return whether anything was to be done.

    A connection with a password is written in any case: whether the old one is the same cannot be seen.

    :param entry: with the mark of its owner.
    :param overwrite: also one that is not ours.
    :raises FateConflictError: there is one of this id that is not ours.
    """
    there = store.get(entry.conn_id)
    if there is None:
        if store.add(entry):
            return True
        there = store.get(entry.conn_id)  # made meanwhile, maybe by a try of ours whose answer was lost
    if there is not None and not overwrite and mark_of(there) != mark_of(entry):
        owner = mark_of(there)
        raise FateConflictError(
            f"Connection {entry.conn_id!r} exists, and was made {f'for {owner}' if owner else 'by somebody else'}.",
            hint="Take another fate_conn_id, delete it, or pass overwrite=True.",
        )
    if there is not None and entry.password is None and there.password is None and _same(there, entry):
        return False
    return store.change(entry) or store.add(entry)


def forget(store: ConnectionStore, conn_id: str, owner: str | None = None) -> tuple[bool, str]:
    """Remove a connection if it is ours; return whether it was removed, and else why not.

    :param owner: only if it was made for this one.
    """
    there = store.get(conn_id)
    if there is None:
        return False, "there is none"
    mark = mark_of(there)
    if mark is None:
        return False, "somebody else has made it"
    if owner is not None and mark != owner:
        return False, f"it was made for {mark}"
    return store.delete(conn_id), "it was removed meanwhile"


def _same(there: ConnectionEntry, wanted: ConnectionEntry) -> bool:
    fields = ("conn_type", "description", "host", "port", "login")
    alike = all((getattr(there, name) or None) == (getattr(wanted, name) or None) for name in fields)
    return alike and there.extras == wanted.extras

"""A federation file on the worker or on any storage, and the salt that it names, by Airflow's connections."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_fate.errors import FateConfigError, FateInputError
from airflow_provider_fate.federation import Federation, salt_fingerprint
from airflow_provider_fate.storage.source import salt_of

__all__ = ["agreed_salt", "read_federation", "table_reference"]

_REFERENCE = re.compile(r"(.+)#([A-Za-z][A-Za-z0-9_-]*)")


def table_reference(contract: object) -> tuple[str, str] | None:
    """Path and short name of a table, if a contract is one of a federation file: ``federation.yaml#usage``."""
    found = _REFERENCE.fullmatch(contract) if isinstance(contract, str) else None
    return (found[1], found[2]) if found else None


def read_federation(place: str | Path, folder: str | None = None) -> Federation:
    """Read a federation file.

    :param place: its path, or a URL that Airflow's object storage knows.
    :param folder: where a relative path begins, unless the file is in the working directory: that of the DAG file.
    :raises FateInputError: it is not there, or something in it cannot be.
    """
    text = str(place)
    if "://" in text:
        from airflow.sdk import ObjectStoragePath

        try:
            return Federation.parse(ObjectStoragePath(text).read_text(), text)
        except FileNotFoundError:
            raise FateInputError(f"federation {text!r} is not there.") from None
    path = Path(text)
    if folder is not None and not path.is_absolute() and not path.is_file():
        path = Path(folder) / path
    return Federation.read(path)


def agreed_salt(federation: Federation, who: str) -> str | None:
    """The salt of a party; ``None`` where ids are not hashed.

    :param who: short name or id of the party whose Airflow this is.
    :raises FateConfigError: the connection has none, or another one than was agreed.
    """
    conn_id, agreed = federation.id_rule(who).salt_conn_id, federation.ids.salt
    if conn_id is None or agreed is None:
        return None
    salt = salt_of(conn_id)
    if (found := salt_fingerprint(salt)) != agreed.fingerprint:
        raise FateConfigError(
            f"connection {conn_id!r} holds another salt (fingerprint {found}) than federation "
            f"{federation.federation!r} agrees upon ({agreed.fingerprint}): no id would match the partner's.",
            hint="Put the agreed salt there, or correct the file on both sides.",
        )
    return salt

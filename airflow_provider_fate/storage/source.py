"""From the arguments of an upload to a source of rows, by Airflow's connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_fate.errors import FateConfigError, FateInputError
from airflow_provider_fate.storage.stored import stored_file

if TYPE_CHECKING:
    from airflow_provider_fate.data.contract import Contract, ContractFile
    from airflow_provider_fate.data.source import FileSource, SqlSource

Kind = TypeVar("Kind", bound="ContractFile")


def file_source(source: str | Path, conn_id: str | None, delimiter: str = ",", encoding: str = "utf-8") -> FileSource:
    """A file on the worker, or on any storage that Airflow's ``ObjectStoragePath`` knows.

    :param source: a path, or a URL such as ``s3://aws_default@bucket/key``.
    :param conn_id: connection to the storage, where the URL names none.
    :raises FileNotFoundError: there is no such file.
    :raises FateConfigError: what speaks to such a storage is not installed.
    """
    from airflow_provider_fate.data.source import FileSource

    text = str(source)
    if "://" not in text:
        if not Path(text).is_file():
            raise FileNotFoundError(f"source={text!r} is not a file on this worker.")
        return FileSource.of_path(text, delimiter=delimiter, encoding=encoding)
    user = text.partition("://")[2].partition("/")[0].rpartition("@")[0]
    if ":" in user:
        raise FateInputError(
            "source has a password in its URL, which would be shown in the UI",
            hint="Make an Airflow connection and name it: s3://my_conn_id@bucket/key.",
        )
    stored = stored_file(text, conn_id)
    try:
        found = stored.facts()
    except FileNotFoundError:
        raise FileNotFoundError(f"source={text!r} is not there.") from None
    if found.get("type") == "directory":
        raise FateInputError(f"source={text!r} is a folder", hint="Name one file; map the task over many.")
    return FileSource(
        lambda in_order: stored.open(found, in_order),
        text,
        delimiter=delimiter,
        encoding=encoding,
        file_version=lambda: _version(stored.facts()),
        file_size=found.get("size"),
    )


def _version(facts: Mapping[str, Any]) -> str | None:
    """What a storage says of a file that changes with its content."""
    for name in ("ETag", "etag", "versionId", "md5Hash", "content_md5"):
        if facts.get(name):
            return str(facts[name]).strip('"')
    for name in ("LastModified", "last_modified", "updated", "mtime"):
        if facts.get(name):
            return f"{facts.get('size')}-{facts[name]}"
    return None


def sql_source(sql: str, conn_id: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> SqlSource:
    """What a query returns, through any DB-API hook.

    :param sql: the query.
    :param conn_id: connection to the database.
    :param parameters: for its placeholders.
    :raises FateConfigError: the connection is none of a database, or its provider is not installed.
    """
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_fate.data.source import SqlSource

    connection = BaseHook.get_connection(conn_id)
    try:
        hook: Any = BaseHook.get_hook(conn_id)
    except Exception as error:
        raise FateConfigError(
            f"sql_conn_id={conn_id!r} has the type {connection.conn_type!r}, for which there is no hook ({error})",
            hint="Install the provider of that database.",
        ) from None
    connect: Callable[[], Any] | None = getattr(hook, "get_conn", None)
    if connect is None or not hasattr(hook, "get_records"):
        raise FateConfigError(
            f"sql_conn_id={conn_id!r} has the type {connection.conn_type!r}, which is not a database",
            hint="Name a connection to PostgreSQL, MySQL, Oracle, Snowflake ...",
        )
    return SqlSource(connect, sql, f"query on {conn_id}", parameters)


def read_contract(contract: str | Mapping[str, Any]) -> Contract:
    """A table's contract, from a YAML file on the worker or on any storage, or from a mapping.

    :raises FateInputError: it is not there, or says what a contract cannot say.
    """
    from airflow_provider_fate.data.contract import Contract

    return read_contract_of(Contract, contract)


def read_contract_of(kind: type[Kind], contract: str | Mapping[str, Any]) -> Kind:
    """A contract of any kind, as :func:`read_contract` reads one.

    :param kind: what it is about.
    :raises FateInputError: it is not there, or says what a contract cannot say.
    """
    import yaml

    if isinstance(contract, Mapping):
        return kind.parse(yaml.safe_dump(dict(contract)), "contract")
    from airflow.sdk import ObjectStoragePath

    place = ObjectStoragePath(contract) if "://" in contract else Path(contract)
    try:
        text = place.read_text()
    except (FileNotFoundError, IsADirectoryError):
        raise FateInputError(
            f"contract={contract!r} is not a file on this worker", hint="Keep it beside your DAGs, for example."
        ) from None
    return kind.parse(text, f"contract {contract}")


def salt_of(conn_id: str) -> str:
    """The secret that ids are hashed with: the password of a connection.

    :raises FateConfigError: it has none.
    """
    from airflow.providers.common.compat.sdk import BaseHook

    salt = BaseHook.get_connection(conn_id).password
    if not salt:
        raise FateConfigError(
            f"id_salt_conn_id={conn_id!r} has no password",
            hint="Put the salt that you have agreed upon with your partners there.",
        )
    return str(salt)

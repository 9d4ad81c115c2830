"""From what a DAG names to the registry behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.registry.interface import Registry
from airflow_provider_fate.models.registry.store import ModelRegistry
from airflow_provider_fate.storage.folder import require_no_password

if TYPE_CHECKING:
    from airflow_provider_fate.hooks.mlflow import MlflowServer
    from airflow_provider_fate.models.registry.mlflow_sweep import SweepRuns

__all__ = ["open_registry", "open_sweep_runs", "require_mlflow"]

_SERVER = re.compile(r"(mlflow|kubeflow)://(.*)", re.S)
_CONN_ID = re.compile(r"[A-Za-z0-9_.\-]+")


def open_registry(place: str) -> Registry:
    """Return the registry of a name; close it when it is no longer needed.

    :param place: ``mlflow://mlflow_default`` or ``kubeflow://kubeflow_default``, with the id of an Airflow connection;
        else a folder: a path, or a URL such as ``s3://aws_default@models/registry``.
    :raises FateInputError: it names neither.
    :raises FateConfigError: the connection cannot be used.
    """
    if not place:
        raise FateInputError(
            "registry is empty.",
            hint="Name a folder, such as s3://aws_default@models/registry, or mlflow://<connection id>.",
        )
    require_no_password("registry", place)
    if (server := _SERVER.fullmatch(place)) is None:
        return ModelRegistry(place)
    conn_id = _conn_id("registry", place, server)
    return _mlflow(conn_id) if server[1] == "mlflow" else _kubeflow(conn_id)


@contextmanager
def open_sweep_runs(place: str, experiment: str | None, otherwise: str) -> Iterator[SweepRuns]:
    """What writes sweeps into an MLflow.

    :param place: ``mlflow://mlflow_default``, with the id of an Airflow connection.
    :param experiment: the experiment of the runs; ``None``: that of the connection.
    :param otherwise: the experiment where the connection names none, either.
    :raises FateInputError: it names no MLflow.
    :raises FateConfigError: the connection cannot be used.
    """
    from airflow_provider_fate.models.registry.mlflow_sweep import SweepRuns

    server = _mlflow_server(require_mlflow("mlflow", place))
    with server.client() as client:
        yield SweepRuns(client, experiment or server.experiment or otherwise)


def require_mlflow(what: str, place: str) -> str:
    """The id of the connection that ``mlflow://mlflow_default`` names.

    :param what: the argument, for messages.
    :raises FateInputError: it names no MLflow.
    """
    require_no_password(what, place)
    named = _SERVER.fullmatch(place)
    if named is None or named[1] != "mlflow":
        raise FateInputError(f"{what}={place!r} names no MLflow.", hint="Write mlflow://<id of an Airflow connection>.")
    return _conn_id(what, place, named)


def _conn_id(what: str, place: str, named: re.Match[str]) -> str:
    kind, conn_id = named[1], named[2].rstrip("/")
    if not _CONN_ID.fullmatch(conn_id):
        raise FateInputError(
            f"{what}={place!r} does not name an Airflow connection.",
            hint=f"Write its id, such as {kind}://{kind}_default: address and credentials stand in the connection.",
        )
    return conn_id


def _mlflow_server(conn_id: str) -> MlflowServer:
    from airflow_provider_fate.hooks.hook import read_connection
    from airflow_provider_fate.hooks.mlflow import MlflowServer

    return read_connection(MlflowServer, conn_id)


def _mlflow(conn_id: str) -> Registry:
    from airflow_provider_fate.models.registry.mlflow import MlflowRegistry

    server = _mlflow_server(conn_id)
    return MlflowRegistry(server.client(), experiment=server.experiment, pages=server.page_url)


def _kubeflow(conn_id: str) -> Registry:
    from airflow_provider_fate.hooks.hook import read_connection
    from airflow_provider_fate.hooks.kubeflow import KubeflowServer
    from airflow_provider_fate.models.registry.kubeflow import KubeflowRegistry

    server = read_connection(KubeflowServer, conn_id)
    return KubeflowRegistry(server.client(), pages=server.page_url)

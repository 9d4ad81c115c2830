"""From what a DAG names to the registry behind it."""

from __future__ import annotations

import re

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.registry.interface import Registry
from airflow_provider_fate.models.registry.store import ModelRegistry
from airflow_provider_fate.storage.folder import require_no_password

__all__ = ["open_registry"]

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
    kind, conn_id = server[1], server[2].rstrip("/")
    if not _CONN_ID.fullmatch(conn_id):
        raise FateInputError(
            f"registry={place!r} does not name an Airflow connection.",
            hint=f"Write its id, such as {kind}://{kind}_default: address and credentials stand in the connection.",
        )
    return _mlflow(conn_id) if kind == "mlflow" else _kubeflow(conn_id)


def _mlflow(conn_id: str) -> Registry:
    from airflow_provider_fate.hooks.hook import read_connection
    from airflow_provider_fate.hooks.mlflow import MlflowServer
    from airflow_provider_fate.models.registry.mlflow import MlflowRegistry

    server = read_connection(MlflowServer, conn_id)
    return MlflowRegistry(server.client(), experiment=server.experiment, pages=server.page_url)


def _kubeflow(conn_id: str) -> Registry:
    from airflow_provider_fate.hooks.hook import read_connection
    from airflow_provider_fate.hooks.kubeflow import KubeflowServer
    from airflow_provider_fate.models.registry.kubeflow import KubeflowRegistry

    server = read_connection(KubeflowServer, conn_id)
    return KubeflowRegistry(server.client(), pages=server.page_url)

"""``portal.server``, ``portal.site``, ``portal.data``, ``portal.models``: the site, its tables and its models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_fate.clients.fedlcm.models import ServiceStatus
from airflow_provider_fate.clients.fedlcm.reading import THERE_OR_NOT, many, nothing, or_none
from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Request,
    Steps,
    Transport,
    Upload,
    endpoint,
    get,
    post,
    procedure,
)
from airflow_provider_fate.errors import FateInputError

from .models import Deployment, PortalData, PortalModel, Site

__all__ = ["PortalDataGroup", "PortalModelGroup", "PortalServerGroup", "PortalSiteGroup"]


class PortalServerGroup(Group[Transport]):
    """The portal, and the user that asks."""

    @endpoint
    def status(self) -> Request[ServiceStatus]:
        """Return what the portal says to everybody."""
        return get("/status", lambda reply: ServiceStatus.model_validate(reply.data), bare=True)

    @endpoint
    def user(self) -> Request[str]:
        """Return the name of the user.

        :raises FateAuthError: the connection's is not let in.
        """
        return _user()


class PortalSiteGroup(Group[Transport]):
    """The site."""

    @endpoint
    def get(self) -> Request[Site]:
        """Return what is configured."""
        return get("/site", lambda reply: Site.model_validate(reply.data))

    @endpoint
    def update(self, site: Site) -> Request[None]:
        """Configure it. Everything is overwritten, and a change of name or address ends the registration."""
        return Request("PUT", "/site", nothing, json=site.to_json(), once=Once.ACT)

    @endpoint
    def connect_flow(self, host: str, port: int, *, https: bool = False) -> Request[None]:
        """Connect the portal with the site's FATE-Flow 1.x.

        :raises FateError: it is not reached.
        """
        given = {"host": host, "port": port, "https": https}
        return post("/site/fateflow/connect", nothing, json=given, once=Once.REPEAT, slow=True)

    @endpoint
    def connect_kubeflow(self, config: Mapping[str, Any]) -> Request[None]:
        """Connect the portal with a Kubeflow and its MinIO."""
        return post("/site/kubeflow/connect", nothing, json=dict(config), once=Once.REPEAT, slow=True)

    @endpoint
    def register(self, fml_manager: str, server_name: str = "") -> Request[None]:
        """Register the site with an FML manager, such as ``https://10.0.0.1:9443``."""
        given = {"endpoint": fml_manager, "server_name": server_name}
        return post("/site/fmlmanager/connect", nothing, json=given, once=Once.REPEAT, slow=True)

    @endpoint
    def unregister(self) -> Request[None]:
        """Take the registration back."""
        return post("/site/fmlmanager/unregister", nothing, slow=True)


class PortalDataGroup(Group[Transport]):
    """Tables that the site has loaded."""

    @endpoint
    def list(self) -> Request[list[PortalData]]:
        """Return all."""
        return get("/data", many(PortalData))

    @endpoint
    def get(self, uuid: str) -> Request[PortalData | None]:
        """Return one with its columns; ``None``: there is none."""
        return get(f"/data/{uuid}", or_none(PortalData), accept=THERE_OR_NOT)

    @procedure
    def upload(self, file: Path, name: str, description: str = "") -> Steps[str]:
        """Upload a CSV with a column ``id``, and return its id. FATE-Flow loads it after that.

        :raises FateInputError: the file is not there, or its first line names no ``id``.
        """
        _check_csv(file)
        yield _user()  # a file that is half read cannot be sent again where the token is no longer valid
        fields = {"name": name, "description": description}
        uploaded: str = yield post(
            "/data", lambda reply: str(reply.data), upload=Upload(file, fields, filename=file.name), slow=True
        )
        return uploaded

    @endpoint
    def associate(self, name: str, namespace: str, table: str, description: str = "") -> Request[str]:
        """Write down a table that is in FATE already, and return its id."""
        order = {"name": name, "description": description, "table_namespace": namespace, "table_name": table}
        return post("/data/associate", lambda reply: str(reply.data), json=order, once=Once.SUBMIT, slow=True)

    @endpoint
    def columns(self, uuid: str) -> Request[Sequence[str]]:
        """Return the names of its columns."""
        return get(f"/data/{uuid}/columns", lambda reply: [str(one) for one in reply.data or ()])

    @endpoint
    def set_id_kind(self, uuid: str, id_type: int, encryption: int) -> Request[None]:
        """Say what its ids are, and how they are hashed, as numbers of the portal."""
        given = {"id_type": id_type, "id_encryption_type": encryption}
        return Request("PUT", f"/data/{uuid}/idmetainfo", nothing, json=given)

    @endpoint
    def delete(self, uuid: str) -> Request[None]:
        """Delete one, if it is there.

        :raises FateConflictError: a project uses it.
        """
        return Request("DELETE", f"/data/{uuid}", nothing, accept=THERE_OR_NOT, slow=True)


class PortalModelGroup(Group[Transport]):
    """Models that jobs have left at this site."""

    @endpoint
    def list(self) -> Request[list[PortalModel]]:
        """Return all."""
        return get("/model", many(PortalModel))

    @endpoint
    def get(self, uuid: str) -> Request[PortalModel | None]:
        """Return one with its evaluation; ``None``: there is none."""
        return get(f"/model/{uuid}", or_none(PortalModel), accept=THERE_OR_NOT)

    @endpoint
    def delete(self, uuid: str) -> Request[None]:
        """Delete one, if it is there."""
        return Request("DELETE", f"/model/{uuid}", nothing, accept=THERE_OR_NOT)

    @endpoint
    def publish(self, uuid: str, service_name: str, parameters: Mapping[str, Any] | None = None) -> Request[Deployment]:
        """Publish a horizontal model to KServe ("KFServing").

        :raises FateError: the model is a vertical one, or Kubeflow is not connected.
        """
        order = {"service_name": service_name, "deployment_type": 1, "parameters_json": json.dumps(parameters or {})}
        return post(
            f"/model/{uuid}/publish",
            lambda reply: Deployment.model_validate(reply.data),
            json=order,
            once=Once.SUBMIT,
            slow=True,
        )


def _user() -> Request[str]:
    return get("/user/current", lambda reply: str(reply.data))


def _check_csv(file: Path) -> None:
    if not file.is_file():
        raise FateInputError(f"file={str(file)!r} is not a file on this worker.")
    with file.open(encoding="utf-8-sig") as lines:
        names = [name.strip() for name in lines.readline().rstrip("\r\n").split(",")]
    if "id" not in names:
        raise FateInputError(
            f"file={str(file)!r} has no column 'id': the portal reads none without.",
            hint=f"Name the column with the ids 'id'; its first line says {', '.join(names)[:200]}.",
        )

"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_fate.clients.http import (
    Api,
    AsyncClient,
    AsyncTransport,
    Group,
    Once,
    Reply,
    Request,
    Steps,
    SyncClient,
    SyncTransport,
    Transport,
    endpoint,
    get,
    post,
    procedure,
    without_none,
)

from .envelope import EXISTS, MISSING, KubeflowEnvelope
from .models import KubeflowEntity, KubeflowPage, Properties, properties

__all__ = ["AsyncKubeflowClient", "KubeflowClient"]

_MAYBE = frozenset({MISSING})
_UNLESS_THERE = frozenset({EXISTS})
_PAGE = 100


class KubeflowModels(Group[Transport]):
    """Registered models. A name is given once."""

    @endpoint
    def find(self, name: str) -> Request[KubeflowEntity | None]:
        """Return the model of a name; ``None``: there is none."""
        return get("/registered_model", _one_or_none, params={"name": name}, accept=_MAYBE)

    @endpoint
    def create(self, name: str, *, custom: Properties, owner: str | None = None) -> Request[KubeflowEntity | None]:
        """Make one; ``None``: there is one of this name already, also where an earlier try has made it."""
        body = without_none(name=name, owner=owner, state="LIVE", customProperties=properties(custom))
        return post("/registered_models", _one_or_none, json=body, accept=_UNLESS_THERE, once=Once.REPEAT)

    @endpoint
    def change(self, model_id: str, raw: Mapping[str, Any]) -> Request[KubeflowEntity]:
        """Write all of its properties anew."""
        body = {"customProperties": dict(raw)}
        return Request("PATCH", f"/registered_models/{model_id}", _one, json=body)

    @procedure
    def all(self) -> Steps[list[KubeflowEntity]]:
        """Return all models."""
        return (yield from _all("/registered_models"))


class KubeflowVersions(Group[Transport]):
    """Versions. A name is given once per model, an external id once in the whole registry."""

    @endpoint
    def find(self, model_id: str, name: str) -> Request[KubeflowEntity | None]:
        """Return the version of a name; ``None``: there is none."""
        params = {"parentResourceId": model_id, "name": name}
        return get("/model_version", _one_or_none, params=params, accept=_MAYBE)

    @endpoint
    def find_external(self, external_id: str) -> Request[KubeflowEntity | None]:
        """Return the version of an external id; ``None``: there is none."""
        return get("/model_version", _one_or_none, params={"externalId": external_id}, accept=_MAYBE)

    @endpoint
    def create(
        self, model_id: str, name: str, *, external_id: str, state: str, custom: Properties, more: Mapping[str, str]
    ) -> Request[KubeflowEntity | None]:
        """Make one; ``None``: name or external id is taken, also where an earlier try has made it.

        :param more: further fields: ``description``, ``author``.
        """
        body = {
            "name": name,
            "registeredModelId": model_id,
            "externalId": external_id,
            "state": state,
            "customProperties": properties(custom),
            **more,
        }
        return post("/model_versions", _one_or_none, json=body, accept=_UNLESS_THERE, once=Once.REPEAT)

    @endpoint
    def change(self, version_id: str, *, state: str, raw: Mapping[str, Any]) -> Request[KubeflowEntity]:
        """Write state and all properties anew."""
        body = {"state": state, "customProperties": dict(raw)}
        return Request("PATCH", f"/model_versions/{version_id}", _one, json=body)

    @procedure
    def all(self, model_id: str | None = None) -> Steps[list[KubeflowEntity]]:
        """Return the versions of a model, or of all."""
        path = "/model_versions" if model_id is None else f"/registered_models/{model_id}/versions"
        return (yield from _all(path))


class KubeflowArtifacts(Group[Transport]):
    """Artifacts: where things are, and what is known of them. No files. External ids are given once."""

    @endpoint
    def find(self, external_id: str) -> Request[KubeflowEntity | None]:
        """Return the artifact of an external id; ``None``: there is none."""
        return get("/artifact", _one_or_none, params={"externalId": external_id}, accept=_MAYBE)

    @endpoint
    def create(
        self,
        kind: str,
        name: str,
        *,
        version_id: str | None = None,
        external_id: str | None = None,
        custom: Properties | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Request[KubeflowEntity | None]:
        """Make one; ``None``: name or external id is taken, also where an earlier try has made it.

        :param kind: ``model-artifact`` or ``doc-artifact``.
        :param version_id: the version it belongs to; ``None``: to none.
        :param more: further fields: ``uri``, ``modelFormatName``, ``modelFormatVersion`` ...
        """
        body = without_none(
            artifactType=kind,
            name=name,
            externalId=external_id,
            state="LIVE",
            customProperties=properties(custom or {}),
            **(more or {}),
        )
        path = "/artifacts" if version_id is None else f"/model_versions/{version_id}/artifacts"
        return post(path, _one_or_none, json=body, accept=_UNLESS_THERE, once=Once.REPEAT)

    @procedure
    def all(self, version_id: str) -> Steps[list[KubeflowEntity]]:
        """Return the artifacts of a version."""
        return (yield from _all(f"/model_versions/{version_id}/artifacts"))


class KubeflowApi(Api[Transport]):
    """The groups of endpoints that both clients have."""

    envelope = KubeflowEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.models = KubeflowModels(transport)
        self.versions = KubeflowVersions(transport)
        self.artifacts = KubeflowArtifacts(transport)


class KubeflowClient(SyncClient, KubeflowApi[SyncTransport]):
    """A Kubeflow Model Registry; its settings are :class:`~airflow_provider_fate.clients.http.LoginSettings`."""


class AsyncKubeflowClient(AsyncClient, KubeflowApi[AsyncTransport]):
    """The same, awaited."""


def _one(reply: Reply) -> KubeflowEntity:
    return KubeflowEntity.of(reply.data)


def _one_or_none(reply: Reply) -> KubeflowEntity | None:
    return None if reply.code else _one(reply)


def _all(path: str) -> Steps[list[KubeflowEntity]]:
    found: list[KubeflowEntity] = []
    token: str | None = None
    while True:
        params = without_none(pageSize=_PAGE, nextPageToken=token, orderBy="ID")
        page: KubeflowPage = yield get(path, lambda reply: KubeflowPage.model_validate(reply.data), params=params)
        found += [KubeflowEntity.of(item) for item in page.items]
        token = page.next_page or None
        if token is None:
            return found

"""A Kubeflow Model Registry in memory, after its published OpenAPI (kubeflow/hub, api/openapi/model-registry.yaml).

Which names and ids are unique is what its database says (migrations 000001 and 000005), and how they are refused its
``internal/core``. Requests are held to the schemas of the OpenAPI, as far as these fields go.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from tests.support.json_server import Answer, JsonServer

API = "/api/model_registry/v1alpha3"
_ID = re.compile(r"[1-9][0-9]{0,8}")
_BASE = {"name", "externalId", "description", "customProperties"}
_ALLOWED = {
    "registered_models": _BASE | {"owner", "state", "readme", "maturity", "language", "tasks", "provider", "logo"},
    "model_versions": _BASE | {"registeredModelId", "state", "author"},
    "model-artifact": _BASE
    | {"artifactType", "uri", "state", "modelFormatName", "modelFormatVersion", "storageKey", "storagePath"}
    | {"serviceAccountName", "modelSourceKind", "modelSourceClass", "modelSourceGroup", "modelSourceId"}
    | {"modelSourceName"},
    "doc-artifact": _BASE | {"artifactType", "uri", "state"},
}
_VALUES = {
    "MetadataStringValue": ("string_value", str),
    "MetadataDoubleValue": ("double_value", float),
    "MetadataBoolValue": ("bool_value", bool),
    "MetadataIntValue": ("int_value", str),
}
_LONGEST_INDEXED = 2700
"""Bytes of a text that PostgreSQL's index over properties takes."""


class Wrong(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        self.answer: Answer = (status, {"code": str(status), "message": message})


class FakeKubeflow(JsonServer):
    """Registered models, versions, artifacts.

    :ivar page: so many entities are answered at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.page = 100
        self.models: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}

    def failed(self, words: str) -> Answer:
        return 500, {"code": "500", "message": words}

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if not path.startswith(f"{API}/"):
            return 404, b"404 page not found"
        try:
            return self._route(method, path.removeprefix(f"{API}/").split("/"), query, json.loads(body or b"{}"))
        except Wrong as wrong:
            return wrong.answer

    def _route(self, method: str, path: list[str], query: dict[str, str], body: dict[str, Any]) -> Answer:
        match method, path:
            case "GET", ["registered_model"]:
                return 200, self._one(self.models.values(), query, {"name"})
            case "GET", ["model_version"]:
                return 200, self._one(self.versions.values(), query, {"name", "parentResourceId"})
            case "GET", ["artifact"]:
                return 200, self._one(self.artifacts.values(), query, {"name", "parentResourceId"})
            case "GET", ["registered_models"]:
                return 200, self._listed(self.models.values(), query)
            case "GET", ["model_versions"]:
                return 200, self._listed(self.versions.values(), query)
            case "GET", ["registered_models", model_id, "versions"]:
                self._known(self.models, model_id)
                return 200, self._listed(_children(self.versions, model_id), query)
            case "GET", ["model_versions", version_id, "artifacts"]:
                self._known(self.versions, version_id)
                return 200, self._listed(_children(self.artifacts, version_id), query)
            case "POST", ["registered_models"]:
                return 201, self._create(self.models, "registered_models", body, None)
            case "POST", ["model_versions"]:
                if not body.get("registeredModelId"):
                    raise Wrong(422, "registeredModelId is required")
                self._known(self.models, body["registeredModelId"])
                return 201, self._create(self.versions, "model_versions", body, body["registeredModelId"])
            case "POST", ["artifacts"]:
                return 201, self._create(self.artifacts, body["artifactType"], body, None)
            case "POST", ["model_versions", version_id, "artifacts"]:
                self._known(self.versions, version_id)
                return 201, self._create(self.artifacts, body["artifactType"], body, version_id)
            case "PATCH", ["registered_models", model_id]:
                return 200, self._change(self.models, model_id, "registered_models", body)
            case "PATCH", ["model_versions", version_id]:
                return 200, self._change(self.versions, version_id, "model_versions", body)
        return 404, b"404 page not found"

    def _create(self, where: dict[str, Any], kind: str, body: dict[str, Any], parent: str | None) -> dict[str, Any]:
        _check(kind, body)
        if not body.get("name"):
            raise Wrong(400, "name is required")
        # Models and versions are rows of one table, artifacts of another; an external id is unique in a table.
        contexts = [*self.models.values(), *self.versions.values()]
        table = list(self.artifacts.values()) if where is self.artifacts else contexts
        external = body.get("externalId")
        same = [entity for entity in where.values() if entity.get("artifactType") == body.get("artifactType")]
        if any(entity["name"] == body["name"] and entity["_parent"] == parent for entity in same) or (
            external is not None and any(entity.get("externalId") == external for entity in table)
        ):
            raise Wrong(409, f"{kind} with name {body['name']} already exists: conflict")
        number = str(len(table) + 1)
        now = str(int(time.time() * 1000))
        made = {**body, "id": number, "_parent": parent, "createTimeSinceEpoch": now, "lastUpdateTimeSinceEpoch": now}
        where[number] = made
        return _told(made)

    def _change(self, where: dict[str, Any], number: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        entity = self._known(where, number)
        _check(kind, body)
        if "name" in body:
            raise Wrong(400, "name cannot be changed")
        entity |= body
        return _told(entity)

    def _known(self, where: dict[str, Any], number: str) -> dict[str, Any]:
        if not _ID.fullmatch(number):
            raise Wrong(400, f"invalid id {number}")
        if number not in where:
            raise Wrong(404, f"no entity found for id {number}: not found")
        found: dict[str, Any] = where[number]
        return found

    def _one(self, entities: Iterable[dict[str, Any]], query: dict[str, str], keys: set[str]) -> dict[str, Any]:
        external = query.get("externalId")
        if external is None and not keys <= query.keys():
            raise Wrong(400, f"invalid parameters call, supply either {sorted(keys)}, or externalId: bad request")
        found = [
            entity
            for entity in entities
            if (entity.get("externalId") == external if external is not None else entity["name"] == query["name"])
            and query.get("parentResourceId") in (None, entity["_parent"])
        ]
        if len(found) != 1:
            raise Wrong(404, f"{'multiple' if found else 'no'} entities found for {query}: not found")
        return _told(found[0])

    def _listed(self, entities: Iterable[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        every = list(entities)
        start, size = int(query.get("nextPageToken") or 0), min(self.page, int(query.get("pageSize", 100)))
        items = [_told(entity) for entity in every[start : start + size]]
        token = str(start + size) if every[start + size :] else ""
        return {"items": items, "size": len(items), "pageSize": size, "nextPageToken": token}


def _children(where: dict[str, Any], parent: str) -> list[dict[str, Any]]:
    return [entity for entity in where.values() if entity["_parent"] == parent]


def _told(entity: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps({key: value for key, value in entity.items() if not key.startswith("_")}))  # type: ignore[no-any-return]


def _check(kind: str, body: dict[str, Any]) -> None:
    """Hold a body to its schema."""
    if kind not in _ALLOWED or (unknown := body.keys() - _ALLOWED[kind]):
        raise Wrong(400, f"{kind}: unknown fields {sorted(unknown) if kind in _ALLOWED else kind}")
    for key in ("name", "externalId"):
        if len(body.get(key) or "") > 255:
            raise Wrong(500, f"value too long for column {key}")
    if body.get("state", "LIVE") not in ("LIVE", "ARCHIVED"):
        raise Wrong(422, f"state {body['state']}")
    for key, value in body.get("customProperties", {}).items():
        field, type_ = _VALUES[value["metadataType"]]
        if set(value) != {"metadataType", field} or not isinstance(value[field], type_) or len(key) > 255:
            raise Wrong(400, f"customProperties.{key}: {value}")
        if type_ is str and len(value[field].encode()) > _LONGEST_INDEXED:
            raise Wrong(500, "index row size exceeds btree maximum")

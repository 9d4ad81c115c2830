"""A client of one API server: few verbs, for objects of any kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.clients.kubernetes.failures import kind_not_served, lost, refused
from airflow_provider_fate.clients.kubernetes.objects import PODS, Json, Resource, meta, name_of
from airflow_provider_fate.errors import FateConflictError, FateError, FateKindNotServed, FateNotFoundError

if TYPE_CHECKING:
    import aiohttp
    from kubernetes_asyncio.client import ApiClient

__all__ = ["MANAGER", "AsyncKubernetesClient"]

MANAGER = "airflow-provider-fate"
"""Who sets the fields that we apply."""
PAGE = 500
"""Objects in one answer to a list."""
WATCH = 120
"""Seconds after which the server ends a watch, and it is begun anew: a connection that is dead shows until then."""
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_ANY = "application/json, */*"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class AsyncKubernetesClient:
    """Objects of a Kubernetes cluster; each refusal is a :class:`~airflow_provider_fate.errors.FateError`.

    :param api: an open client with credentials; whoever has opened it closes it.
    :param timeout: seconds one request may take.
    """

    def __init__(self, api: ApiClient, *, timeout: float = 30.0) -> None:
        self._api = api
        self._timeout = timeout
        self._resources: dict[tuple[str, str], Resource] = {}
        self._version: str | None = None

    # -- what the server is -----------------------------------------------------------------------------------------

    async def version(self) -> str:
        """Its release, such as ``v1.28.3``."""
        if self._version is None:
            _, body = await self._ask("GET", "/version", verb="get", resource=Resource("v1", "Version", "version"))
            self._version = str(body.get("gitVersion") or "")
        return self._version

    async def resource(self, api_version: str, kind: str) -> Resource:
        """How a kind is addressed; asked for once.

        :raises FateKindNotServed: there is no such kind.
        """
        if (known := self._resources.get((api_version, kind))) is not None:
            return known
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        about = Resource(api_version, kind, kind.lower())
        try:
            _, body = await self._ask("GET", path, verb="get", resource=about)
        except (FateNotFoundError, FateKindNotServed):
            raise kind_not_served(api_version, kind) from None
        for found in body.get("resources") or ():
            if found.get("kind") == kind and "/" not in str(found.get("name")):
                resource = Resource(api_version, kind, str(found["name"]), bool(found.get("namespaced")))
                return self._resources.setdefault((api_version, kind), resource)
        raise kind_not_served(api_version, kind)

    # -- reading ----------------------------------------------------------------------------------------------------

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        """One object; ``None``: there is none."""
        try:
            _, body = await self._ask(
                "GET", resource.path(namespace, name), verb="get", resource=resource, namespace=namespace, name=name
            )
        except FateKindNotServed:
            raise
        except FateNotFoundError:
            return None
        return body

    async def objects(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int | None = None,
        metadata_only: bool = False,
    ) -> tuple[list[Json], str]:
        """All objects that fit, and the moment (resourceVersion) from which a watch can follow.

        :param labels: label selector.
        :param fields: field selector.
        :param limit: no more than about so many.
        :param metadata_only: without what is in them, such as secrets.
        """
        query = {"limit": str(min(PAGE, limit or PAGE))}
        query |= {name: value for name, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        found: list[Json] = []
        while True:
            _, body = await self._ask(
                *("GET", resource.path(namespace)),
                verb="list",
                resource=resource,
                namespace=namespace,
                query=query,
                accept=_METADATA if metadata_only else _ANY,
            )
            # Items of a list do not say what they are.
            about = {"apiVersion": resource.api_version, "kind": resource.kind}
            found += [about | dict(item) for item in body.get("items") or ()]
            more = meta(body).get("continue")
            if not more or (limit is not None and len(found) >= limit):
                return found, str(meta(body).get("resourceVersion") or "")
            query["continue"] = str(more)

    async def watch(
        self, resource: Resource, namespace: str | None, moment: str, *, labels: str = ""
    ) -> AsyncIterator[tuple[str, Json]]:
        """What changes, as ``(ADDED | MODIFIED | DELETED | BOOKMARK, object)``; ends by itself after some time.

        :param moment: from when on, as :meth:`objects` has told.
        :raises Expired: the server does not remember that far back.
        """
        import aiohttp

        query = {"watch": "true", "resourceVersion": moment, "allowWatchBookmarks": "true"}
        query |= {"timeoutSeconds": str(WATCH)} | ({"labelSelector": labels} if labels else {})
        asked = f"watch {resource.kubectl('get', namespace)}"
        patience = aiohttp.ClientTimeout(connect=self._timeout, sock_read=WATCH + self._timeout)
        try:
            answer = await self._send("GET", resource.path(namespace), query, None, None, patience)
            async with answer:
                if answer.status != 200:
                    body = _json(await answer.text())
                    raise self._refused(answer.status, body, "watch", resource, namespace, "")
                async for line in _lines(answer):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = int(event["object"].get("code") or 500)
                        raise self._refused(status, event["object"], "watch", resource, namespace, "")
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, OSError, ValueError) as e:
            raise lost(e, asked=asked) from None

    async def log(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> list[str]:
        """The last lines that a container has written.

        :param previous: of its last run, where it was started again.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": "65536"}
        query |= {"previous": "true"} if previous else {}
        path = f"{PODS.path(namespace, pod)}/log"
        _, body = await self._ask(
            "GET", path, verb="get", resource=PODS, namespace=namespace, name=pod, query=query, text=True
        )
        return str(body["text"]).splitlines()

    # -- changing ---------------------------------------------------------------------------------------------------

    async def apply(self, resource: Resource, body: Json, *, force: bool = False) -> tuple[Json, bool]:
        """Make an object what it shall be, and nothing else of it (server-side apply).

        :param force: take over fields that others have set.
        :returns: the object, and whether it was created.
        :raises FateFieldConflict: others have set fields that would change, and not ``force``.
        """
        namespace, name = str(meta(body).get("namespace") or "") or None, name_of(body)
        status, applied = await self._ask(
            *("PATCH", resource.path(namespace, name)),
            verb="patch",
            resource=resource,
            namespace=namespace,
            name=name,
            query={"fieldManager": MANAGER, "force": "true" if force else "false"},
            body=body,
            content=_APPLY,
        )
        return applied, status == 201

    async def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str = "") -> bool:
        """Give the order to remove an object, after all that belongs to it (foreground).

        :param uid: remove only the one with this uid.
        :returns: whether there was one.
        """
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self._ask(
                *("DELETE", resource.path(namespace, name)),
                verb="delete",
                resource=resource,
                namespace=namespace,
                name=name,
                body=body,
            )
        except FateKindNotServed:
            raise
        except FateNotFoundError:
            return False
        except FateConflictError as e:
            if uid and "UID" in e.message:  # another one has its name now
                return False
            raise
        return True

    # -- inside -----------------------------------------------------------------------------------------------------

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None,
        content: str | None,
        patience: aiohttp.ClientTimeout | float,
        accept: str = _ANY,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept} | ({"Content-Type": content} if content else {})
        answer: aiohttp.ClientResponse = await self._api.call_api(
            *(path, method),
            query_params=list(query.items()),
            header_params=headers,
            body=dict(body) if body is not None else None,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=patience,
        )
        return answer

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        verb: str,
        resource: Resource,
        namespace: str | None = None,
        name: str = "",
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content: str | None = None,
        text: bool = False,
        accept: str = _ANY,
    ) -> tuple[int, dict[str, Any]]:
        import aiohttp

        try:
            async with await self._send(method, path, query or {}, body, content, self._timeout, accept) as answer:
                said = await answer.text(errors="replace")
        except (aiohttp.ClientError, OSError) as e:
            raise lost(e, asked=f"{verb} {_what(resource, namespace, name)}") from None
        if text and answer.status == 200:
            return 200, {"text": said}
        told = _json(said)
        if not 200 <= answer.status <= 299 or not isinstance(told, dict):
            raise self._refused(answer.status, told, verb, resource, namespace, name)
        return answer.status, told

    @staticmethod
    def _refused(status: int, body: Any, verb: str, resource: Resource, namespace: str | None, name: str) -> FateError:
        what = _what(resource, namespace, name)
        return refused(status, body, what=what, verb=verb, resource=resource, namespace=namespace, name=name)


def _what(resource: Resource, namespace: str | None, name: str) -> str:
    place = "/".join(part for part in (namespace, name) if part)
    return f"{resource.kind} {place}".strip()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines, however long: aiohttp's own reading of lines has a limit."""
    rest = b""
    async for chunk in answer.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line

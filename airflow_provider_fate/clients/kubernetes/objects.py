"""Objects of Kubernetes as they travel, and how a kind of them is addressed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from airflow_provider_fate.errors import FateInputError

__all__ = ["Json", "Resource", "body_of", "meta", "name_of"]

Json: TypeAlias = Mapping[str, Any]
"""An object as the API server gives it: metadata, spec, status."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True)
class Resource:
    """A kind of objects, as the server serves it.

    :param api_version: such as ``v1`` or ``serving.kserve.io/v1beta1``.
    :param kind: such as ``Pod``.
    :param plural: as it stands in paths.
    :param namespaced: whether its objects live in namespaces.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """Its API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def full_name(self) -> str:
        """What ``kubectl`` takes for it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None, name: str = "") -> str:
        """Of all of them in a namespace, or of one."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{name}" if name else "")

    def kubectl(self, verb: str, namespace: str | None, name: str = "") -> str:
        """The command that does the same, for people."""
        where = f" --namespace {namespace}" if self.namespaced and namespace else ""
        return f"kubectl {verb} {self.full_name}{' ' + name if name else ''}{where}"


PODS = Resource("v1", "Pod", "pods")
EVENTS = Resource("v1", "Event", "events")
NAMESPACES = Resource("v1", "Namespace", "namespaces", namespaced=False)


def meta(body: Json) -> Json:
    """The metadata of an object."""
    found = body.get("metadata")
    return found if isinstance(found, Mapping) else {}


def name_of(body: Json) -> str:
    """The name of an object."""
    return str(meta(body).get("name") or "")


def body_of(manifest: object, *, namespace: str | None = None) -> dict[str, Any]:
    """Check that a manifest can be applied: one object with apiVersion, kind and a name.

    :param namespace: where it goes, if the manifest does not say.
    :raises FateInputError: it is none; the message names field, value and way out.
    """
    if not isinstance(manifest, Mapping):
        raise FateInputError(f"manifest is {type(manifest).__name__}, not a mapping.", hint="Give one object.")
    if manifest.get("kind") == "List" or "items" in manifest:
        raise FateInputError("manifest is a list of objects.", hint="Give one object to each task.")
    body = {**manifest, "metadata": dict(meta(manifest))}
    for field in ("apiVersion", "kind"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise FateInputError(f"manifest.{field}={body.get(field)!r} is no name.", hint=f"Say which {field} it has.")
    metadata = body["metadata"]
    if not metadata.get("name"):
        raise FateInputError(
            "manifest.metadata.name is missing.",
            hint="Name the object: by its name it is found again. generateName cannot be used.",
        )
    check_name("manifest.metadata.name", metadata["name"])
    if namespace:
        if metadata.get("namespace") not in (None, namespace):
            raise FateInputError(
                f"manifest.metadata.namespace={metadata['namespace']!r} is not namespace={namespace!r}.",
                hint="Say it in one place.",
            )
        metadata["namespace"] = namespace
    metadata.pop("managedFields", None)
    body.pop("status", None)  # is the controller's
    return body


def check_name(field: str, value: object) -> None:
    """Check that a name can stand in a path.

    :raises FateInputError: it cannot.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise FateInputError(
            f"{field}={value!r} is no name on Kubernetes.",
            hint="Use lower-case letters, digits, '-' and '.'; begin and end with a letter or a digit.",
        )

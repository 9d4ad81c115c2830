"""``flow.provider``: where components come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Reply,
    Request,
    Steps,
    Transport,
    endpoint,
    get,
    post,
    procedure,
    without_none,
)
from airflow_provider_fate.errors import FateInvalidParameterError

from ..models import Provider
from ..names import check_name

__all__ = ["Device", "ProviderGroup"]

Device = Literal["local", "docker", "k8s"]


class ProviderGroup(Group[Transport]):
    """Providers: sets of components such as ``fate:2.2.0@local``."""

    @endpoint
    def register(
        self,
        name: str,
        version: str,
        device: Device,
        metadata: Mapping[str, Any],
        *,
        protocol: str | None = None,
        components_description: Mapping[str, Any] | None = None,
    ) -> Request[str]:
        """Make a provider known, or replace it; return ``"create success"`` or ``"update success"``.

        :param metadata: for ``local``: ``path`` of the packages and ``venv`` (directory or Python
            executable), both on the server; for ``docker``: ``base_url`` and ``image``; for ``k8s``:
            ``image``, ``namespace``, ``config``.
        :param components_description: what the components look like; by default the server runs the provider
            to ask.
        :raises FateFileNotFound: a path does not exist on the server.
        """
        body = without_none(
            name=check_name("name", name),
            version=check_name("version", version),
            device=device,
            metadata=dict(metadata),
            protocol=protocol,
            components_description=None if components_description is None else dict(components_description),
        )
        return post("/provider/register", lambda reply: reply.message, json=body, once=Once.REPEAT, slow=True)

    @procedure
    def query(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        device: Device | None = None,
        provider_name: str | None = None,
    ) -> Steps[list[Provider]]:
        """Return the providers that match all given filters; all providers without one.

        :param provider_name: ``name:version@device``.
        """
        filters = without_none(name=name, version=version, device=device, provider_name=provider_name)
        if filters:
            found: list[Provider] = yield _query(filters)
            return found
        # FATE-Flow answers nothing to a question without a filter, so each kind is asked for.
        every: list[Provider] = []
        for kind in ("local", "docker", "k8s"):
            every += yield _query({"device": kind})
        return every

    @endpoint
    def delete(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        device: Device | None = None,
        provider_name: str | None = None,
    ) -> Request[bool]:
        """Forget the providers that match all given filters; return whether there was one.

        :raises FateInvalidParameterError: no filter is given.
        """
        body = without_none(name=name, version=version, device=device, provider_name=provider_name)
        if not body:
            raise FateInvalidParameterError(
                "provider.delete has no filter.", hint="Give provider_name, such as 'fate_llm:2.2.0@local'."
            )
        return post("/provider/delete", lambda reply: bool(reply.data), json=body)


def _query(filters: Mapping[str, str]) -> Request[list[Provider]]:
    return get("/provider/query", _providers, params=dict(filters))


def _providers(reply: Reply) -> list[Provider]:
    return [Provider.model_validate(provider) for provider in reply.data or ()]

"""``flow.app`` and ``flow.permission``: who may do what. Most need an app with the role ``admin``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import SecretStr

from airflow_provider_fate.clients.http import Group, Once, Reply, Request, Transport, endpoint, get, post, without_none
from airflow_provider_fate.errors import FateInvalidParameterError

from ..models import App, ResourceGrants, TableRef
from ..names import check_id

__all__ = ["CURE", "AppGroup", "AppRole", "PermissionGroup"]

CURE = "UPDATE fate_casbin SET v2 = upper(v2) WHERE v2 IN ('post', 'get')"
"""Mends a site's database, for good: FATE-Flow 2.2 stores the rules for ``permission/resource`` with lower-case
methods, compares them in upper case, and so refuses everybody while it authenticates its clients."""

AppRole = Literal["client", "super_client", "site", "worker", "super_worker"]


class AppGroup(Group[Transport]):
    """Apps. All raise ``FateNotOfferedError`` while authentication is switched off on the server."""

    @endpoint
    def create_client(self, app_name: str) -> Request[App]:
        """Make an app for a client of this site. It may do nothing until it is granted a role."""
        return post("/app/client/create", _app, json={"app_name": app_name})

    @endpoint
    def delete_client(self, app_id: str) -> Request[bool]:
        """Delete a client's app; return whether there was one."""
        return post("/app/client/delete", _status, json={"app_id": app_id})

    @endpoint
    def query_clients(self, *, app_id: str | None = None, app_name: str | None = None) -> Request[list[App]]:
        """Return the clients' apps that match; none without a filter."""
        return get("/app/client/query", _apps, params={"app_id": app_id, "app_name": app_name})

    @endpoint
    def create_site(self, party_id: str) -> Request[App]:
        """Make the app with which another site signs what it sends to this one."""
        return post("/app/site/create", _app, json={"party_id": check_id("party_id", party_id)})

    @endpoint
    def delete_site(self, party_id: str) -> Request[bool]:
        """Delete another site's app; return whether there was one."""
        return post("/app/site/delete", _status, json={"party_id": check_id("party_id", party_id)})

    @endpoint
    def query_sites(self, party_id: str) -> Request[list[App]]:
        """Return the apps of another site."""
        return get("/app/site/query", _apps, params={"party_id": check_id("party_id", party_id)})

    @endpoint
    def create_partner(self, party_id: str, *, app_id: str, app_token: SecretStr) -> Request[App]:
        """Store the app that a partner made for this site (``create_site`` over there)."""
        body = {
            "party_id": check_id("party_id", party_id),
            "app_id": app_id,
            "app_token": app_token.get_secret_value(),
        }
        return post("/app/partner/create", _app, json=body)

    @endpoint
    def delete_partner(self, party_id: str) -> Request[bool]:
        """Forget what a partner gave; return whether there was anything."""
        return post("/app/partner/delete", _status, json={"party_id": check_id("party_id", party_id)})

    @endpoint
    def query_partners(self, party_id: str | None = None) -> Request[list[App]]:
        """Return what partners gave; none without a filter."""
        party = {"party_id": check_id("party_id", party_id)} if party_id is not None else {}
        return get("/app/partner/query", _apps, params=party)


class PermissionGroup(Group[Transport]):
    """Roles of apps, and what partners may use in their jobs."""

    @endpoint
    def grant(self, app_id: str, role: AppRole) -> Request[bool]:
        """Give an app a role, instead of the one it had."""
        return post("/permission/grant", _status, json={"app_id": app_id, "role": role}, once=Once.REPEAT)

    @endpoint
    def revoke(self, app_id: str, role: AppRole) -> Request[bool]:
        """Take a role from an app; return whether it had it."""
        return post("/permission/delete", _status, json={"app_id": app_id, "role": role})

    @endpoint
    def query(self, app_id: str) -> Request[dict[str, list[list[str]]]]:
        """Return the roles of an app, each with its ``[role, path, method]`` rules."""
        return get("/permission/query", lambda reply: dict(reply.data or {}), params={"app_id": app_id})

    @endpoint
    def roles(self) -> Request[list[str]]:
        """Return the roles that there are; ``[]`` while authentication is switched off."""
        return get("/permission/role/query", lambda reply: list(reply.data or ()))

    @endpoint
    def grant_resources(
        self, party_id: str, *, components: Iterable[str] = (), datasets: Iterable[TableRef] = ()
    ) -> Request[None]:
        """Let a partner use components and tables in jobs that it starts. ``reader`` must be granted too.

        :param components: names, or ``"*"`` for all.
        :raises FatePermissionError: always, while *client* authentication is on: FATE-Flow 2.2 compares the
            method in the wrong case. Grant before switching it on.
        """
        body = _resources(party_id, components, datasets)
        return post("/permission/resource/grant", lambda reply: None, json=body, once=Once.REPEAT)

    @endpoint
    def revoke_resources(
        self, party_id: str, *, components: Iterable[str] = (), datasets: Iterable[TableRef] = ()
    ) -> Request[None]:
        """Take components and tables from a partner.

        :raises FateInvalidParameterError: ``"*"`` is among the components: FATE-Flow would answer success and
            revoke nothing.
        """
        components = list(components)
        if "*" in components:
            raise FateInvalidParameterError(
                "components '*' cannot be revoked at once.",
                hint="Name each component; FATE-Flow 2.2 answers success to '*' and revokes nothing.",
            )
        body = _resources(party_id, components, datasets)
        return post("/permission/resource/delete", lambda reply: None, json=body, once=Once.REPEAT)

    @endpoint
    def query_resources(self, party_id: str) -> Request[ResourceGrants]:
        """Return what a partner may use."""
        return get(
            "/permission/resource/query",
            lambda reply: ResourceGrants.model_validate(reply.data),
            params={"party_id": check_id("party_id", party_id)},
        )


def _resources(party_id: str, components: Iterable[str], datasets: Iterable[TableRef]) -> dict[str, Any]:
    tables = [{"namespace": table.namespace, "name": table.name} for table in datasets]
    body = without_none(
        party_id=check_id("party_id", party_id),
        component=",".join(components) or None,
        dataset=tables or None,
    )
    if len(body) == 1:
        raise FateInvalidParameterError(
            f"nothing is named to grant to or revoke from party {party_id}.",
            hint="Give components or datasets.",
        )
    return body


def _app(reply: Reply) -> App:
    return App.model_validate(reply.data)


def _apps(reply: Reply) -> list[App]:
    return [App.model_validate(app) for app in reply.data or ()]


def _status(reply: Reply) -> bool:
    return bool((reply.data or {}).get("status"))

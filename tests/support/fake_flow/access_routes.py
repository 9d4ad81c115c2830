"""``/app/*`` and ``/permission/*`` of the fake server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.jobs.catalogue import known_components

from .gate import ROLES
from .replies import Answer, Call, Refusal, envelope, missing
from .routing import route

if TYPE_CHECKING:
    from .server import FakeFlow


def _only_with_auth(fake: FakeFlow, function: str) -> None:
    if not fake.gate.on:
        raise Refusal(6001, f"func {function}, function restricted")


def _create(fake: FakeFlow, name: str, kind: str) -> Answer:
    _only_with_auth(fake, "create_app")
    return envelope(fake.gate.add(name, kind=kind).record(created=False))


def _delete(fake: FakeFlow, kind: str, **named: str | None) -> Answer:
    _only_with_auth(fake, "delete_app")
    found = [app for app in fake.gate.apps.values() if app.kind == kind and _is(app, named)]
    for app in found:
        del fake.gate.apps[app.app_id]
    return envelope({"status": bool(found)})


def _is(app: Any, named: dict[str, str | None]) -> bool:
    return all(getattr(app, name) == value for name, value in named.items() if value is not None)


def _query(fake: FakeFlow, **named: str | None) -> Answer:
    _only_with_auth(fake, "query_app")
    asked = any(value is not None for value in named.values())
    return envelope([app.record() for app in fake.gate.apps.values() if asked and _is(app, named)])


@route("POST", "/app/client/create", "app_name")
def client_create(fake: FakeFlow, call: Call) -> Answer:
    return _create(fake, call.body["app_name"], "client")


@route("POST", "/app/client/delete", "app_id")
def client_delete(fake: FakeFlow, call: Call) -> Answer:
    return _delete(fake, "client", app_id=call.body["app_id"])


@route("GET", "/app/client/query")
def client_query(fake: FakeFlow, call: Call) -> Answer:
    return _query(fake, app_id=call.arg("app_id"), name=call.arg("app_name"))


@route("POST", "/app/site/create", "party_id")
def site_create(fake: FakeFlow, call: Call) -> Answer:
    return _create(fake, call.body["party_id"], "site")


@route("POST", "/app/site/delete", "party_id")
def site_delete(fake: FakeFlow, call: Call) -> Answer:
    return _delete(fake, "site", name=call.body["party_id"])


@route("GET", "/app/site/query", "party_id")
def site_query(fake: FakeFlow, call: Call) -> Answer:
    return _query(fake, kind="site", name=call.arg("party_id"))


@route("POST", "/app/partner/create", "party_id", "app_id", "app_token")
def partner_create(fake: FakeFlow, call: Call) -> Answer:
    body = call.body
    _only_with_auth(fake, "create_partner_app")
    fake.gate.partners[body["party_id"]] = (body["app_id"], body["app_token"])
    return envelope({name: body[name] for name in ("app_id", "app_token", "party_id")})


@route("POST", "/app/partner/delete", "party_id")
def partner_delete(fake: FakeFlow, call: Call) -> Answer:
    _only_with_auth(fake, "delete_partner_app")
    return envelope({"status": fake.gate.partners.pop(call.body["party_id"], None) is not None})


@route("GET", "/app/partner/query")
def partner_query(fake: FakeFlow, call: Call) -> Answer:
    _only_with_auth(fake, "query_partner_app")
    now = fake.clock.millis()
    return envelope(
        [
            {"app_id": app_id, "app_token": token, "create_time": now, "party_id": party_id, "update_time": now}
            for party_id, (app_id, token) in fake.gate.partners.items()
            if party_id == call.arg("party_id")
        ]
    )


# --- permission ---


@route("POST", "/permission/grant", "app_id", "role")
def grant(fake: FakeFlow, call: Call) -> Answer:
    _only_with_auth(fake, "get_roles_for_user")
    if call.body["role"] not in ROLES:
        raise missing("Role Type Error", 5009, role=call.body["role"])
    fake.gate.apps[call.body["app_id"]].role = call.body["role"]
    return envelope({"status": True})


@route("POST", "/permission/delete", "app_id", "role")
def revoke(fake: FakeFlow, call: Call) -> Answer:
    _only_with_auth(fake, "delete_role_for_user")
    app = fake.gate.apps[call.body["app_id"]]
    had = app.role == call.body["role"]
    app.role = None if had else app.role
    return envelope({"status": had})


@route("GET", "/permission/query", "app_id")
def permission_query(fake: FakeFlow, call: Call) -> Answer:
    _only_with_auth(fake, "get_roles_for_user")
    app = fake.gate.apps.get(call.arg("app_id") or "")
    return envelope({app.role: [[app.role, "/v2/job/query", "GET"]]} if app and app.role else {})


@route("GET", "/permission/role/query")
def roles(fake: FakeFlow, call: Call) -> Answer:
    return envelope(ROLES if fake.gate.on or fake.gate.sites else [])


def _change(fake: FakeFlow, call: Call, *, add: bool) -> Answer:
    grants = fake.grants.setdefault(call.body["party_id"], {"component": [], "dataset": []})
    named = {
        "component": [name for name in (call.body.get("component") or "").split(",") if name],
        "dataset": call.body.get("dataset") or [],
    }
    if unknown := [name for name in named["component"] if name not in known_components() and name != "*"]:
        raise Refusal(5006, f"Permission Operate Error: type[component],value[{unknown}]")
    if "*" in named["component"]:
        named["component"] = list(known_components()) if add else []  # it revokes nothing, and says that it did
    for kind, items in named.items():
        grants[kind] = [item for item in grants[kind] if item not in items] + (items if add else [])
    return envelope()


@route("POST", "/permission/resource/grant", "party_id")
def resource_grant(fake: FakeFlow, call: Call) -> Answer:
    return _change(fake, call, add=True)


@route("POST", "/permission/resource/delete", "party_id")
def resource_delete(fake: FakeFlow, call: Call) -> Answer:
    return _change(fake, call, add=False)


@route("GET", "/permission/resource/query", "party_id")
def resource_query(fake: FakeFlow, call: Call) -> Answer:
    granted = fake.grants.get(call.arg("party_id") or "", {"component": [], "dataset": []})
    garbled = [{key: re.sub("[-;]", ":", value) for key, value in table.items()} for table in granted["dataset"]]
    return envelope({"component": granted["component"], "dataset": garbled})

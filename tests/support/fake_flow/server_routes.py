"""``/server/*``, ``/site/*`` and ``/provider/*`` of the fake server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .replies import Answer, Call, Refusal, envelope, missing
from .routing import route

if TYPE_CHECKING:
    from .server import FakeFlow


def install_defaults(fake: FakeFlow) -> None:
    """Register the providers that a new server has."""
    for name in ("fate", "fate_flow"):
        _register(fake, name, "2.2.0", "local", {"path": "", "venv": "python"})


def _register(fake: FakeFlow, name: str, version: str, device: str, metadata: dict[str, Any]) -> bool:
    key = f"{name}:{version}@{device}"
    known = key in fake.providers
    now = fake.clock.millis()
    fake.providers[key] = {
        "create_time": now,
        "device": device,
        "metadata": metadata,
        "name": name,
        "provider_name": key,
        "update_time": now,
        "version": version,
    }
    return known


@route("GET", "/server/fateflow")
def fateflow(fake: FakeFlow, call: Call) -> Answer:
    instance = f"flow-127.0.0.1-{fake.port}"
    return envelope(
        {
            instance: {
                "grpc_port": 9360,
                "host": "127.0.0.1",
                "http_port": fake.port,
                "instance_id": instance,
                "timestamp": fake.clock.millis(),
                "version": fake.version,
            }
        }
    )


@route("GET", "/server/query/all")
def configuration(fake: FakeFlow, call: Call) -> Answer:
    mysql = {"host": "127.0.0.1", "name": "fate_flow", "passwd": "do-not-tell", "port": 3306, "user": "fate"}
    return envelope(
        {
            "AUTHENTICATION": {"client": fake.gate.on, "permission": False, "site": False},
            "COMPUTING": {"standalone": {"cores": fake.cores}},
            "DATABASE": {"decrypt_key": None, "engine": "sqlite", "mysql": mysql, "sqlite": {"path": None}},
            "DEFAULT_ENGINES": {"computing": "standalone", "federation": "standalone", "storage": "standalone"},
            "FATEFLOW": {"grpc_port": 9360, "host": "127.0.0.1", "http_port": fake.port, "proxy_name": "osx"},
            "ZOOKEEPER": {"hosts": ["127.0.0.1:2181"], "password": "do-not-tell", "use_acl": True, "user": "fate"},
        }
    )


@route("GET", "/site/info/query")
def site(fake: FakeFlow, call: Call) -> Answer:
    if fake.partner_visible:
        raise Refusal(3000, "Site is standalone")
    return envelope({"party_id": fake.party_id})


# --- registered servers ---


@route("GET", "/server/query", "server_name")
def server_query(fake: FakeFlow, call: Call) -> Answer:
    found = fake.servers.get((call.arg("server_name") or "").upper())
    if found is None:
        raise missing("No found server", 6003, server_name=call.arg("server_name"))
    now = fake.clock.millis()
    return envelope({**found, "id": 1, "create_time": now, "update_time": now})


@route("POST", "/server/registry", "server_name", "host", "port")
def server_registry(fake: FakeFlow, call: Call) -> Answer:
    body = call.body
    name = body["server_name"].upper()
    fake.servers[name] = {
        "host": body["host"],
        "port": body["port"],
        "protocol": body.get("protocol", "http"),
        "server_name": name,
    }
    return envelope(fake.servers[name])


@route("POST", "/server/delete", "server_name")
def server_delete(fake: FakeFlow, call: Call) -> Answer:
    found = fake.servers.pop(call.body["server_name"].upper(), None)
    return envelope(message="success" if found else "failed")


@route("GET", "/server/service/query", "server_name", "service_name")
def service_query(fake: FakeFlow, call: Call) -> Answer:
    found = fake.services.get(((call.arg("server_name") or "").upper(), call.arg("service_name") or ""))
    if found is None:
        raise missing("No found server", 6003, server_name=call.arg("server_name"))
    return envelope(found)


@route("POST", "/server/service/registry", "server_name", "service_name", "uri")
def service_registry(fake: FakeFlow, call: Call) -> Answer:
    body = call.body
    name = body["server_name"].upper()
    known = fake.servers.get(name, {"host": "127.0.0.1", "port": 80})
    now = fake.clock.millis()
    fake.services[name, body["service_name"]] = {
        "create_time": now,
        "data": body.get("data") or {},
        "headers": body.get("headers") or {},
        "method": body.get("method", "POST"),
        "params": body.get("params") or {},
        "server_name": name,
        "service_name": body["service_name"],
        "update_time": now,
        "url": f"http://{known['host']}:{known['port']}{body['uri']}",
    }
    return envelope()


@route("POST", "/server/service/delete", "server_name", "service_name")
def service_delete(fake: FakeFlow, call: Call) -> Answer:
    found = fake.services.pop((call.body["server_name"].upper(), call.body["service_name"]), None)
    return envelope(message="success" if found else "failed")


# --- providers ---


@route("POST", "/provider/register", "name", "device", "version", "metadata")
def provider_register(fake: FakeFlow, call: Call) -> Answer:
    body = call.body
    if body["device"] not in ("local", "docker", "k8s"):
        raise missing("Device not supported", 4001, device=body["device"])
    if body["device"] == "local":
        for key in ("path", "venv"):
            where = body["metadata"].get(key) or ("" if key == "path" else None)
            if where is not None and not Path(where or "/nowhere").exists():
                raise missing("No found file or dir", 8001, **{key: where})
    known = _register(fake, body["name"], body["version"], body["device"], body["metadata"])
    return envelope(message=f"{'update' if known else 'create'} success")


def _matching(fake: FakeFlow, asked: dict[str, Any]) -> list[dict[str, Any]]:
    given = {name: value for name, value in asked.items() if value}
    if not given:
        return []  # FATE-Flow answers nothing to a question without a filter
    return [item for item in fake.providers.values() if all(item[name] == value for name, value in given.items())]


@route("GET", "/provider/query")
def provider_query(fake: FakeFlow, call: Call) -> Answer:
    names = ("name", "device", "version", "provider_name")
    return envelope(_matching(fake, {name: call.arg(name) for name in names}))


@route("POST", "/provider/delete")
def provider_delete(fake: FakeFlow, call: Call) -> Answer:
    names = ("name", "device", "version", "provider_name")
    found = _matching(fake, {name: call.body.get(name) for name in names})
    for item in found:
        del fake.providers[item["provider_name"]]
    return envelope(bool(found))

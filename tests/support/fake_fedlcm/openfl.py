"""Federations with OpenFL: a director, envoys, and the tokens that let them in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import yaml

from tests.support.fake_gin import Call, Worker, Wrong, route

from .fate import FateRoutes
from .records import (
    DIRECTOR_CERTIFICATES,
    ENVOY_CHART,
    NO_CERTIFICATE,
    O_ACTIVE,
    O_DIRECTOR,
    O_ENDPOINT,
    O_ENVOY,
    O_FAILED,
    O_REMOVING,
    OPENFL_WORDS,
    access,
)
from .state import slug

SHOWN = ("uuid", "name", "description", "created_at", "endpoint_uuid", "namespace", "cluster_uuid", "status",
         "access_info", "labels")  # fmt: skip


class OpenflRoutes(FateRoutes):
    """Routes below ``/federation/openfl``."""

    def of_openfl(self, federation: str, role: str | None = None) -> list[dict[str, Any]]:
        return [
            row
            for row in self.participants
            if row["federation_uuid"] == federation and "role" in row and role in (None, row["role"])
        ]

    @route("POST", "/federation/openfl")
    def create_openfl(self, call: Call) -> Any:
        return self.new_federation("OpenFL", call.json)

    @route("GET", "/federation/openfl/:uuid")
    def get_openfl(self, call: Call) -> Any:
        return self.row(self.federations, call.path["uuid"])

    @route("DELETE", "/federation/openfl/:uuid")
    def delete_openfl(self, call: Call) -> Any:
        if members := self.of_openfl(call.path["uuid"]):
            raise Wrong(f"cannot remove federation that still contains {len(members)} participants")
        self.federations[:] = [row for row in self.federations if row["uuid"] != call.path["uuid"]]

    @route("GET", "/federation/openfl/:uuid/participant")
    def openfl_members(self, call: Call) -> Any:
        directors = [self.shown_openfl(row) for row in self.of_openfl(call.path["uuid"], "director")]
        envoys = [self.shown_openfl(row) for row in self.of_openfl(call.path["uuid"], "envoy")]
        return {"director": directors[0] if directors else None, "envoy": envoys or None}

    @route("GET", "/federation/openfl/:uuid/director/:one")
    def get_director(self, call: Call) -> Any:
        row = self.row(self.participants, call.path["one"])
        return self.shown_openfl(row) | {"deployment_yaml": row["deployment_yaml"], "chart_uuid": row["chart_uuid"]}

    @route("GET", "/federation/openfl/:uuid/envoy/:one")
    def get_envoy(self, call: Call) -> Any:
        return self.shown_openfl(self.row(self.participants, call.path["one"]))

    @route("GET", "/federation/openfl/director/yaml")
    def director_yaml(self, call: Call) -> Any:
        name, version = self.chart_of(call.query["chart_uuid"], 3, "OpenFL director")
        federation = self.row(self.federations, call.query["federation_uuid"])
        page = f"{slug(call.query['name'])}.notebook.{federation['domain']}"
        document = {
            "name": slug(call.query["name"]),
            "namespace": call.query["namespace"],
            "chartName": name,
            "chartVersion": version,
            "podSecurityPolicy": {"enabled": call.query["enable_psp"] == "true"},
            "modules": ["director", "notebook"],
            "ingress": {"notebook": {"hosts": [{"name": page, "path": "/"}]}},
            "director": {"type": "NodePort"},
            "notebook": {"type": "NodePort", "password": None},
        }
        return yaml.safe_dump(document, sort_keys=False)

    @route("POST", "/federation/openfl/:uuid/director")
    def create_director(self, call: Call) -> Any:
        federation, given = call.path["uuid"], call.json
        self.row(self.federations, federation)
        if self.of_openfl(federation, "director"):
            raise Wrong(f"a director is already deployed in federation {federation}")
        self.chart_of(given["chart_uuid"], 3, "OpenFL director")
        if any(given.get(name, NO_CERTIFICATE)["binding_mode"] == 2 for name in DIRECTOR_CERTIFICATES):
            raise Wrong("cannot re-use existing certificate")
        if self.authority is None and any(
            given.get(name, NO_CERTIFICATE)["binding_mode"] == 3 for name in DIRECTOR_CERTIFICATES
        ):
            raise Wrong("failed to get default CA: record not found")
        document = self.document(given["deployment_yaml"])
        row = self._new(federation, "director", given | {"deployment_yaml": yaml.safe_dump(document)}, O_DIRECTOR)
        self.say(row["uuid"], 101, "start creating director")
        self.begin(self._deploy(row))
        return row["uuid"]

    @route("POST", "/federation/openfl/envoy/register", open_to_all=True)
    def register(self, call: Call) -> Any:
        given = call.json
        token = next((one for one in self.tokens if one["token_str"] == given["token"]), None)
        if token is None:
            raise Wrong("failed to validate token: record not found")
        if datetime.fromisoformat(token["expired_at"]).timestamp() < self.now():
            raise Wrong("failed to validate token: token expired")
        if token["used"] >= token["limit"]:
            raise Wrong("failed to validate token: token limit reached")
        federation = self.row(self.federations, token["federation_uuid"])
        if self.authority is None:
            raise Wrong("failed to get default CA: record not found")
        namespace = given["namespace"] or f"{slug(federation['name'])}-envoy"
        if not given["less_privileged"] and namespace in self.namespaces:
            raise Wrong(f"namespace {namespace} exists. cannot override")
        directors = self.of_openfl(federation["uuid"], "director")
        if not directors or directors[0]["status"] != O_ACTIVE:
            where = directors[0]["uuid"] if directors else ""
            raise Wrong(f"failed to get deployment yaml: director {where} is not in active status")
        known = [
            row for row in self.infras if row["kubernetes_provider_info"]["kubeconfig_content"] == given["kubeconfig"]
        ]
        if not known:
            kubernetes = {"kubeconfig_content": given["kubeconfig"]}
            self.infras.append({"uuid": self.uuid(), "name": "envoy-infra", "description": "", "type": "Kubernetes",
                                "created_at": self.moment(), "kubernetes_provider_info": kubernetes})  # fmt: skip
        asked = given | {
            "namespace": namespace,
            "name": given["name"] or "envoy-127-0-0-1",
            "deployment_yaml": "name: envoy",
        }
        row = self._new(
            federation["uuid"], "envoy", asked | {"chart_uuid": given["chart_uuid"] or ENVOY_CHART}, O_ENDPOINT
        )
        row |= {
            "labels": token["labels"] | given["labels"],
            "token_str": token["token_str"],
            "token_name": token["name"],
        }
        token["used"] += 1
        self.begin(self._deploy(row))
        return row["uuid"]

    @route("DELETE", "/federation/openfl/:uuid/director/:one")
    def remove_openfl(self, call: Call) -> Any:
        row = self.row(self.participants, call.path["one"])
        force = call.query.get("force") == "true"
        if not force and row["status"] != O_ACTIVE:
            raise Wrong(f"{row['role']} cannot be removed when in status: {OPENFL_WORDS[row['status']]}")
        envoys = self.of_openfl(row["federation_uuid"], "envoy")
        if row["role"] == "director" and envoys:
            raise Wrong(f"cannot remove director as there are {len(envoys)} envoy(s) in this federation")
        row["status"] = O_REMOVING
        self.say(row["uuid"], 101 if row["role"] == "director" else 102, f"start removing {row['role']}")
        self.begin(self._take_away(row, force=force))

    @route("DELETE", "/federation/openfl/:uuid/envoy/:one")
    def remove_envoy(self, call: Call) -> Any:
        return self.remove_openfl(call)

    @route("POST", "/federation/openfl/:uuid/token")
    def create_token(self, call: Call) -> Any:
        given = call.json
        if datetime.fromisoformat(given["expired_at"]).timestamp() < self.now():
            raise Wrong("invalid expiration time")
        if given["limit"] <= 0:
            raise Wrong("invalid limit number")
        row = given | {"uuid": self.uuid(), "federation_uuid": call.path["uuid"], "used": 0}
        self.tokens.append(row | {"token_str": f"rand16:{self.uuid().replace('-', '')[:16]}"})

    @route("GET", "/federation/openfl/:uuid/token")
    def list_tokens(self, call: Call) -> Any:
        return [row for row in self.tokens if row["federation_uuid"] == call.path["uuid"]]

    @route("DELETE", "/federation/openfl/:uuid/token/:one")
    def delete_token(self, call: Call) -> Any:
        self.tokens.remove(self.row(self.tokens, call.path["one"]))

    def shown_openfl(self, row: dict[str, Any]) -> dict[str, Any]:
        told = {key: row[key] for key in SHOWN}
        return told | {"token_str": row.get("token_str", ""), "token_name": row.get("token_name", "")}

    def _new(self, federation: str, role: str, given: dict[str, Any], status: int) -> dict[str, Any]:
        self.named(self.of_openfl(federation), given["name"], federation, "participant already exists")
        row = {
            "uuid": self.uuid(),
            "federation_uuid": federation,
            "role": role,
            "name": given["name"],
            "description": given["description"],
            "created_at": self.moment(),
            "endpoint_uuid": given.get("endpoint_uuid", ""),
            "chart_uuid": given["chart_uuid"],
            "namespace": given["namespace"],
            "cluster_uuid": "",
            "status": status,
            "access_info": None,
            "labels": {},
            "deployment_yaml": given["deployment_yaml"],
            "is_managed": True,
        }
        self.participants.append(row)
        return row

    def _deploy(self, row: dict[str, Any]) -> Worker:
        role, kind = row["role"], 101 if row["role"] == "director" else 102
        if role == "envoy":
            self.say(row["uuid"], kind, f"creating envoy {row['name']} with UUID {row['uuid']}")
        yield 0.5
        if role == "envoy":
            row["status"] = O_ENVOY
            self.say(row["uuid"], kind, "kubefate endpoint prepared")
        yield from self.installed(row)
        if words := row.pop("failure", ""):
            self.say(row["uuid"], kind, f"failed to install openfl {role}, error: {words}", "Error")
            row["status"] = O_FAILED
            return
        if row["status"] == O_REMOVING:
            return
        if role == "director":
            row["access_info"] = {
                "director": access("127.0.0.1", 30051, tls=True, fqdn="director.example.org"),
                "agg": access("127.0.0.1", 30052, tls=True),
                "notebook": access("127.0.0.1", 30053, tls=False),
            }
        row["status"] = O_ACTIVE
        self.say(row["uuid"], kind, f"openfl {role} {row['name']}({row['uuid']}) deployed")

    def _take_away(self, row: dict[str, Any], *, force: bool) -> Worker:
        kind = 101 if row["role"] == "director" else 102
        yield 0.5
        yield from self.uninstalled(row)
        if words := row.pop("failure", ""):
            self.say(row["uuid"], kind, f"error uninstalling {row['role']}: {words}", "Error")
            if not force:
                return
        self.participants.remove(row)
        self.say(row["uuid"], kind, f"uninstalled OpenFL {row['role']} {row['name']} with UUID {row['uuid']}")

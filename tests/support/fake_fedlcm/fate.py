"""Federations with FATE: exchange, clusters, and the routes between them."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.fake_gin import Call, Worker, Wrong, route

from .records import (
    ACTIVE,
    CLUSTER,
    CLUSTER_CERTIFICATES,
    EXCHANGE,
    EXCHANGE_CERTIFICATES,
    FAILED,
    FATE_WORDS,
    INSTALLING,
    NO_CERTIFICATE,
    REMOVING,
    access,
)
from .state import FedlcmState, slug

SHOWN = ("uuid", "name", "description", "created_at", "type", "endpoint_uuid", "chart_uuid", "namespace", "party_id",
         "cluster_uuid", "status", "access_info", "is_managed")  # fmt: skip


class FateState(FedlcmState):
    """Participants, and what is done to them."""

    def of(self, federation: str) -> list[dict[str, Any]]:
        return [row for row in self.participants if row["federation_uuid"] == federation and "type" in row]

    def exchange_of(self, federation: str) -> dict[str, Any] | None:
        return next((row for row in self.of(federation) if row["type"] == EXCHANGE), None)

    def active_exchange(self, federation: str) -> dict[str, Any]:
        exchange = self.exchange_of(federation)
        if exchange is None:
            raise Wrong("failed to check exchange existence status: record not found")
        if exchange["status"] != ACTIVE:
            raise Wrong(f"exchange {exchange['uuid']} is not in active status")
        if exchange["is_managed"]:
            self.test_endpoint(exchange["endpoint_uuid"])
        return exchange

    def free(self, federation: str, party_id: int) -> None:
        if any(row["type"] == CLUSTER and row["party_id"] == party_id for row in self.of(federation)):
            raise Wrong(f"party id {party_id} is aleady being used")

    def shown(self, row: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
        document = {} if row["deployment_yaml"] == "Unknown" else yaml.safe_load(row["deployment_yaml"])
        told = {key: row[key] for key in SHOWN}
        told |= {"endpoint_name": "Unknown", "infra_provider_name": "Unknown", "infra_provider_uuid": "Unknown"}
        told |= {"version": document.get("chartVersion", ""), "upgradeable": row["status"] == ACTIVE}
        if whole:
            names = EXCHANGE_CERTIFICATES if row["type"] == EXCHANGE else CLUSTER_CERTIFICATES
            told |= {
                "deployment_yaml": row["deployment_yaml"],
                **{name: row.get(name, NO_CERTIFICATE) for name in names},
            }
            if row["type"] == CLUSTER:
                told["ingress_info"] = row.get("ingress_info")
        return told

    def deploy(self, row: dict[str, Any]) -> Worker:
        what, kind = ("exchange", 2) if row["type"] == EXCHANGE else ("cluster", 3)
        self.say(row["uuid"], kind, f"creating FATE {what} {row['name']} with UUID {row['uuid']}")
        yield 0.2
        yield from self.installed(row)
        if words := row.pop("failure", ""):
            self.say(row["uuid"], kind, f"failed to install FATE {what}: {words}", "Error")
            row["status"] = FAILED  # and nothing is uninstalled
            return
        if row["status"] == REMOVING:
            return  # StopJob has ended it
        port = 30000 + len(self.participants) * 10
        if row["type"] == EXCHANGE:
            row["access_info"] = {
                "traffic-server": access("127.0.0.1", port, tls=True),
                "nginx": access("127.0.0.1", port + 1, tls=False),
            }
        else:
            domain = self.row(self.federations, row["federation_uuid"])["domain"]
            row["access_info"] = {
                "pulsar-public-tls": access("127.0.0.1", port, tls=True, fqdn=f"{row['party_id']}.{domain}"),
                "nginx": access("127.0.0.1", port + 1, tls=False),
            }
            if "frontend" in yaml.safe_load(row["deployment_yaml"])["modules"]:
                row["access_info"]["frontend"] = access("127.0.0.1", port + 2, tls=True)
            hosts = {"hosts": [f"{slug(row['name'])}.fateboard.{domain}"], "addresses": ["127.0.0.1"], "tls": False}
            row["ingress_info"] = {"fateboard": hosts}
        row["status"] = ACTIVE
        exchange = self.exchange_of(row["federation_uuid"])
        if row["type"] == CLUSTER and exchange is not None and exchange["is_managed"]:
            self.say(row["uuid"], kind, "rebuilding exchange route table")
            yield from self.route(exchange, row)
        self.say(row["uuid"], kind, f"FATE {what} {row['name']}({row['uuid']}) deployed")

    def route(self, exchange: dict[str, Any], row: dict[str, Any]) -> Worker:
        """Rebuild the routes of an exchange. Its status is not changed meanwhile."""
        self.say(exchange["uuid"], 2, "start rebuilding route table")
        yield 1.0
        if words := self.fails.get("route"):
            self.say(row["uuid"], 3, f"error rebuilding route table while creating cluster: {words}", "Error")
            return
        document = yaml.safe_load(exchange["deployment_yaml"])
        active = [
            one for one in self.of(exchange["federation_uuid"]) if one["type"] == CLUSTER and one["status"] == ACTIVE
        ]
        document["nginx"]["route_table"] = {
            str(one["party_id"]): {
                "fateflow": [{"host": "127.0.0.1", "http_port": one["access_info"]["nginx"]["port"]}]
            }
            for one in active
        }
        document["trafficServer"]["route_table"]["sni"] = [
            {"fqdn": one["access_info"]["pulsar-public-tls"]["fqdn"], "tunnelRoute": "127.0.0.1:30010"}
            for one in active
        ]
        exchange["deployment_yaml"] = yaml.safe_dump(document)
        self.say(exchange["uuid"], 2, "done updating exchange route table")

    def take_away(self, row: dict[str, Any], *, force: bool) -> Worker:
        what, kind = ("exchange", 2) if row["type"] == EXCHANGE else ("cluster", 3)
        yield 0.5
        yield from self.uninstalled(row)
        if words := row.pop("failure", ""):
            self.say(row["uuid"], kind, f"error uninstalling {what}: {words}", "Error")
            if not force:
                return  # it stays Removing
        self.participants.remove(row)
        self.say(row["uuid"], kind, f"uninstalled FATE {what} {row['name']} with UUID {row['uuid']}")

    def refuse_removal(self, row: dict[str, Any], *, force: bool) -> None:
        what = "exchange" if row["type"] == EXCHANGE else "cluster"
        if not force and row["status"] != ACTIVE:
            raise Wrong(f"{what} cannot be removed when in status: {FATE_WORDS[row['status']]}")
        others = len(self.of(row["federation_uuid"])) - 1
        if row["type"] == EXCHANGE and others:
            raise Wrong(f"cannot remove exchange as there are {others} cluster(s) in this federation")
        if row["is_managed"] and not force:
            self.test_endpoint(row["endpoint_uuid"])

    def new_participant(self, federation: str, kind: int, given: dict[str, Any]) -> dict[str, Any]:
        self.named(self.of(federation), given["name"], federation, "participant already exists")
        row = {
            "uuid": self.uuid(),
            "federation_uuid": federation,
            "name": given["name"],
            "description": given["description"],
            "created_at": self.moment(),
            "type": kind,
            "endpoint_uuid": given.get("endpoint_uuid", "Unknown"),
            "chart_uuid": given.get("chart_uuid", "Unknown"),
            "namespace": given.get("namespace", "Unknown"),
            "party_id": given.get("party_id", 0),
            "cluster_uuid": "" if "chart_uuid" in given else "Unknown",
            "deployment_yaml": given.get("deployment_yaml", "Unknown"),
            "status": INSTALLING if "chart_uuid" in given else ACTIVE,
            "access_info": {},
            "is_managed": "chart_uuid" in given,
            **{key: value for key, value in given.items() if key.endswith("cert_info")},
        }
        self.participants.append(row)
        return row


class FateRoutes(FateState):
    """Routes below ``/federation``."""

    @route("GET", "/federation")
    def list_federations(self, call: Call) -> Any:
        return [{key: value for key, value in row.items() if key != "domain"} for row in self.federations]

    @route("POST", "/federation/fate")
    def create_federation(self, call: Call) -> Any:
        return self.new_federation("FATE", call.json)

    def new_federation(self, kind: str, given: dict[str, Any]) -> str:
        if any((row["name"], row["type"]) == (given["name"], kind) for row in self.federations):
            raise Wrong("federation already exists")
        row = {"uuid": self.uuid(), "name": given["name"], "description": given["description"], "type": kind}
        self.federations.append(row | {"created_at": self.moment(), "domain": given["domain"]})
        return str(row["uuid"])

    @route("GET", "/federation/fate/:uuid")
    def get_federation(self, call: Call) -> Any:
        return self.row(self.federations, call.path["uuid"])

    @route("DELETE", "/federation/fate/:uuid")
    def delete_federation(self, call: Call) -> Any:
        if members := self.of(call.path["uuid"]):
            raise Wrong(f"cannot remove federation that still contains {len(members)} participants")
        self.federations[:] = [row for row in self.federations if row["uuid"] != call.path["uuid"]]

    @route("GET", "/federation/fate/:uuid/participant")
    def members(self, call: Call) -> Any:
        rows = self.of(call.path["uuid"])
        exchange = next((self.shown(row) for row in rows if row["type"] == EXCHANGE), None)
        clusters = [self.shown(row) for row in rows if row["type"] == CLUSTER]
        return {"exchange": exchange, "clusters": clusters or None}

    @route("POST", "/federation/fate/:uuid/partyID/check")
    def check_party(self, call: Call) -> Any:
        self.free(call.path["uuid"], int(call.query["party_id"]))

    @route("GET", "/federation/fate/exchange/yaml")
    def exchange_yaml(self, call: Call) -> Any:
        name, version = self.chart_of(call.query["chart_uuid"], 1, "FATE exchange")
        document = _base(call.query, name, version) | {
            "modules": ["trafficServer", "nginx"],
            "trafficServer": {"type": "NodePort", "route_table": {"sni": None}},
            "nginx": {"type": "NodePort", "route_table": None},
        }
        return yaml.safe_dump(document, sort_keys=False)

    @route("GET", "/federation/fate/cluster/yaml")
    def cluster_yaml(self, call: Call) -> Any:
        name, version = self.chart_of(call.query["chart_uuid"], 2, "FATE cluster")
        self.active_exchange(call.query["federation_uuid"])
        modules = ["mysql", "python", "fateboard", "client", "spark", "hdfs", "pulsar", "nginx"]
        document = _base(call.query, name, version) | {
            "partyId": int(call.query["party_id"]),
            "modules": [*modules, "frontend", "sitePortalServer"] if "fedlcm" in version else modules,
            "computing": "Spark",
            "federation": "Pulsar",
            "storage": "HDFS",
            "mysql": {"password": "fate_dev"},
        }
        return yaml.safe_dump(document, sort_keys=False)

    @route("POST", "/federation/fate/:uuid/exchange")
    def create_exchange(self, call: Call) -> Any:
        federation, given = call.path["uuid"], call.json
        if self.exchange_of(federation) is not None:
            raise Wrong(f"an exchange is already deployed in federation {federation}")
        self.test_endpoint(given["endpoint_uuid"])
        self.chart_of(given["chart_uuid"], 1, "FATE exchange")
        if any(given.get(name, NO_CERTIFICATE)["binding_mode"] == 2 for name in EXCHANGE_CERTIFICATES):
            raise Wrong("cannot re-use existing certificate")
        return self._deployed(federation, EXCHANGE, given, EXCHANGE_CERTIFICATES)

    @route("POST", "/federation/fate/:uuid/cluster")
    def create_cluster(self, call: Call) -> Any:
        federation, given = call.path["uuid"], call.json
        self.free(federation, given["party_id"])
        self.row(self.federations, federation)
        self.active_exchange(federation)
        self.test_endpoint(given["endpoint_uuid"])
        self.chart_of(given["chart_uuid"], 2, "FATE cluster")
        return self._deployed(federation, CLUSTER, given, CLUSTER_CERTIFICATES)

    def _deployed(self, federation: str, kind: int, given: dict[str, Any], certificates: tuple[str, ...]) -> str:
        document = self.document(given["deployment_yaml"])
        document |= {"name": slug(given["name"]), "namespace": given["namespace"]}
        if self.authority is None and any(
            given.get(name, NO_CERTIFICATE)["binding_mode"] == 3 for name in certificates
        ):
            raise Wrong("failed to get default CA: record not found")
        row = self.new_participant(federation, kind, given | {"deployment_yaml": yaml.safe_dump(document)})
        what, number = ("exchange", 2) if kind == EXCHANGE else ("cluster", 3)
        self.say(row["uuid"], number, f"start creating {what}")
        self.begin(self.deploy(row))
        return str(row["uuid"])

    @route("POST", "/federation/fate/:uuid/exchange/external")
    def add_exchange(self, call: Call) -> Any:
        federation, given = call.path["uuid"], call.json
        if self.exchange_of(federation) is not None:
            raise Wrong(f"an exchange is already existed in federation {federation}")
        row = self.new_participant(federation, EXCHANGE, given)
        row["access_info"] = {
            "traffic-server": given["traffic_server_access_info"],
            "nginx": given["nginx_access_info"],
        }
        self.say(row["uuid"], 2, "created an external exchange")
        return str(row["uuid"])

    @route("POST", "/federation/fate/:uuid/cluster/external")
    def add_cluster(self, call: Call) -> Any:
        federation, given = call.path["uuid"], call.json
        self.free(federation, given["party_id"])
        exchange = self.active_exchange(federation)
        row = self.new_participant(federation, CLUSTER, given)
        fqdn = f"{given['party_id']}.{self.row(self.federations, federation)['domain']}"
        pulsar = given["pulsar_access_info"] | {"tls": True, "fqdn": fqdn, "service_type": "NodePort"}
        row["access_info"] = {"pulsar-public-tls": pulsar, "nginx": given["nginx_access_info"]}
        self.say(row["uuid"], 3, "created an external cluster")
        if exchange["is_managed"]:
            self.begin(self._route_external(exchange, row))
        return str(row["uuid"])

    def _route_external(self, exchange: dict[str, Any], row: dict[str, Any]) -> Worker:
        yield from self.route(exchange, row)
        if "route" in self.fails:
            row["status"] = FAILED

    @route("GET", "/federation/fate/:uuid/exchange/:one")
    def get_exchange(self, call: Call) -> Any:
        return self.shown(self.row(self.participants, call.path["one"]), whole=True)

    @route("GET", "/federation/fate/:uuid/cluster/:one")
    def get_cluster(self, call: Call) -> Any:
        return self.get_exchange(call)

    @route("DELETE", "/federation/fate/:uuid/exchange/:one")
    def remove(self, call: Call) -> Any:
        row = self.row(self.participants, call.path["one"])
        force = call.query.get("force") == "true"
        self.refuse_removal(row, force=force)
        row["status"] = REMOVING
        what, kind = ("exchange", 2) if row["type"] == EXCHANGE else ("cluster", 3)
        self.say(row["uuid"], kind, f"start removing {what}")
        self.begin(self.take_away(row, force=force))

    @route("DELETE", "/federation/fate/:uuid/cluster/:one")
    def remove_cluster(self, call: Call) -> Any:
        return self.remove(call)


def _base(query: dict[str, str], chart: str, version: str) -> dict[str, Any]:
    psp = query.get("enable_psp", "true") == "true"  # it is on unless it is switched off
    return {
        "name": slug(query["name"]),
        "namespace": query["namespace"],
        "chartName": chart,
        "chartVersion": version,
        "podSecurityPolicy": {"enabled": psp},
    }

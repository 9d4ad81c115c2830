"""Infrastructures, endpoints, charts, events, certificates."""

from __future__ import annotations

from typing import Any

from tests.support.fake_gin import Call, Worker, Wrong, route

from .records import CHARTS, chart
from .state import FedlcmState

CREATING, READY, UNAVAILABLE, DELETING = 1, 2, 4, 5


class InfraRoutes(FedlcmState):
    """What is deployed to, and what tells of it."""

    @route("GET", "/status", open_to_all=True)
    def status(self, call: Call) -> Any:
        told = {
            "msg": "The service is running",
            "api_version": "v1",
            "source_commit": "a23f117",
            "source_branch": "main",
            "build_time": "2023-08-09T00:00:00+0000",
            "experiment_enabled": self.experiments,
        }
        return 200, told, {}

    @route("GET", "/infra")
    def list_infras(self, call: Call) -> Any:
        shown = ("uuid", "name", "description", "type", "created_at")
        return [
            {key: row[key] for key in shown} | {"kubernetes_provider_info": {"api_server": "https://127.0.0.1:6443"}}
            for row in self.infras
        ]

    @route("POST", "/infra")
    def create_infra(self, call: Call) -> Any:
        given = call.json
        self._try_kubernetes(given["kubernetes_provider_info"])
        self.named(self.infras, given["name"], "", "provider already exists")
        self.infras.append(given | {"uuid": self.uuid(), "created_at": self.moment()})
        return None

    @route("POST", "/infra/kubernetes/connect")
    def connect(self, call: Call) -> Any:
        return self._try_kubernetes(call.json)

    @route("GET", "/infra/:uuid")
    def get_infra(self, call: Call) -> Any:
        return self.row(self.infras, call.path["uuid"])  # with the kubeconfig, in clear

    @route("PUT", "/infra/:uuid")
    def update_infra(self, call: Call) -> Any:
        self.row(self.infras, call.path["uuid"]).update(call.json)

    @route("DELETE", "/infra/:uuid")
    def delete_infra(self, call: Call) -> Any:
        row = self.row(self.infras, call.path["uuid"])
        if any(one["infra_provider_uuid"] == row["uuid"] for one in self.endpoints):
            raise Wrong(f"current infra provider {row['name']} still contains a KubeFATE endpoint")
        self.infras.remove(row)

    def _try_kubernetes(self, given: dict[str, Any]) -> None:
        if "clusters:" not in given["kubeconfig_content"]:
            raise Wrong("invalid configuration: no configuration has been provided")
        if "namespaced" in given["kubeconfig_content"] and not given["namespaces_list"]:
            raise Wrong("expect namespaces")

    @route("GET", "/endpoint")
    def list_endpoints(self, call: Call) -> Any:
        return [
            {key: value for key, value in row.items() if key != "kubefate_deployment_yaml"} for row in self.endpoints
        ]

    @route("GET", "/endpoint/:uuid")
    def get_endpoint(self, call: Call) -> Any:
        return self.row(self.endpoints, call.path["uuid"])

    @route("GET", "/endpoint/kubefate/yaml")
    def kubefate_yaml(self, call: Call) -> Any:
        user, password = call.query["service_username"], call.query["service_password"]
        return f"kind: Secret\nstringData:\n  kubefateUsername: {user}\n  kubefatePassword: {password}\n"

    @route("POST", "/endpoint/scan")
    def scan(self, call: Call) -> Any:
        if "kube-fate" not in self.namespaces:
            return []
        known = any(row["infra_provider_uuid"] == call.json["infra_provider_uuid"] for row in self.endpoints)
        found = {"namespace": "kube-fate", "kubefate_version": "v1.4.5", "is_managed": known, "is_compatible": True}
        return [found | {"uuid": "", "name": "kubefate", "status": 0}]

    @route("POST", "/endpoint")
    def create_endpoint(self, call: Call) -> Any:
        given = call.json
        self.row(self.infras, given["infra_provider_uuid"])
        self.named(self.endpoints, given["name"], "", "endpoint already exists")
        row = {
            "uuid": self.uuid(),
            "name": given["name"],
            "description": given["description"],
            "type": "KubeFATE",
            "created_at": self.moment(),
            "infra_provider_name": "",
            "infra_provider_uuid": given["infra_provider_uuid"],
            "namespace": given["namespace"],
            "kubefate_host": "kubefate.net",
            "kubefate_address": "127.0.0.1:8080",
            "kubefate_version": "v1.4.5",
            "status": CREATING if given["install"] else READY,
            "kubefate_deployment_yaml": given["kubefate_deployment_yaml"],
        }
        self.endpoints.append(row)
        if given["install"]:
            self.begin(self._install_kubefate(row))
        return row["uuid"]

    def _install_kubefate(self, row: dict[str, Any]) -> Worker:
        self.say(row["uuid"], 1, "start creating endpoint")
        yield self.helm_takes
        if words := self.fails.get("endpoint"):
            row["status"] = UNAVAILABLE
            self.say(row["uuid"], 1, f"failed to install endpoint: {words}", "Error")
        else:
            row["status"] = READY
            self.say(row["uuid"], 1, "endpoint installed")

    @route("POST", "/endpoint/:uuid/kubefate/check")
    def check_endpoint(self, call: Call) -> Any:
        self.test_endpoint(call.path["uuid"])

    @route("DELETE", "/endpoint/:uuid")
    def delete_endpoint(self, call: Call) -> Any:
        row = self.row(self.endpoints, call.path["uuid"])
        if any(one["endpoint_uuid"] == row["uuid"] for one in self.participants):
            raise Wrong("cannot remove endpoint that still contains participants")
        self.endpoints.remove(row)

    @route("GET", "/chart")
    def list_charts(self, call: Call) -> Any:
        wanted = int(call.query.get("type") or 0)
        return [chart(row) for row in CHARTS if wanted in (0, row[3]) and (row[3] < 3 or self.experiments)]

    @route("GET", "/chart/:uuid")
    def get_chart(self, call: Call) -> Any:
        for row in CHARTS:
            if row[0] == call.path["uuid"]:
                return chart(row)
        raise Wrong("chart not found")

    @route("GET", "/event/:uuid")
    def list_events(self, call: Call) -> Any:
        return [event for event in reversed(self.events) if event["entity_uuid"] == call.path["uuid"]]

    @route("GET", "/certificate")
    def list_certificates(self, call: Call) -> Any:
        return self.certificates

    @route("DELETE", "/certificate/:uuid")
    def delete_certificate(self, call: Call) -> Any:
        row = self.row(self.certificates, call.path["uuid"])
        if row["bindings"]:
            raise Wrong("cannot remove certificate that is still being used")
        self.certificates.remove(row)

    @route("GET", "/certificate-authority")
    def get_authority(self, call: Call) -> Any:
        return self.authority

    @route("GET", "/certificate-authority/built-in-ca")
    def built_in(self, call: Call) -> Any:
        return {
            "service_url": "https://stepca:9000",
            "service_cert_pem": "-----BEGIN CERTIFICATE-----",
            "provisioner_name": "admin",
            "provisioner_password": "step-s3cret",
        }

    @route("POST", "/certificate-authority")
    def create_authority(self, call: Call) -> Any:
        if self.authority is not None:
            raise Wrong("certificate authority already exists")
        self.authority = call.json | {"uuid": self.uuid(), "status": 2, "status_message": ""}

    @route("PUT", "/certificate-authority/:uuid")
    def update_authority(self, call: Call) -> Any:
        if self.authority is None or self.authority["uuid"] != call.path["uuid"]:
            raise Wrong("record not found")
        self.authority |= call.json

"""What the service keeps, as it answers it."""

from __future__ import annotations

from typing import Any

EXCHANGE, CLUSTER = 1, 2
ACTIVE, INSTALLING, REMOVING, FAILED, UPGRADING = 1, 2, 3, 5, 6
FATE_WORDS = {
    0: "Unknown",
    1: "Active",
    2: "Installing",
    3: "Removing",
    4: "Reconfiguring",
    5: "Failed",
    6: "Upgrading",
}
O_ACTIVE, O_REMOVING, O_FAILED, O_DIRECTOR, O_ENDPOINT, O_ENVOY = 1, 2, 3, 4, 6, 7
OPENFL_WORDS = {1: "Active", 2: "Removing", 3: "Failed", 4: "Installing Director", 6: "Installing Endpoint"}

CHARTS = [
    ("19c7c751-0de0-4780-95d6-e152440ab287", "fate-exchange", "v1.11.1", 1, False),
    ("d81d2b48-930d-4c5e-b522-322b93e8ef39", "fate", "v1.11.1", 2, False),
    ("9dff91c4-2566-4c24-a0dc-631fa8808378", "fate-exchange", "v1.10.0", 1, False),
    ("7a1e3009-ce43-47b5-9ce9-a5256c399151", "fate", "v1.10.0", 2, False),
    ("fd30a219-c9d2-4f6a-9146-f06c05a666f2", "fate-exchange", "v1.11.1-fedlcm-v0.3.0", 1, True),
    ("73acbbc0-4cdf-46bf-b48f-25fe1e03b91f", "fate", "v1.11.1-fedlcm-v0.3.0", 2, True),
    ("516a10e2-0b96-417c-812b-ee45ed197e81", "openfl-director", "v0.3.0", 3, False),
    ("c62b27a6-bf0f-4515-840a-2554ed63aa56", "openfl-envoy", "v0.3.0", 4, False),
]
ENVOY_CHART = CHARTS[-1][0]


def chart(row: tuple[str, str, str, int, bool]) -> dict[str, Any]:
    uuid, name, version, kind, portal = row
    return {
        "uuid": uuid,
        "name": f"chart for {name} {version}",
        "chart_name": name,
        "version": version,
        "description": "",
        "type": kind,
        "created_at": "2023-08-01T00:00:00Z",
        "contain_portal_services": portal,
    }


def access(host: str, port: int, *, tls: bool, fqdn: str = "") -> dict[str, Any]:
    return {"service_type": "NodePort", "host": host, "port": port, "tls": tls, "fqdn": fqdn}


NO_CERTIFICATE = {"binding_mode": 1, "uuid": "", "common_name": ""}
EXCHANGE_CERTIFICATES = ("proxy_server_cert_info", "fml_manager_server_cert_info", "fml_manager_client_cert_info")
CLUSTER_CERTIFICATES = ("pulsar_server_cert_info", "site_portal_server_cert_info", "site_portal_client_cert_info")
DIRECTOR_CERTIFICATES = ("director_server_cert_info", "jupyter_client_cert_info")

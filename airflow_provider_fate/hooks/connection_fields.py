"""The fields of the connection type ``fate``, written down once.

Airflow >= 3.2 draws the form from these dictionaries without importing the hook (``get_provider_info`` hands them
over), Airflow 3.1 builds form widgets from the same dictionaries, and the documentation lists them. Only literals
here: every Airflow process reads this module.
"""

from __future__ import annotations

from typing import Any

CONN_TYPE = "fate"
HOOK_NAME = "FATE"

CONN_FIELDS: dict[str, dict[str, Any]] = {
    "party_id": {
        "label": "Party id",
        "description": "Id of this site in the federation, for example 9999.",
        "schema": {"type": ["string", "null"], "default": "9999"},
    },
    "role": {
        "label": "Usual role",
        "description": "Whose records of a job are shown when this site holds several.",
        "schema": {"type": ["string", "null"], "default": "guest", "enum": ["guest", "host", "arbiter"]},
    },
    "tls": {
        "label": "TLS",
        "description": "FATE-Flow itself speaks plain HTTP: on when a proxy in front of it terminates TLS.",
        "schema": {"type": ["boolean", "null"], "default": False},
    },
    "ca_file": {
        "label": "CA file",
        "description": "Path, on the workers and the triggerer, of the CA bundle that signs the server's certificate. "
        "Empty: the system's.",
        "schema": {"type": ["string", "null"]},
    },
    "verify": {
        "label": "Verify TLS",
        "description": "Check the server's certificate. Switch off only for a test.",
        "schema": {"type": ["boolean", "null"], "default": True},
    },
    "timeout": {
        "label": "Timeout (s)",
        "description": "How long one request may take. Submitting a job has its own, longer limit.",
        "schema": {"type": ["number", "null"], "default": 30, "minimum": 1, "maximum": 600},
    },
    "board_url": {
        "label": "FATEBoard URL template",
        "description": "Link to a job, with {job_id}, {role} and {party_id}, for example "
        "https://board.example.org/#/details?job_id={job_id}&role={role}&party_id={party_id}",
        "schema": {"type": ["string", "null"]},
    },
    "cores": {
        "label": "Cores of the cluster",
        "description": "Cores that FATE-Flow may hand out. A job that asks for more is refused before it is submitted.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
}

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema"],
    "relabeling": {"login": "App id", "password": "App token", "host": "Host", "port": "HTTP port"},
    "placeholders": {
        "host": "fate-flow.example.org",
        "port": "9380",
        "login": "only if FATE-Flow checks clients",
        "password": "only if FATE-Flow checks clients",
    },
}

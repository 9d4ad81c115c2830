"""Rows of KubeFATE's database, as JSON."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

UNSET = "0001-01-01T00:00:00Z"


def moment(now: float) -> str:
    return datetime.fromtimestamp(now, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def new_job(number: int, method: str, orders: dict[str, Any] | None, cluster_id: str, now: float) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "start_time": moment(now),
        "end_time": UNSET,
        "method": method,
        "cluster_id": cluster_id,
        "creator": "admin",
        "sub_jobs": None,
        "status": "Pending",
        "time_limit": 3600000000000,
        "meta_data": orders,
        "states": None,
        "ID": number,
        "CreatedAt": moment(now),
        "UpdatedAt": moment(now),
        "DeletedAt": None,
    }


def new_cluster(number: int, orders: dict[str, Any], text: str, spec: Any, now: float) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "name": orders["name"],
        "namespaces": orders["namespace"],
        "chart_name": orders["chart_name"],
        "chart_version": orders["chart_version"],
        "values": text,
        "Spec": spec,
        "revision": 0,
        "helm_revision": 0,
        "chart_values": None,
        "status": "Creating",
        "ID": number,
        "CreatedAt": moment(now),
        "UpdatedAt": moment(now),
        "DeletedAt": None,
    }


def new_chart(number: int, name: str, version: str, now: float) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "name": name,
        "chart": "",
        "values": "",
        "values_template": "",
        "values_template_example": "",
        "templates": "",
        "version": version,
        "app_version": version,
        "ID": number,
        "CreatedAt": moment(now),
        "UpdatedAt": moment(now),
        "DeletedAt": None,
    }


EMPTY_ORDERS = {
    "name": "", "namespace": "", "chart_name": "", "chart_version": "", "cover": False, "data": None,
    "Keep_upgrade_job": False,
}  # fmt: skip

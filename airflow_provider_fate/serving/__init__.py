"""Registered models where they answer: one interface of services, and the backends that keep it.

A *service* is a name that clients ask. Behind it stands a *stable* version and, for a while, a *canary* with a share of
the requests. :class:`ServingSpec` says what a service shall be; :mod:`.changes` makes the next one of it (deploy,
promote, roll back, stop); a :class:`ServingBackend` brings it about, and says where it stands. :func:`open_backend`
finds the backend that a DAG names.
"""

from __future__ import annotations

from airflow_provider_fate.serving.backend import ServingBackend
from airflow_provider_fate.serving.opening import open_backend
from airflow_provider_fate.serving.records import (
    ChangeMark,
    LiveVersion,
    ServedModel,
    Service,
    ServicePhase,
    ServingSpec,
    TrackTraffic,
    check_service_name,
)

__all__ = [
    "ChangeMark",
    "LiveVersion",
    "ServedModel",
    "Service",
    "ServicePhase",
    "ServingBackend",
    "ServingSpec",
    "TrackTraffic",
    "check_service_name",
    "open_backend",
]

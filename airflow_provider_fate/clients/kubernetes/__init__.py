"""The Kubernetes API as far as remote work needs it: objects of any kind, applied, watched, explained and removed.

It speaks through a ``kubernetes_asyncio.client.ApiClient`` that somebody else has opened and authenticated (in Airflow:
the hook of the provider ``cncf-kubernetes``), knows kinds by discovery, and turns each refusal into a named error of
this package that tells the ``kubectl`` line to look further with.
"""

from airflow_provider_fate.clients.kubernetes.client import AsyncKubernetesClient
from airflow_provider_fate.clients.kubernetes.mirror import Mirror
from airflow_provider_fate.clients.kubernetes.objects import Json, Resource, body_of, name_of
from airflow_provider_fate.clients.kubernetes.readiness import (
    Judgement,
    Readiness,
    by_condition,
    condition,
    failed,
    ready,
    waiting,
)

__all__ = [
    "AsyncKubernetesClient",
    "Json",
    "Judgement",
    "Mirror",
    "Readiness",
    "Resource",
    "body_of",
    "by_condition",
    "condition",
    "failed",
    "name_of",
    "ready",
    "waiting",
]

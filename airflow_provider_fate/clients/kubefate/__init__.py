"""KubeFATE's service, which puts FATE on Kubernetes: charts, clusters and the jobs that change them."""

from .client import AsyncKubefateClient, KubefateClient
from .models import ChartRecord, ClusterInfo, ClusterJob, ClusterOrder, ClusterRecord, ClusterStatus, JobMethod
from .settings import KubefateSettings

__all__ = [
    "AsyncKubefateClient",
    "ChartRecord",
    "ClusterInfo",
    "ClusterJob",
    "ClusterOrder",
    "ClusterRecord",
    "ClusterStatus",
    "JobMethod",
    "KubefateClient",
    "KubefateSettings",
]

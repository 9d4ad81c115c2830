"""Services on Kubernetes: KServe's ``InferenceService``, one object for each service."""

from airflow_provider_fate.serving.kserve.backend import KserveBackend

__all__ = ["KserveBackend"]

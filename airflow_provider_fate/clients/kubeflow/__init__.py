"""Kubeflow Model Registry over its REST interface (v1alpha3): registered models, versions, artifacts."""

from .client import AsyncKubeflowClient, KubeflowClient
from .models import KubeflowEntity, Properties, properties

__all__ = ["AsyncKubeflowClient", "KubeflowClient", "KubeflowEntity", "Properties", "properties"]

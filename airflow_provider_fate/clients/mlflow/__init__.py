"""MLflow over its REST interface, without its package: experiments, runs, artifacts, registered models."""

from .client import AsyncMlflowClient, MlflowClient
from .models import Experiment, MetricPoint, MlflowVersion, Run

__all__ = ["AsyncMlflowClient", "Experiment", "MetricPoint", "MlflowClient", "MlflowVersion", "Run"]

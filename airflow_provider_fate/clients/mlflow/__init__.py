"""MLflow over its REST interface: experiments, runs, artifacts through its proxy, registered models. No mlflow package."""

from .client import AsyncMlflowClient, MlflowClient
from .models import Experiment, MetricPoint, MlflowVersion, Run

__all__ = ["AsyncMlflowClient", "Experiment", "MetricPoint", "MlflowClient", "MlflowVersion", "Run"]

"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from airflow_provider_fate.clients.http import Api, AsyncClient, AsyncTransport, SyncClient, SyncTransport, Transport

from .envelope import MlflowEnvelope
from .registered import RegisteredModelGroup
from .tracking import ArtifactGroup, ExperimentGroup, RunGroup, ServerAnswers

__all__ = ["AsyncMlflowClient", "MlflowClient"]


class MlflowApi(Api[Transport]):
    """The groups of endpoints that both clients have."""

    envelope = MlflowEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.server = ServerAnswers(transport)
        self.experiments = ExperimentGroup(transport)
        self.runs = RunGroup(transport)
        self.artifacts = ArtifactGroup(transport)
        self.models = RegisteredModelGroup(transport)


class MlflowClient(SyncClient, MlflowApi[SyncTransport]):
    """An MLflow server; its settings are :class:`~airflow_provider_fate.clients.http.LoginSettings`.

    >>> with MlflowClient(LoginSettings("mlflow.example.org", 5000)) as mlflow:
    ...     mlflow.runs.log_metrics(run_id, [MetricPoint("loss", 0.4, step=1, timestamp=now)])
    """


class AsyncMlflowClient(AsyncClient, MlflowApi[AsyncTransport]):
    """The same, awaited."""

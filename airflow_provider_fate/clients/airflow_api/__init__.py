"""The part of Airflow's public REST API (v2) that this provider needs: connections."""

from .client import AirflowApiClient, AsyncAirflowApiClient
from .models import ConnectionEntry
from .settings import AirflowApiSettings

__all__ = ["AirflowApiClient", "AirflowApiSettings", "AsyncAirflowApiClient", "ConnectionEntry"]

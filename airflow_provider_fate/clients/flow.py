"""The former name of ``clients.fate_flow``; imports that were written with it go on working."""

from airflow_provider_fate.clients.fate_flow import AppId, AsyncFlowClient, FlowClient, FlowSettings, models

__all__ = ["AppId", "AsyncFlowClient", "FlowClient", "FlowSettings", "models"]

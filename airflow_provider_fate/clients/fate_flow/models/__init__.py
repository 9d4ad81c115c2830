"""What FATE-Flow answers, as pydantic models that keep unknown fields."""

from __future__ import annotations

from .access import App, ResourceGrants
from .data import StartedDownload, StartedUpload, TableRecord, TableRef, UploadMeta
from .job import DagDependency, DataView, JobPage, JobRecord, JobStatus, PartyGroup, SubmittedJob
from .output import DataDisplay, LogLine, LogType, Metric, MetricGroup, MetricKey
from .server import (
    FlowInstance,
    Provider,
    RegisteredServer,
    RegisteredService,
    ServerConfiguration,
    ServerVersion,
    SiteInfo,
)
from .state import JobState
from .task import TaskPage, TaskRecord, TaskStatus

__all__ = [
    "App",
    "DagDependency",
    "DataDisplay",
    "DataView",
    "FlowInstance",
    "JobPage",
    "JobRecord",
    "JobState",
    "JobStatus",
    "LogLine",
    "LogType",
    "Metric",
    "MetricGroup",
    "MetricKey",
    "PartyGroup",
    "Provider",
    "RegisteredServer",
    "RegisteredService",
    "ResourceGrants",
    "ServerConfiguration",
    "ServerVersion",
    "SiteInfo",
    "StartedDownload",
    "StartedUpload",
    "SubmittedJob",
    "TableRecord",
    "TableRef",
    "TaskPage",
    "TaskRecord",
    "TaskStatus",
    "UploadMeta",
]

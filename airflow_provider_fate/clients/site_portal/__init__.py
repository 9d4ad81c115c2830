"""The site portal of FedLCM: projects of several sites with FATE 1.x, their data, their jobs, and who approves them."""

from .client import AsyncPortalClient, PortalClient
from .models import (
    Algorithm,
    DataState,
    Deployment,
    JobData,
    JobKind,
    JobOrder,
    Participant,
    ParticipantState,
    PortalData,
    PortalJob,
    PortalJobState,
    PortalModel,
    Project,
    ProjectData,
    Projects,
    Site,
)
from .settings import PortalSettings

__all__ = [
    "Algorithm",
    "AsyncPortalClient",
    "DataState",
    "Deployment",
    "JobData",
    "JobKind",
    "JobOrder",
    "Participant",
    "ParticipantState",
    "PortalClient",
    "PortalData",
    "PortalJob",
    "PortalJobState",
    "PortalModel",
    "PortalSettings",
    "Project",
    "ProjectData",
    "Projects",
    "Site",
]

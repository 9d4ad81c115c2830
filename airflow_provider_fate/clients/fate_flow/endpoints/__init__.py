"""The endpoints of FATE-Flow 2.2 by group; each is written once and serves both clients."""

from __future__ import annotations

from .access import AppGroup, PermissionGroup
from .data import DataGroup
from .job import JobGroup
from .log import LogGroup
from .model import ModelGroup
from .output import OutputGroup
from .provider import ProviderGroup
from .server import ServerGroup, SiteGroup
from .table import TableGroup
from .task import TaskGroup

__all__ = [
    "AppGroup",
    "DataGroup",
    "JobGroup",
    "LogGroup",
    "ModelGroup",
    "OutputGroup",
    "PermissionGroup",
    "ProviderGroup",
    "ServerGroup",
    "SiteGroup",
    "TableGroup",
    "TaskGroup",
]

"""What KubeFATE answers, as far as it is used here. Whatever may hold a password is hidden in ``repr``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "ChartRecord",
    "ClusterInfo",
    "ClusterJob",
    "ClusterOrder",
    "ClusterRecord",
    "ClusterStatus",
    "JobMethod",
    "Orders",
    "Submodule",
]


class JobMethod(StrEnum):
    """What a job of KubeFATE does."""

    INSTALL = "ClusterInstall"
    UPDATE = "ClusterUpdate"
    DELETE = "ClusterDelete"


class ClusterStatus(StrEnum):
    """Words of KubeFATE for a cluster; others may come."""

    CREATING = "Creating"
    DELETING = "Deleting"
    UPDATING = "Updating"
    RUNNING = "Running"
    UNAVAILABLE = "Unavailable"
    DELETED = "Deleted"
    ROLLBACK = "Rollback"


def _moment(given: Any) -> Any:
    """Go writes year 1 for a time that is not set."""
    return None if isinstance(given, str) and given.startswith("0001-") else given


Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)


@dataclass(frozen=True)
class ClusterOrder:
    """What an install or an update is asked for.

    :param document: the cluster.yaml as text; may hold passwords.
    """

    name: str
    namespace: str
    chart_name: str
    chart_version: str
    document: str = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """As KubeFATE takes it: the document in base64, since its type is Go's ``[]byte``."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "chart_name": self.chart_name,
            "chart_version": self.chart_version,
            "cover": False,
            "data": base64.b64encode(self.document.encode()).decode(),
        }


class Orders(_Answer):
    """What a job was asked for, as it is kept; empty for a removal."""

    name: str = ""
    namespace: str = ""
    chart_name: str = ""
    chart_version: str = ""
    data: str | None = Field(default=None, repr=False)

    @property
    def document(self) -> str:
        """The cluster.yaml as text; empty where there is none."""
        try:
            return base64.b64decode(self.data or "").decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""


class Submodule(_Answer):
    """A Deployment or StatefulSet of a cluster."""

    status: str = Field(default="", alias="Status")
    state: str = Field(default="", alias="ModulesStatus")


class ClusterJob(_Answer):
    """A job of KubeFATE.

    :param cluster_id: empty until its worker has made the cluster's record.
    :param states: what has happened, oldest first. The last one may be written anew every second.
    :param end_time: ``None`` until it is set; an installation that failed or was stopped never sets it.
    :param date: when KubeFATE has answered, by its own clock.
    """

    uuid: str
    method: str = ""
    status: str = ""
    cluster_id: str = ""
    states: Annotated[list[str], BeforeValidator(lambda given: given or [])] = Field(default_factory=list)
    sub_jobs: Annotated[dict[str, Submodule], BeforeValidator(lambda given: given or {})] = Field(default_factory=dict)
    orders: Annotated[Orders, BeforeValidator(lambda given: given or {})] = Field(
        default_factory=Orders, alias="meta_data"
    )
    start_time: Moment = None
    end_time: Moment = None
    updated: Moment = Field(default=None, alias="UpdatedAt")
    date: Moment = None

    @property
    def silence(self) -> float:
        """Seconds since its record was last written, by the clock of KubeFATE; 0 where that is not known."""
        if self.updated is None:
            return 0.0
        now = self.date or datetime.now(tz=UTC)
        return max(0.0, (now - self.updated).total_seconds())


class ClusterInfo(_Answer):
    """What KubeFATE sees of a cluster on Kubernetes.

    :param ip: an address of the last node.
    :param hosts: names of its Ingresses.
    """

    ip: str = ""
    port: int | None = None
    hosts: Annotated[list[str], BeforeValidator(lambda given: given or [])] = Field(
        default_factory=list, alias="dashboard"
    )
    status: dict[str, Any] = Field(default_factory=dict)

    @property
    def workloads(self) -> dict[str, str]:
        """States of Deployments and StatefulSets by name."""
        kinds = (self.status.get("deployments") or {}, self.status.get("statefulSets") or {})
        return {name: str(state) for kind in kinds for name, state in kind.items()}


class ClusterRecord(_Answer):
    """A cluster, or what is kept of one that was removed.

    :param values: the cluster.yaml as it was sent.
    :param spec: the same, read.
    :param info: only where the cluster is asked for by its id.
    """

    uuid: str
    name: str = ""
    namespace: str = Field(default="", alias="namespaces")
    chart_name: str = ""
    chart_version: str = ""
    values: str = Field(default="", repr=False)
    spec: Annotated[Mapping[str, Any], BeforeValidator(lambda given: given or {})] = Field(
        default_factory=dict, alias="Spec", repr=False
    )
    revision: int = 0
    status: str = ""
    info: ClusterInfo | None = Field(default=None, alias="Info")
    created: Moment = Field(default=None, alias="CreatedAt")
    deleted: Moment = Field(default=None, alias="DeletedAt")


class ChartRecord(_Answer):
    """A chart that KubeFATE has."""

    uuid: str
    name: str = ""
    version: str = ""

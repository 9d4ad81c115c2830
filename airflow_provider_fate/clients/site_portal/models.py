"""What a site portal answers. Whatever may hold a secret is hidden in ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from pydantic import Field

from airflow_provider_fate.clients.fedlcm.models import Answer, Listed, Number

__all__ = [
    "Algorithm",
    "DataState",
    "Deployment",
    "DeploymentState",
    "JobData",
    "JobKind",
    "JobOrder",
    "Participant",
    "ParticipantState",
    "PortalData",
    "PortalJob",
    "PortalJobSite",
    "PortalJobState",
    "PortalModel",
    "Project",
    "ProjectData",
    "Projects",
    "Site",
]


class JobKind(IntEnum):
    """What a job does."""

    TRAINING = 1
    PREDICT = 2
    PSI = 3


class Algorithm(IntEnum):
    """What a portal can train. FATE 1.x has more; the portal does not."""

    HOMO_LR = 1
    HOMO_SECUREBOOST = 2
    HETERO_LR = 3
    HETERO_SECUREBOOST = 4


class PortalJobState(Number):
    """Where a job stands."""

    UNKNOWN = 0
    PENDING = 1
    """It waits for the approval of other sites, or for its start."""
    REJECTED = 2
    RUNNING = 3
    FAILED = 4
    SUCCEEDED = 5
    DEPLOYING = 6
    """FATE is done with it, and the portal deploys the model."""
    DELETED = 7


class JobSiteState(Number):
    """What a site says to a job."""

    UNKNOWN = 0
    INITIATOR = 1
    PENDING = 2
    APPROVED = 3
    REJECTED = 4


class DataState(Number):
    """How far an upload is."""

    TO_BE_CREATED = 0
    CREATING = 1
    RUNNING = 2
    FAILED = 3
    SUCCEEDED = 4


class ParticipantState(Number):
    """Where a site stands in a project."""

    UNKNOWN = 0
    OWNER = 1
    PENDING = 2
    JOINED = 3
    REJECTED = 4
    LEFT = 5
    DISMISSED = 6
    REVOKED = 7


class DeploymentState(Number):
    """How far the publishing of a model is."""

    UNKNOWN = 0
    CREATED = 1
    FAILED = 2
    SUCCEEDED = 3


class Site(Answer):
    """The site whose portal this is.

    :param kubeflow: how it reaches Kubeflow; holds credentials.
    """

    uuid: str = ""
    name: str = ""
    description: str = ""
    party_id: int = 0
    external_host: str = ""
    external_port: int = 0
    https: bool = False
    fml_manager: str = Field(default="", alias="fml_manager_endpoint")
    fml_manager_name: str = Field(default="", alias="fml_manager_server_name")
    fml_manager_connected: bool = False
    flow_host: str = Field(default="", alias="fate_flow_host")
    flow_port: int = Field(default=0, alias="fate_flow_http_port")
    flow_connected: bool = Field(default=False, alias="fate_flow_connected")
    kubeflow: Mapping[str, Any] = Field(default_factory=dict, alias="kubeflow_config", repr=False)
    kubeflow_connected: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the service takes it: everything is overwritten."""
        return self.model_dump(by_alias=True)


class PortalData(Answer):
    """A table that the site has loaded.

    :param table: its name in FATE; only where it is asked for by its id, like the columns.
    """

    uuid: str = Field(alias="data_id")
    name: str = ""
    description: str = ""
    rows: int = Field(default=0, alias="sample_size")
    columns_count: int = Field(default=0, alias="feature_size")
    state: DataState = Field(default=DataState.TO_BE_CREATED, alias="upload_job_status")
    table: str = Field(default="", alias="table_name")
    columns: Listed[str] = Field(default_factory=list, alias="features_array")


class Project(Answer):
    """A project: sites that work together.

    :param mine: whether this site has made it.
    """

    uuid: str
    name: str = ""
    description: str = ""
    site: str = Field(default="", alias="managing_site_name")
    party_id: int = Field(default=0, alias="managing_site_party_id")
    mine: bool = Field(default=False, alias="managed_by_this_site")
    auto_approval: bool = Field(default=False, alias="auto_approval_enabled")


class Projects(Answer):
    """All projects that the site knows."""

    joined: Listed[Project] = Field(default_factory=list, alias="joined_projects")
    invited: Listed[Project] = Field(default_factory=list, alias="invited_projects")
    closed: Listed[Project] = Field(default_factory=list, alias="closed_projects")


class Participant(Answer):
    """A site in a project."""

    uuid: str
    party_id: int = 0
    name: str = ""
    description: str = ""
    state: ParticipantState = Field(default=ParticipantState.UNKNOWN, alias="status")
    is_here: bool = Field(default=False, alias="is_current_site")


class ProjectData(Answer):
    """Data that a site lets a project use."""

    uuid: str = Field(alias="data_id")
    name: str = ""
    site: str = Field(default="", alias="providing_site_name")
    site_uuid: str = Field(default="", alias="providing_site_uuid")
    party_id: int = Field(default=0, alias="providing_site_party_id")
    is_local: bool = False


class PortalJobSite(Answer):
    """A site in a job, and its data."""

    data_uuid: str = ""
    label: str = Field(default="", alias="label_name")
    site: str = Field(default="", alias="providing_site_name")
    party_id: int = Field(default=0, alias="providing_site_party_id")
    state: JobSiteState = Field(default=JobSiteState.UNKNOWN, alias="site_status")


class PortalJob(Answer):
    """A job.

    :param message: why it has failed, or what it waits for; only where it is asked for by its id, like what follows.
    :param results: of a training ``training_result``, of a PSI ``intersection_result``, of a prediction
        ``predicting_result``.
    """

    uuid: str
    name: str = ""
    description: str = ""
    project: str = Field(default="", alias="project_uuid")
    state: PortalJobState = Field(default=PortalJobState.UNKNOWN, alias="status")
    is_initiator: bool = False
    waits_here: bool = Field(default=False, alias="pending_on_this_site")
    site: str = Field(default="", alias="initiating_site_name")
    party_id: int = Field(default=0, alias="initiating_site_party_id")
    flow_job: str = Field(default="", alias="fate_job_id")
    flow_status: str = Field(default="", alias="fate_job_status")
    flow_model: str = Field(default="", alias="fate_model_name")
    message: str = Field(default="", alias="status_message")
    others: Listed[PortalJobSite] = Field(default_factory=list, alias="other_site_data")
    results: Mapping[str, Any] = Field(default_factory=dict, alias="result_info", repr=False)


class PortalModel(Answer):
    """A model of this site, as the portal knows it."""

    uuid: str
    name: str = ""
    model_id: str = ""
    model_version: str = ""
    component: str = Field(default="", alias="component_name")
    created: datetime | None = Field(default=None, alias="create_time")
    project: str = Field(default="", alias="project_uuid")
    job: str = Field(default="", alias="job_uuid")
    role: str = ""
    party_id: int = 0
    evaluation: Mapping[str, Any] | None = None


class Deployment(Answer):
    """A model that was published to KServe."""

    uuid: str = ""
    service_name: str = ""
    state: DeploymentState = Field(default=DeploymentState.UNKNOWN, alias="status")


@dataclass(frozen=True)
class JobData:
    """Data of one site for a job.

    :param label: its column with the label; empty: it has none.
    """

    data_uuid: str
    label: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        return {"data_uuid": self.data_uuid, "label_name": self.label}


@dataclass(frozen=True)
class JobOrder:
    """What a job is asked for.

    :param project: id of the project.
    :param conf: configuration of FATE 1.x (DSL version 2) as JSON; empty: the portal writes it.
    :param dsl: the graph, likewise.
    :param validation: percent of the rows that are kept to evaluate; 0: none.
    :param model_name: name of the model that a training leaves.
    :param model: id of the model for a prediction.
    """

    project: str
    name: str
    description: str
    kind: JobKind
    data: JobData
    others: tuple[JobData, ...] = ()
    algorithm: Algorithm | None = None
    conf: str = field(default="", repr=False)
    dsl: str = field(default="", repr=False)
    validation: int = 0
    model_name: str = ""
    model: str = ""
    algorithm_component: str = ""
    evaluate_component: str = ""
    deploy_components: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        return {
            "name": self.name,
            "description": self.description,
            "type": int(self.kind),
            "project_uuid": self.project,
            "initiator_data": self.data.to_json(),
            "other_site_data": [one.to_json() for one in self.others],
            "conf_json": self.conf,
            "dsl_json": self.dsl,
            "training_validation_enabled": self.validation > 0,
            "training_validation_percent": self.validation,
            "training_model_name": self.model_name,
            "training_algorithm_type": int(self.algorithm or 0),
            "algorithm_component_name": self.algorithm_component,
            "training_component_list_to_deploy": list(self.deploy_components),
            "predicting_model_uuid": self.model,
            "evaluate_component_name": self.evaluate_component,
        }

"""``portal.projects`` and ``portal.jobs``: sites that work together, and what they run."""

from __future__ import annotations

from typing import Any

from airflow_provider_fate.clients.fedlcm.reading import THERE_OR_NOT, by_name, many, nothing, or_none
from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Request,
    Steps,
    Target,
    Transport,
    endpoint,
    get,
    post,
    procedure,
)
from airflow_provider_fate.clients.http.files import Sink

from .models import JobOrder, Participant, PortalJob, PortalModel, Project, ProjectData, Projects

__all__ = ["PortalJobGroup", "ProjectGroup"]

# Inside the class, `list` is its method.
Participants = list[Participant]
ProjectDatas = list[ProjectData]
PortalModels = list[PortalModel]


class ProjectGroup(Group[Transport]):
    """Projects, who takes part in them, and with what."""

    @endpoint
    def list(self) -> Request[Projects]:
        """Return all: joined, invited to, closed."""
        return _projects()

    @endpoint
    def get(self, uuid: str) -> Request[Project | None]:
        """Return one; ``None``: there is none."""
        return get(f"/project/{uuid}", or_none(Project), accept=THERE_OR_NOT)

    @procedure
    def create(self, name: str, description: str = "", *, auto_approval: bool = False) -> Steps[Project]:
        """Make a project. The portal answers no id, so it is looked for by its name.

        :param auto_approval: approve all jobs of others in it, ten seconds after they come.
        :raises FateConflictError: the name is taken.
        """
        order = {"name": name, "description": description, "auto_approval_enabled": auto_approval}
        yield post("/project", nothing, json=order, once=Once.SUBMIT)
        made: Projects = yield _projects()
        found: Project = by_name(made.joined, name, "project")
        return found

    @endpoint
    def participants(self, uuid: str, *, all_sites: bool = False) -> Request[Participants]:
        """Return who takes part, or with ``all_sites`` also who could be invited.

        :raises FateConflictError: the site is not registered with an FML manager.
        """
        return get(f"/project/{uuid}/participant", many(Participant), params={"all": all_sites})

    @endpoint
    def invite(self, uuid: str, site: Participant) -> Request[None]:
        """Invite a site, which :meth:`participants` with ``all_sites`` names."""
        order = {"uuid": site.uuid, "party_id": site.party_id, "name": site.name, "description": site.description}
        return post(f"/project/{uuid}/invitation", nothing, json=order, slow=True)

    @endpoint
    def dismiss(self, uuid: str, site: str) -> Request[None]:
        """Take an invitation back, or a site out of the project."""
        return Request("DELETE", f"/project/{uuid}/participant/{site}", nothing, once=Once.ACT, slow=True)

    @endpoint
    def join(self, uuid: str) -> Request[None]:
        """Accept an invitation."""
        return post(f"/project/{uuid}/join", nothing, slow=True)

    @endpoint
    def reject(self, uuid: str) -> Request[None]:
        """Refuse an invitation."""
        return post(f"/project/{uuid}/reject", nothing, slow=True)

    @endpoint
    def leave(self, uuid: str) -> Request[None]:
        """Leave a project of another site.

        :raises FateConflictError: data of this site is still in it.
        """
        return post(f"/project/{uuid}/leave", nothing, slow=True)

    @endpoint
    def close(self, uuid: str) -> Request[None]:
        """Close a project of this site.

        :raises FateConflictError: a job of it still runs.
        """
        return post(f"/project/{uuid}/close", nothing, slow=True)

    @endpoint
    def set_auto_approval(self, uuid: str, enabled: bool) -> Request[None]:
        """Approve all jobs of others in it from now on, or none."""
        return Request("PUT", f"/project/{uuid}/autoapprovalstatus", nothing, json={"enabled": enabled})

    @endpoint
    def data(self, uuid: str, *, site: str | None = None) -> Request[ProjectDatas]:
        """Return the data of a project, of one site or of all."""
        return get(f"/project/{uuid}/data", many(ProjectData), params={"participant": site})

    @endpoint
    def local_data(self, uuid: str) -> Request[ProjectDatas]:
        """Return data of this site that a project could be given."""
        return get(f"/project/{uuid}/data/local", many(ProjectData))

    @endpoint
    def add_data(self, uuid: str, name: str, data_uuid: str) -> Request[None]:
        """Let a project use data of this site."""
        return post(f"/project/{uuid}/data", nothing, json={"name": name, "data_id": data_uuid}, slow=True)

    @endpoint
    def remove_data(self, uuid: str, data_uuid: str) -> Request[None]:
        """Let a project use data no more."""
        return Request("DELETE", f"/project/{uuid}/data/{data_uuid}", nothing, accept=THERE_OR_NOT, slow=True)

    @endpoint
    def models(self, uuid: str) -> Request[PortalModels]:
        """Return the models of a project."""
        return get(f"/project/{uuid}/model", many(PortalModel))


class PortalJobGroup(Group[Transport]):
    """Jobs of projects."""

    @endpoint
    def list(self, project: str) -> Request[list[PortalJob]]:
        """Return the jobs of a project that were not deleted."""
        return get(f"/project/{project}/job", many(PortalJob))

    @endpoint
    def get(self, uuid: str) -> Request[PortalJob | None]:
        """Return a job with its message and results; ``None``: there is none."""
        return get(f"/job/{uuid}", or_none(PortalJob), accept=THERE_OR_NOT)

    @endpoint
    def submit(self, order: JobOrder) -> Request[PortalJob]:
        """Submit a job. It runs when all other sites have approved it.

        :raises FateConflictError: the site is not registered with an FML manager, and there are other sites.
        :raises FateAmbiguousSubmitError: the answer was lost: look for it in the list.
        """
        return post(
            f"/project/{order.project}/job",
            lambda reply: PortalJob.model_validate(reply.data),
            json=order.to_json(),
            once=Once.SUBMIT,
            slow=True,
        )

    @endpoint
    def approve(self, uuid: str) -> Request[None]:
        """Let a job of another site run with the data of this one."""
        return post(f"/job/{uuid}/approve", nothing, slow=True)

    @endpoint
    def reject(self, uuid: str) -> Request[None]:
        """Do not let it."""
        return post(f"/job/{uuid}/reject", nothing, slow=True)

    @endpoint
    def refresh(self, uuid: str) -> Request[None]:
        """Let the portal ask FATE-Flow how a job stands. It may deploy the model meanwhile."""
        return post(f"/job/{uuid}/refresh", nothing, once=Once.REPEAT, slow=True)

    @endpoint
    def delete(self, uuid: str) -> Request[None]:
        """Delete a job's record, if it is there. One that waits never runs; one that runs goes on in FATE."""
        return Request("DELETE", f"/job/{uuid}", nothing, accept=THERE_OR_NOT)

    @endpoint
    def configuration(self, order: JobOrder) -> Request[dict[str, Any]]:
        """Return ``conf_json`` and ``dsl_json`` as the portal would write them for an order."""
        return post(
            "/job/conf/create", lambda reply: dict(reply.data), json=order.to_json(), once=Once.REPEAT, slow=True
        )

    @endpoint
    def download(self, uuid: str, target: Target) -> Request[int]:
        """Write the rows that a prediction or a PSI has left into a file, and return its size."""
        return get(f"/job/{uuid}/data-result/download", lambda reply: reply.size, sink=Sink(target), slow=True)


def _projects() -> Request[Projects]:
    return get("/project", lambda reply: Projects.model_validate(reply.data))

"""A job of a project on a site portal, from the approval of the other sites to its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_fate.errors import FateError, FateInputError, FateJobFailed, FateJobNotFound
from airflow_provider_fate.remote.kinds.described import described, mark_of
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ending, Explanation, Kill, Piece, WorkKind, WorkRef

if TYPE_CHECKING:
    from airflow_provider_fate.clients.site_portal import (
        Algorithm,
        AsyncPortalClient,
        JobData,
        JobKind,
        PortalJob,
        Project,
        ProjectData,
    )
    from airflow_provider_fate.hooks.site_portal import SitePortal

__all__ = ["PortalJobAsked", "PortalJobKind", "PortalJobRef"]

log = logging.getLogger(__name__)

REFRESH = 60.0
"""Seconds between two orders to look at FATE: the portal does so by itself until it is restarted."""


@dataclass(frozen=True)
class PortalJobRef(WorkRef):
    """A job of a portal."""

    uuid: str
    name: str
    project: str

    @property
    def id(self) -> str:
        """Its name, and that of its project."""
        return f"job {self.name} of project {self.project} ({self.uuid})"


@dataclass(frozen=True)
class PortalJobAsked:
    """What is run.

    :param project: name or id.
    :param data: name or id of the data of this site.
    :param others: names or ids of the data of others, by party id.
    :param model: name or id of a model, for a prediction.
    """

    project: str
    name: str
    kind: JobKind
    data: str
    label: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    algorithm: Algorithm | None = None
    conf: str = field(default="", repr=False)
    dsl: str = field(default="", repr=False)
    validation: int = 0
    model_name: str = ""
    model: str = ""
    description: str = ""


class PortalJobKind(WorkKind[PortalJobRef, PortalJobAsked]):
    """Jobs through one portal."""

    ref_type = PortalJobRef

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._portal: SitePortal | None = None
        self._client: AsyncPortalClient | None = None
        self._running: set[str] = set()
        self._refreshed: dict[str, float] = {}

    async def client(self) -> AsyncPortalClient:
        """The client that all that wait share."""
        if self._client is None:
            from airflow_provider_fate.clients.site_portal import AsyncPortalClient
            from airflow_provider_fate.hooks.site_portal import SitePortalHook

            self._portal = await SitePortalHook(self.conn_id).aread()
            self._client = AsyncPortalClient(self._portal.settings())
        return self._client

    # -- the verbs --------------------------------------------------------------------------------------------------

    async def find(self, attempt: Attempt, request: PortalJobAsked) -> Sequence[Piece[PortalJobRef]]:
        """Find the jobs of this task, by the mark in their description."""
        project = await self._project(request)
        pieces = []
        for job in await (await self.client()).jobs.list(project.uuid):
            mark = mark_of(job.description)
            if mark is None or mark.key != attempt.identity.key:
                continue
            ref = PortalJobRef(job.uuid, job.name, project.name)
            pieces.append(
                Piece(
                    ref,
                    await self._look_at(ref),
                    current=mark.epoch == attempt.identity.epoch,
                    fits=job.name == request.name,
                )
            )
        return pieces

    async def submit(
        self, attempt: Attempt, request: PortalJobAsked, found: Sequence[Piece[PortalJobRef]]
    ) -> PortalJobRef:
        """Submit it.

        :raises FateInputError: the project, its data or the model is not there.
        :raises FateConflictError: the site is not registered with an FML manager.
        """
        from airflow_provider_fate.clients.site_portal import JobOrder

        project = await self._project(request)
        portal = await self.client()
        data = await portal.projects.data(project.uuid)
        order = JobOrder(
            project=project.uuid,
            name=request.name,
            description=described(request.description, attempt.identity),
            kind=request.kind,
            data=_data(data, "data", request.data, None, request.label),
            others=tuple(_data(data, "others", name, party, "") for party, name in request.others.items()),
            algorithm=request.algorithm,
            conf=request.conf,
            dsl=request.dsl,
            validation=request.validation,
            model_name=request.model_name,
            model=await self._model(project, request) if request.model else "",
        )
        attempt.go_on()
        job = await portal.jobs.submit(order)
        ref = PortalJobRef(job.uuid, request.name, project.name)
        log.info("Submitted %s", ref.id)
        return ref

    async def look(self, refs: Sequence[PortalJobRef]) -> Mapping[str, Snapshot]:
        """Ask for each by its id: only so does the portal say whom it waits for. The first alone: it may log in."""
        first = [await self.meter.of(self._look_at(ref)) for ref in refs[:1]]
        others = await self.meter.of(asyncio.gather(*(self._look_at(ref) for ref in refs[1:])))
        return {ref.id: seen for ref, seen in zip(refs, [*first, *others], strict=True)}

    async def diagnose(self, ref: PortalJobRef, ending: Ending) -> Explanation:
        """Tell what the portal says."""
        from airflow_provider_fate.clients.site_portal import PortalJobState

        job = await (await self.client()).jobs.get(ref.uuid)
        if not ending.state.is_over:
            if job is not None and job.state is PortalJobState.DEPLOYING:
                return Explanation(
                    reason="FATE is done, and the portal deploys the model. Where it was restarted meanwhile it never "
                    "comes to an end: submit the job again."
                )
            return Explanation(reason=ending.detail)
        where = f" FATE's job {job.flow_job} is {job.flow_status}." if job is not None and job.flow_job else ""
        hint = "Ask that site why." if job is not None and job.state is PortalJobState.REJECTED else None
        if where and hint is None:
            hint = "FATEBoard of this site shows the job; the portal has no more than this."
        return Explanation(error=FateJobFailed(f"{ref.id}: {ending.detail}.{where}", hint=hint, job_id=ref.uuid))

    async def stop(self, ref: PortalJobRef) -> None:
        """Delete it while it waits, so that it never runs. What runs is left: the portal cannot stop it.

        :raises FateConflictError: it runs.
        """
        from airflow_provider_fate.clients.site_portal import PortalJobState
        from airflow_provider_fate.errors import FateConflictError

        portal = await self.client()
        job = await portal.jobs.get(ref.uuid)
        if job is not None and job.state is PortalJobState.PENDING:
            await portal.jobs.delete(ref.uuid)
        elif job is not None and job.state in (PortalJobState.RUNNING, PortalJobState.DEPLOYING):
            self._running.add(ref.uuid)
            raise FateConflictError(f"{ref.id} runs in FATE, and a site portal cannot stop it.")

    async def result(self, ref: PortalJobRef, found: Mapping[str, Any] | None) -> Any:
        """Metrics, counts and ids; never rows."""
        job = await (await self.client()).jobs.get(ref.uuid)
        if job is None:
            raise FateJobNotFound(f"{ref.id} was deleted just after it was done.")
        return _described(ref, job)

    # -- besides ----------------------------------------------------------------------------------------------------

    def kill(self, ref: PortalJobRef) -> Kill:
        """What waits is deleted; what was seen to run cannot be cancelled."""
        return Kill.CANNOT if ref.uuid in self._running else super().kill(ref)

    def twin(self) -> Self:
        """Another instance that knows what runs."""
        twin = super().twin()
        twin._running = self._running
        return twin

    @classmethod
    def prepare(cls) -> None:
        """Import what the verbs need."""
        import airflow_provider_fate.clients.site_portal
        import airflow_provider_fate.hooks.site_portal  # noqa: F401

    async def close(self) -> None:
        """Close the client."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    # -- inside -----------------------------------------------------------------------------------------------------

    async def _look_at(self, ref: PortalJobRef) -> Snapshot:
        from airflow_provider_fate.clients.site_portal import PortalJobState

        portal = await self.client()
        job = await portal.jobs.get(ref.uuid)
        if job is not None and job.state is PortalJobState.RUNNING and self._is_due(ref.uuid):
            try:
                await portal.jobs.refresh(ref.uuid)
            except FateError as e:
                log.info("%s: the portal cannot ask FATE just now: %s", ref.id, e.message)
            job = await portal.jobs.get(ref.uuid)
        if job is None or job.state is PortalJobState.DELETED:
            return Snapshot(WorkState.MISSING, detail="it was deleted")
        if job.state in (PortalJobState.RUNNING, PortalJobState.DEPLOYING):
            self._running.add(ref.uuid)
        match job.state:
            case PortalJobState.PENDING:
                return Snapshot(WorkState.QUEUED, detail=_waits(job))
            case PortalJobState.RUNNING:
                return Snapshot(WorkState.RUNNING, detail=f"FATE's job {job.flow_job} is {job.flow_status}")
            case PortalJobState.DEPLOYING:
                return Snapshot(WorkState.RUNNING, detail="FATE is done; the portal deploys the model")
            case PortalJobState.SUCCEEDED:
                return Snapshot(WorkState.SUCCEEDED, detail="Job succeeded")
            case PortalJobState.REJECTED | PortalJobState.FAILED:
                return Snapshot(WorkState.FAILED, detail=job.message or job.state.name.lower())
        return Snapshot(WorkState.RUNNING, detail=job.message)

    def _is_due(self, uuid: str) -> bool:
        """Whether a minute has passed; not at the first look, so that the portal's own look comes first."""
        now = time.monotonic()
        last = self._refreshed.setdefault(uuid, now)
        if now - last < REFRESH:
            return False
        self._refreshed[uuid] = now
        return True

    async def _project(self, request: PortalJobAsked) -> Project:
        projects = await (await self.client()).projects.list()
        for one in projects.joined:
            if request.project in (one.name, one.uuid):
                return one
        hint = "Make it in the portal, or through `portal.projects.create`."
        if any(request.project in (one.name, one.uuid) for one in projects.invited):
            hint = "This site is invited, and has not joined yet."
        if any(request.project in (one.name, one.uuid) for one in projects.closed):
            hint = "It was closed, or this site has left it."
        raise FateInputError(f"project={request.project!r} is no project of this site.", hint=hint)

    async def _model(self, project: Project, request: PortalJobAsked) -> str:
        models = await (await self.client()).projects.models(project.uuid)
        named = [one for one in models if request.model in (one.name, one.uuid)]
        if not named:
            known = ", ".join(sorted({one.name for one in models})) or "none"
            raise FateInputError(f"model={request.model!r} is no model of project {project.name!r}; it has {known}.")
        newest = max(named, key=lambda one: one.created.timestamp() if one.created else 0.0)
        return newest.uuid


def _data(found: Sequence[ProjectData], argument: str, name: str, party: str | None, label: str) -> JobData:
    from airflow_provider_fate.clients.site_portal import JobData

    own = [one for one in found if (one.is_local if party is None else str(one.party_id) == party)]
    for one in own:
        if name in (one.name, one.uuid):
            return JobData(one.uuid, label)
    whose = "this site" if party is None else f"party {party}"
    known = ", ".join(sorted(one.name for one in own)) or "none"
    raise FateInputError(
        f"{argument}={name!r}: the project has no such data of {whose}; it has {known}.",
        hint="That site adds it to the project." if party else "Add it: `portal.projects.add_data`.",
    )


def _waits(job: PortalJob) -> str:
    from airflow_provider_fate.clients.site_portal.models import JobSiteState

    missing = [f"{one.site} ({one.party_id})" for one in job.others if one.state is JobSiteState.PENDING]
    return f"waits for the approval of {', '.join(missing)}" if missing else "approved by all, and not started yet"


def _described(ref: PortalJobRef, job: PortalJob) -> dict[str, Any]:
    training = job.results.get("training_result") or {}
    told: dict[str, Any] = {
        "job_id": job.uuid,
        "name": ref.name,
        "project": ref.project,
        "flow_job_id": job.flow_job,
        "model": job.flow_model if job.flow_model.strip("#") else None,
        "metrics": {name: _number(value) for name, value in training.items()},
    }
    if count := (job.results.get("predicting_result") or {}).get("count"):
        told["rows"] = count
    psi = job.results.get("intersection_result") or {}
    if psi.get("intersect_number"):
        told |= {"overlap": psi["intersect_number"], "overlap_rate": psi.get("intersect_rate")}
    return told


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value

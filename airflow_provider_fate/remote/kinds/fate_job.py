"""A job of a FATE site as remote work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_fate.errors import (
    FEDERATED_ERROR,
    FateCreateJobError,
    FateError,
    FateInputError,
    FateJobFailed,
    FateJobNotFound,
    FateJobStopped,
    FateServerError,
    FateStopNotHeardError,
)
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.kinds.fate import FateKind
from airflow_provider_fate.remote.kinds.fate_job_looks import JobLooks
from airflow_provider_fate.remote.kinds.fate_marks import FoundJob, find_jobs, marked, user_name
from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
from airflow_provider_fate.remote.kinds.fate_report import JobReporter
from airflow_provider_fate.remote.kinds.fate_states import snapshot_of
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ending, Explanation, Ownership, Piece, RequestT
from airflow_provider_fate.site.records import UNFINISHED

if TYPE_CHECKING:
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.site.session import SiteSession
    from airflow_provider_fate.site.waiting import Queue

__all__ = ["FateJob", "JobWork", "ObservedJob"]

log = logging.getLogger(__name__)

MOMENT = 15.0
"""Seconds for which the list of unfinished jobs is good enough for what is said of the queue."""


class JobWork(FateKind[FateJobRef, RequestT]):
    """Whatever is a job at a FATE site: how it is looked at, explained and stopped.

    :param log_archive: folder into which the archive of a failed job's logs is copied; ``None``: nowhere.
    """

    ref_type = FateJobRef
    queue_blocks = ", because a waiting job blocks all jobs behind it"

    def __init__(self, conn_id: str, *, site: FateSite | None = None, log_archive: str | None = None) -> None:
        super().__init__(conn_id, site=site)
        self.log_archive = log_archive
        self._looks = JobLooks(self.meter)
        self._asking = asyncio.Lock()
        self._queue: Queue | None = None
        self._queue_at = float("-inf")

    def twin(self) -> Self:
        """Another instance, for another event loop."""
        return type(self)(self.conn_id, site=self._site, log_archive=self.log_archive)

    def question(self, ref: FateJobRef) -> Hashable:
        """All jobs of a site are in one list, whatever they are for."""
        return (JobWork, self.conn_id)

    async def look(self, refs: Sequence[FateJobRef]) -> Mapping[str, Snapshot]:
        """Ask for the site's unfinished jobs, and for those that are no more among them."""
        flow = await self.client()
        self._looks.at(await self.site())
        return await self._looks.look(flow, [ref.job_id for ref in refs])

    async def stop(self, ref: FateJobRef) -> None:
        """Stop the job on all parties; FATE-Flow may answer with an error although it does."""
        try:
            await (await self.client()).job.stop(ref.job_id)
        except FateServerError as e:
            if e.code != FEDERATED_ERROR:
                raise
            # It gave up waiting for its own scheduler, which was waiting for a partner.
            raise FateStopNotHeardError(
                "It is not known whether every party has heard that the job is stopped: one does not answer in time.",
                hint="Its records there may say running, and hold cores, until the stop is repeated or given there.",
                job_id=ref.job_id,
                code=e.code,
            ) from None

    async def pulse(self, ref: FateJobRef) -> str:
        """State and version of every task, and how long the logs of those that run here have grown."""
        flow = await self.client()
        signs = []
        for task in await flow.task.query(job_id=ref.job_id):
            sign = f"{task.task_name} {task.role} {task.party_id} {task.task_version} {task.status} {task.party_status}"
            if str(task.party_status) == "running":
                lines = await flow.log.count("task_info", ref.job_id, task.role, task.party_id, task.task_name)
                sign += f" {lines}"
            signs.append(sign)
        return "\n".join(sorted(signs))

    def reporter(self, ref: FateJobRef) -> JobReporter:
        """Tells of the job and its tasks."""
        return JobReporter(ref)

    async def queue(self) -> Queue:
        """The site's unfinished jobs, as they were a moment ago: all that wait ask for them at the same time."""
        async with self._asking:
            if time.monotonic() - self._queue_at > MOMENT:
                from airflow_provider_fate.site.waiting import Queue

                flow = await self.client()
                self._queue = Queue(await self.meter.of(flow.job.states(statuses=UNFINISHED)))
                self._queue_at = time.monotonic()
        assert self._queue is not None
        return self._queue

    async def diagnose(self, ref: FateJobRef, ending: Ending) -> Explanation:
        """Collect what the site knows of a bad end, or of what holds the job."""
        if ending.outcome is not Outcome.OVER:
            return await self.blocking(lambda session: _what_holds_it(session, ref, ending.outcome))
        if ending.state is WorkState.MISSING:
            return Explanation(
                FateJobNotFound(
                    f"FATE-Flow does not know job {ref.job_id} (any more).",
                    job_id=ref.job_id,
                    hint="It was cleaned, or the connection points at another server than before.",
                )
            )
        return await self.blocking(lambda session: self._bad_end(session, ref, ending))

    def _bad_end(self, session: SiteSession, ref: FateJobRef, ending: Ending) -> Explanation:
        from airflow_provider_fate.site.diagnosis import diagnose, stopped_by
        from airflow_provider_fate.site.evidence import Evidence

        found = diagnose(session.client, ref, ending.detail)
        error: FateJobFailed | FateJobStopped = FateJobFailed(
            found.summary, job_id=ref.job_id, hint=found.next_step or None, diagnosis=found
        )
        if ending.state is WorkState.STOPPED:
            tasks = session.client.task.query(job_id=ref.job_id)
            by = stopped_by(tasks, ref, Evidence(session.client, ref).schedule_log())
            error = FateJobStopped(f"Job {ref.job_id} was stopped, and not by this task.", job_id=ref.job_id, hint=by)
        return Explanation(error, lines=tuple(found.lines()), notes=self._archive(session, ref))

    def _archive(self, session: SiteSession, ref: FateJobRef) -> tuple[str, ...]:
        """Copy the archive of a failed job's logs to where the task wants it, and say where."""
        if not self.log_archive:
            return ()
        from airflow_provider_fate.storage.log_archive import keep_logs

        try:
            path = keep_logs(session.client, ref.job_id, self.log_archive)
        except Exception as e:  # the job's own failure is what has to be told
            log.warning("The logs of job %s could not be copied to %s: %s", ref.job_id, self.log_archive, e)
            return ()
        return (f"All logs that this site has of the job: {path}",)


Document = Callable[["SiteSession"], Mapping[str, Any]]
"""Makes the checked description of a job; called only when one has to be submitted."""


class FateJob(JobWork[Document]):
    """A federated job that this task submits."""

    makes_copies = True

    async def nothing_came(self, found: Sequence[Piece[FateJobRef]], reason: FateError) -> FateError:
        """Name the party that did not take the job, as the scheduler's log tells."""
        for piece in found:  # the first one has failed first: FATE-Flow writes down why half a minute later
            ref = piece.ref
            if answers := await self.blocking(lambda session, ref=ref: _answers(session, ref)):  # type: ignore[misc]
                break
        else:
            return reason
        from airflow_provider_fate.clients.fate_flow.partner_words import of_partners

        return FateCreateJobError(
            f"The job could not be created. {of_partners(answers)}",
            hint="Nothing is left of it. Ask the party's operators; a later try may find it there.",
            parties={party: text for party, (_, text) in answers.items()},
            codes={party: code for party, (code, _) in answers.items()},
            job_id=ref.job_id,
        )

    async def find(self, attempt: Attempt, request: Document) -> Sequence[Piece[FateJobRef]]:
        """Find the jobs that carry the task's identity."""
        return await self.blocking(lambda session: find_jobs(session, attempt.identity))

    async def submit(self, attempt: Attempt, request: Document, found: Sequence[Piece[FateJobRef]]) -> FateJobRef:
        """Go on with a job that ended badly, as the task's rules say, or submit another one."""
        from airflow_provider_fate.remote.kinds.fate_again import take_up

        earlier = [piece for piece in found if isinstance(piece, FoundJob)]

        def submit(session: SiteSession) -> FateJobRef:
            again = take_up(session, earlier, request(session), attempt.reuse)
            if again.record is not None:
                return FateJobRef.of(again.record)
            attempt.go_on()
            document = marked(again.document, attempt.identity)
            submitted = session.client.job.submit(document, user_name=user_name(attempt.identity))
            telemetry.count("submitted", self.conn_id)
            log.info("Submitted job %s", submitted.job_id)
            role, party_id = _own_party(document, session.site)
            return FateJobRef(submitted.job_id, role, party_id, submitted.model_id, submitted.model_version)

        return await self.blocking(submit)


class ObservedJob(JobWork[str]):
    """A job that somebody else has started; the request is its id."""

    async def find(self, attempt: Attempt, request: str) -> Sequence[Piece[FateJobRef]]:
        """Find the job."""
        return [await self.blocking(lambda session: self._find(session, request))]

    def _find(self, session: SiteSession, job_id: str) -> Piece[FateJobRef]:
        from airflow_provider_fate.hooks.check import verify_party
        from airflow_provider_fate.site.records import own_record

        if not job_id or not str(job_id).isalnum():
            raise FateInputError(
                f"job_id={job_id!r} is not the id of a FATE job.",
                hint="Ids are numbers such as 202611221511355784540, as FATE-Flow gives them at submit.",
            )
        verify_party(session.site, session.client)
        records = session.client.job.query(job_id=job_id)
        if not records:
            raise FateJobNotFound(
                f"The site of connection {self.conn_id!r} does not know job {job_id}.",
                job_id=job_id,
                hint="A site knows only the jobs that its own party takes part in: check the connection.",
            )
        own = own_record(records, session.site.role, session.site.party_id)
        ref = FateJobRef(
            own.job_id, own.role, own.party_id, own.model_id, own.model_version, ownership=Ownership.OBSERVED
        )
        return Piece(ref, snapshot_of(records, session.site.role, session.site.party_id))


def _what_holds_it(session: SiteSession, ref: FateJobRef, outcome: Outcome) -> Explanation:
    from airflow_provider_fate.site.waiting import where_it_is, why_it_waits

    if outcome is Outcome.QUEUE_LIMIT:
        return Explanation(reason=why_it_waits(session.client, ref))
    reason = (
        "The tasks are shown above. A job hangs like this when a partner's server or a task's process has gone, and "
        "when a task waits for one that does not exist: ask the partners whether theirs still run."
    )
    return Explanation(
        reason=reason if outcome is Outcome.STALLED else "", lines=tuple(where_it_is(session.client, ref))
    )


def _answers(session: SiteSession, ref: FateJobRef) -> Mapping[tuple[str, str], tuple[int, str]]:
    from airflow_provider_fate.site.creation import who_did_not_agree
    from airflow_provider_fate.site.evidence import Evidence

    return who_did_not_agree(Evidence(session.client, ref).schedule_errors())


def _own_party(document: Mapping[str, Any], site: FateSite) -> tuple[str, str]:
    """Role and party id of the site in a job."""
    parties = [
        (str(party["role"]), str(party_id)) for party in document["dag"]["parties"] for party_id in party["party_id"]
    ]
    own = [p for p in parties if p[1] == site.party_id]
    exact = [p for p in own if p[0] == site.role]
    return (exact or own or parties)[0]

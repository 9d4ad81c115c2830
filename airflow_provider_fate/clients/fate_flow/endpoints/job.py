"""``flow.job``: submit, watch, stop."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Reply,
    Request,
    Sink,
    Target,
    Transport,
    endpoint,
    get,
    post,
    without_none,
)
from airflow_provider_fate.errors import FateInvalidJobError, FateInvalidParameterError

from ..envelope import NO_JOB
from ..models import DagDependency, DataView, JobPage, JobRecord, JobState, JobStatus, SubmittedJob
from ..models.state import StatesReader, states_of
from ..names import check_id, check_label

__all__ = ["JobGroup"]


def _user(user_name: str | None) -> dict[str, str]:
    # With a dash: the server's HTTP library drops headers that have an underscore.
    return {"User-Name": check_label("user_name", user_name)} if user_name else {}


def _submit_errors(reply: Reply) -> Exception | None:
    if reply.code == 6000 and "object has no attribute 'conf'" in reply.message:
        return FateInvalidJobError(
            "FATE-Flow could not read the job's DAG; it does not say why.",
            hint="Check roles (guest, host, arbiter, local), that party ids are lists of text, and that every task "
            "has a component_ref.",
            endpoint="POST /job/submit",
            code=reply.code,
        )
    return None


class JobGroup(Group[Transport]):
    """Jobs. Standalone servers hold one record per party of a job, real sites one per own role."""

    @endpoint
    def submit(self, dag: Mapping[str, Any], *, user_name: str | None = None) -> Request[SubmittedJob]:
        """Create a job on all its parties.

        Never repeated once anything was sent: FATE-Flow has no key against duplicates. One call may even make
        two or three jobs (FATE-Flow repeats its own slow requests); look for a mark in ``dag.conf.extra`` to
        find them.

        :param dag: the schema: ``{"dag": {...}, "schema_version": "2.2.0"}``.
        :param user_name: label by which jobs can be listed; only the answered job carries it.
        :raises FateCreateJobError: a party refused or was not reached; has the job id and the reasons.
        :raises FateAmbiguousSubmitError: the answer was lost, or FATE-Flow gave up (104): jobs may exist.
        :raises FateInvalidJobError: FATE-Flow cannot read the DAG, or a model or job that it refers to is
            missing.
        """
        return post(
            "/job/submit",
            lambda reply: SubmittedJob.model_validate({"job_id": reply.id, **(reply.data or {})}),
            json={"dag_schema": dict(dag)},
            headers=_user(user_name),
            once=Once.SUBMIT,
            slow=True,
            errors=_submit_errors,
        )

    @endpoint
    def query(
        self,
        *,
        job_id: str | None = None,
        role: str | None = None,
        party_id: str | None = None,
        status: JobStatus | str | None = None,
        user_name: str | None = None,
    ) -> Request[list[JobRecord]]:
        """Return the records that match all given filters; ``[]`` when there is none.

        :raises FateInvalidParameterError: no filter is given (FATE-Flow would say that there is no job at
            all).
        """
        params = _party(job_id=job_id, role=role, party_id=party_id)
        if status is not None:
            params["status"] = str(status)
        if not params and not user_name:
            raise FateInvalidParameterError(
                "job.query has no filter.",
                hint="Give a job id, role, party id, status or user name; or use job.list.",
            )
        return get("/job/query", _records, params=params, headers=_user(user_name), accept=frozenset({NO_JOB}))

    @endpoint
    def list(
        self,
        *,
        limit: int = 50,
        page: int = 1,
        job_id: str | None = None,
        description: str | None = None,
        party_id: str | None = None,
        partner: str | None = None,
        roles: Sequence[str] = (),
        statuses: Sequence[JobStatus | str] = (),
        order_by: str = "create_time",
        descending: bool = True,
        user_name: str | None = None,
    ) -> Request[JobPage]:
        """Return a page of records. Records weigh 6 to 10 kB each: page through many.

        :param limit: records per page; 0 for all.
        :param page: from 1.
        :param job_id: a part of the job id; likewise ``description`` and ``party_id``.
        :param partner: only jobs with this other party; filtered after paging, so pages may be short.
        :param roles: any of these; likewise ``statuses``.
        :param order_by: a field of the record.
        :param user_name: exactly the label of the submit.
        """
        if limit < 0 or page < 1:
            raise FateInvalidParameterError(
                f"limit {limit}, page {page}: no such page.",
                hint="limit is 0 (all) or more, page counts from 1.",
            )
        return get(
            "/job/list/query",
            lambda reply: JobPage.model_validate(reply.data),
            params={
                "limit": limit,
                "page": page if limit else None,
                "job_id": job_id,
                "description": description,
                "party_id": party_id,
                "partner": partner,
                "role": list(roles) or None,
                "status": [str(status) for status in statuses] or None,
                "order_by": check_id("order_by", order_by),  # always both: one alone fails on the server
                "order": "desc" if descending else "asc",
            },
            headers=_user(user_name),
        )

    @endpoint
    def states(
        self, *, statuses: Sequence[JobStatus | str] = (), newest: int = 0, user_name: str | None = None
    ) -> Request[builtins.list[JobState]]:
        """Return where the jobs in these statuses stand, one state per record: cheap even for thousands.

        FATE-Flow sends whole records all the same, but nothing else of them is read, or kept in memory.

        :param statuses: any of these; none for all jobs there ever were.
        :param newest: only so many records, those that changed last; 0 for all.
        :param user_name: exactly the label of the submit.
        """
        return get(
            "/job/list/query",
            lambda reply: states_of(reply.data),
            params={
                "limit": newest,
                "page": 1 if newest else None,
                "status": [str(status) for status in statuses] or None,
                "order_by": "update_time" if newest else "create_time",
                "order": "desc",
            },
            headers=_user(user_name),
            reader=StatesReader,
        )

    @endpoint
    def stop(self, job_id: str) -> Request[None]:
        """Stop a job on all parties; harmless for one that has ended.

        Takes seconds, since workers are killed. An error does not mean that the job runs on: FATE-Flow
        answers 104 after its own time-out, and 1004 when a partner was not reached, while this site's record
        is ``canceled``. So read the record again before deciding.

        :raises FateJobNotFound: no such job on this site.
        :raises FateServerError: see above.
        """
        return post("/job/stop", _nothing, json=_job(job_id), once=Once.REPEAT, slow=True)

    @endpoint
    def rerun(self, job_id: str) -> Request[None]:
        """Run what failed or was canceled once more, under the same job id.

        Wait some seconds after a stop: a rerun that overtakes the scheduler's round withdraws the stop, and
        the job runs on while its records read ``canceled`` for ever.

        For some seconds afterwards the job still reads its old end state. A job that succeeded goes through
        ``waiting`` and ``running`` again, and only its times change.

        :raises FateJobNotFound: no such job on this site.
        """
        return post("/job/rerun", _nothing, json=_job(job_id), slow=True)

    @endpoint
    def clean(self, job_id: str) -> Request[None]:
        """Stop a job and delete its records, metrics, output data and models on this site.

        FATE-Flow takes for output data also the tables that the job's readers have *read*, and the table that an
        upload has made, even where another upload has replaced it since: they are deleted, too.

        :raises FateJobNotFound: no such job on this site.
        """
        return post("/job/clean", _nothing, json=_job(job_id), slow=True)

    @endpoint
    def clean_queue(self) -> Request[dict[str, str]]:
        """Stop **every** waiting job of the site, whoever submitted it; return the server's message by job
        id.

        For a while they read ``failed`` before they become ``canceled``.
        """
        return post("/job/queue/clean", _messages, json={}, slow=True)

    @endpoint
    def add_notes(self, job_id: str, role: str, party_id: str, notes: str) -> Request[None]:
        """Write a note into the ``description`` of one party's record; replaces the one before."""
        json = {**_party(job_id=job_id, role=role, party_id=party_id), "notes": notes}
        return post("/job/notes/add", _nothing, json=json, once=Once.REPEAT)

    @endpoint
    def data_view(self, job_id: str, role: str, party_id: str) -> Request[DataView]:
        """Return which tables each party of the job reads; a site sees its partners' names too.

        :raises FateJobNotFound: no such job on this site.
        """
        params = _party(job_id=job_id, role=role, party_id=party_id)
        return get("/job/data/view", lambda reply: DataView.model_validate(reply.data), params=params)

    @endpoint
    def dependencies(self, job_id: str, role: str, party_id: str) -> Request[DagDependency]:
        """Return how the tasks of a job depend on each other.

        :raises FateJobNotFound: no such job on this site.
        """
        params = _party(job_id=job_id, role=role, party_id=party_id)
        return get("/job/dag/dependency", lambda reply: DagDependency.model_validate(reply.data), params=params)

    @endpoint
    def download_logs(self, job_id: str, to: Target) -> Request[int]:
        """Write all logs that this site has of a job, as tar.gz; return its size in bytes.

        :raises FateFileNotFound: this site has none.
        """
        return post(
            "/job/log/download",
            lambda reply: reply.size,
            json=_job(job_id),
            sink=Sink(to),
            once=Once.REPEAT,
            slow=True,
        )


def _nothing(reply: Reply) -> None:
    return None


def _job(job_id: str) -> dict[str, str]:
    return {"job_id": check_id("job_id", job_id)}


def _party(**ids: str | None) -> dict[str, str]:
    return {name: check_id(name, value) for name, value in without_none(**ids).items()}


def _records(reply: Reply) -> list[JobRecord]:
    return [JobRecord.model_validate(record) for record in reply.data or ()]


def _messages(reply: Reply) -> dict[str, str]:
    return {
        job_id: str(answer.get("message", "")) if isinstance(answer, dict) else str(answer)
        for job_id, answer in (reply.data or {}).items()
    }

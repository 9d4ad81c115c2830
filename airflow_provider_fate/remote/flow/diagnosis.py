"""Why a job failed: what this site knows, what follows from it, and whom to ask for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateError
from airflow_provider_fate.remote.flow.progress import in_order

if TYPE_CHECKING:
    from airflow_provider_fate.clients.flow import FlowClient
    from airflow_provider_fate.clients.flow.models import LogType, TaskRecord
    from airflow_provider_fate.remote.flow.ref import JobRef

TAIL = 15
"""Last lines of an error log that are shown."""
REPORT = 2000
"""Longest part of an error report that is shown, in characters; its end says what went wrong."""
_BAD = ("failed", "canceled", "timeout")


@dataclass(frozen=True)
class FailedTask:
    """A task that did not succeed on one party.

    :param name: name of the task in the DAG.
    :param role: role of the party.
    :param party_id: id of the party.
    :param status: how it ended there.
    :param report: the error that FATE reported, if any.
    :param log_tail: last lines of the task's error log, if any.
    """

    name: str
    role: str
    party_id: str
    status: str
    report: str = ""
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What is known about the bad end of a job.

    :param job_id: the job.
    :param state: its end state, in FATE-Flow's word.
    :param table: status and duration of every task per party, as text.
    :param failed: tasks that did not succeed, the first failure first.
    :param schedule_errors: last lines of the scheduler's error log.
    :param side: which side failed, and whether this is known, inferred or unknown.
    """

    job_id: str
    state: str
    table: str
    failed: tuple[FailedTask, ...]
    schedule_errors: tuple[str, ...]
    side: str

    @property
    def summary(self) -> str:
        """One paragraph for the exception."""
        if not self.failed:
            reason = self.schedule_errors[-1] if self.schedule_errors else "no task has failed on this site"
            return f"Job {self.job_id} ended {self.state}: {reason}. {self.side}"
        first = self.failed[0]
        reason = _last_line(first.report) or _last_line("\n".join(first.log_tail)) or "no reason was reported"
        return (
            f"Job {self.job_id} ended {self.state}: task {first.name} {first.status} on {first.role} "
            f"{first.party_id}: {reason} {self.side}"
        )

    def lines(self) -> Iterable[str]:
        """The whole of it, for the task log."""
        yield f"Job {self.job_id} ended {self.state}"
        yield from self.table.splitlines()
        for task in self.failed:
            yield f"{task.name} on {task.role} {task.party_id}: {task.status}"
            yield from (f"    {line}" for line in task.report[-REPORT:].splitlines())
            if task.log_tail:
                yield "  last lines of its error log:"
                yield from (f"    {line}" for line in task.log_tail)
        if self.schedule_errors:
            yield "Last lines of the scheduler's error log:"
            yield from (f"    {line}" for line in self.schedule_errors)
        yield self.side


def diagnose(flow: FlowClient, ref: JobRef, state: str) -> Diagnosis:
    """Collect what the site knows about a job that did not succeed; never raises because of a missing piece.

    :param flow: client of the site.
    :param ref: the job.
    :param state: its end state, in FATE-Flow's word.
    """
    tasks = _tasks(flow, ref.job_id)
    failed = [t for t in tasks if _word(t.party_status) in _BAD]
    # A party that did its own part reads failed only because of another one: told when there is nothing else to tell.
    failed = failed or [t for t in tasks if _word(t.status) in _BAD]
    # The one that failed first, and before it those that failed by themselves: the others were only stopped.
    failed.sort(
        key=lambda t: (
            _word(t.party_status) != "failed" or not t.error_report,
            t.end_time.timestamp() if t.end_time else float("inf"),
        )
    )
    return Diagnosis(
        job_id=ref.job_id,
        state=state,
        table=_table(tasks),
        failed=tuple(
            FailedTask(
                name=t.task_name,
                role=t.role,
                party_id=t.party_id,
                status=_word(t.party_status if _word(t.party_status) in _BAD else t.status),
                report=(t.error_report or "").strip(),
                log_tail=_tail(flow, "task_error", t.job_id, t.role, t.party_id, t.task_name),
            )
            for t in failed
        ),
        schedule_errors=_tail(flow, "schedule_error", ref.job_id, ref.role, ref.party_id),
        side=_side(tasks, failed, ref),
    )


def _word(status: object) -> str:
    return str(getattr(status, "value", status) or "")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip(" ]\t")]
    return lines[-1] if lines else ""


def _tasks(flow: FlowClient, job_id: str) -> Sequence[TaskRecord]:
    try:
        return flow.task.query(job_id=job_id)
    except FateError:
        return ()


def _tail(
    flow: FlowClient, log_type: LogType, job_id: str, role: str, party_id: str, task_name: str | None = None
) -> tuple[str, ...]:
    try:
        count = flow.log.count(log_type, job_id, role, party_id, task_name=task_name)
        if not count:
            return ()
        lines = flow.log.query(
            log_type, job_id, role, party_id, task_name=task_name, begin=max(1, count - TAIL + 1), end=count
        )
    except FateError:
        return ()
    return tuple(line.content.rstrip() for line in lines if line.content.strip())


def _table(tasks: Sequence[TaskRecord]) -> str:
    rows = [("task", "party", "status", "seconds")]
    for t in in_order(tasks):
        took = f"{t.elapsed / 1000:.1f}" if t.elapsed else "-"
        rows.append((t.task_name, f"{t.role} {t.party_id}", _word(t.party_status) or _word(t.status), took))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _side(tasks: Sequence[TaskRecord], failed: Sequence[TaskRecord], ref: JobRef) -> str:
    """Which side failed. A real site has only its own rows; a standalone one has everybody's."""
    by_itself = [t for t in failed if _word(t.party_status) == "failed" and t.error_report]
    if by_itself:
        first = by_itself[0]
        return f"Failing side: {first.role} {first.party_id} (known: it reported the error)."
    if len({(t.role, t.party_id) for t in tasks}) > 1:
        return "Failing side: unknown (no party reported an error; see the scheduler's log)."
    if failed:
        return (
            f"Failing side: probably a partner (inferred: {ref.role} {ref.party_id} reported no error of its own). "
            f"Ask the partners for the log of job {ref.job_id}."
        )
    return "Failing side: unknown (this site has no failed task)."

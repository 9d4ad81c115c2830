"""Why a job ended badly: what this site knows, what follows from it, and whom to ask for the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.clients.fate_flow.grpc_words import without_grpc
from airflow_provider_fate.clients.fate_flow.partner_words import of_partners
from airflow_provider_fate.jobs.reasons import KILLED, Reason, known_reason
from airflow_provider_fate.site.creation import who_did_not_agree
from airflow_provider_fate.site.evidence import Evidence
from airflow_provider_fate.site.progress import in_order
from airflow_provider_fate.site.records import own_record
from airflow_provider_fate.site.schedule_log import Culprit, first_failure, process_gone, who_stopped
from airflow_provider_fate.text import columns

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TaskRecord
    from airflow_provider_fate.site.ref import JobRef

REPORT = 2000
"""Longest part of an error report that is shown, in characters; its end says what went wrong."""
_BAD = ("failed", "canceled", "timeout")
UNKNOWN_HINT = (
    "The error above is the party's own. Where it names a parameter, a column or a value, correct the job or the "
    "table; otherwise read the whole log of the task (airflow fate logs)."
)
"""For errors that are not among the known reasons."""


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
    :param side: which side failed, or stopped the job, and whether this is known, inferred or unknown.
    :param reason: name of the reason where it is a known one, such as ``missing_table``.
    :param hint: what to do next.
    :param ask: whom to ask for what this site cannot see; empty where it sees all.
    """

    job_id: str
    state: str
    table: str
    failed: tuple[FailedTask, ...]
    schedule_errors: tuple[str, ...]
    side: str
    reason: str = ""
    hint: str = ""
    ask: str = ""
    elsewhere: Culprit | None = None
    """The task that failed at a party whose tasks this site does not see, if that is what ended the job."""
    elsewhere_reads: bool = False
    """Whether that task is a reader: most likely its table is missing there."""
    not_created: str = ""
    """Who did not take the job, and why, if it was not created on all parties."""

    @property
    def summary(self) -> str:
        """One paragraph for the exception."""
        if self.not_created:
            return f"Job {self.job_id} was not created on all parties: {self.not_created}."
        if self.state == "canceled" and not any(task.report for task in self.failed):
            return f"Job {self.job_id} ended {self.state}. {self.side}"
        if self.elsewhere is not None:
            there = f"{self.elsewhere.role} {self.elsewhere.party_id}"
            return f"Job {self.job_id} ended {self.state}: task {self.elsewhere.task} failed on {there}. {self.side}"
        if not self.failed:
            said = _last_words(self.schedule_errors) or "no task has failed on this site"
            return f"Job {self.job_id} ended {self.state}: {said}. {self.side}"
        first = self.failed[0]
        said = _last_line(first.report) or _last_line("\n".join(first.log_tail)) or "no reason was reported here."
        return (
            f"Job {self.job_id} ended {self.state}: task {first.name} {first.status} on {first.role} "
            f"{first.party_id}: {said} {self.side}"
        )

    @property
    def next_step(self) -> str:
        """What to do, and whom to ask."""
        return " ".join(part for part in (self.hint, self.ask) if part)

    def lines(self) -> Iterable[str]:
        """The whole of it, for the task log."""
        yield f"Job {self.job_id} ended {self.state}"
        yield from self.table.splitlines()
        shown: dict[str, str] = {}
        for task in self.failed:
            party = f"{task.role} {task.party_id}"
            yield f"{task.name} on {party}: {task.status}"
            said = _last_line(task.report)
            if said and said in shown:
                yield f"    as on {shown[said]}: {said}"
                continue
            shown[said] = party
            yield from (f"    {line}" for line in without_grpc(task.report)[-REPORT:].splitlines())
            if task.log_tail and _last_line("\n".join(task.log_tail)) not in task.report:
                yield "  last lines of its error log:"
                yield from (f"    {line}" for line in _readable(task.log_tail))
        if self.schedule_errors:
            yield "Last lines of the scheduler's error log:"
            yield from (f"    {line}" for line in _readable(self.schedule_errors))
        if self.not_created:
            yield f"It was not created on all parties: {self.not_created}."
        yield self.side
        if self.next_step:
            yield f"What to do: {self.next_step}"


def diagnose(flow: FlowClient, ref: JobRef, state: str) -> Diagnosis:
    """Collect what the site knows about a job that did not succeed; never raises because of a missing piece.

    :param flow: client of the site.
    :param ref: the job.
    :param state: its end state, in FATE-Flow's word.
    """
    evidence = Evidence(flow, ref)
    records, tasks = evidence.records(), evidence.tasks()
    failed = tuple(_failed(task, evidence) for task in _bad_tasks(tasks))
    schedule_errors = evidence.schedule_errors()
    refusals = who_did_not_agree(schedule_errors)
    side, culprit = _side(records, tasks, failed, ref, state, evidence)
    if refusals:
        names = " and ".join(f"{role} {party_id}" for role, party_id in refusals)
        side = f"Failing side: {names} (known: the scheduler's log has the answer)."
    own = culprit is not None and (culprit.role, culprit.party_id) in {(t.role, t.party_id) for t in tasks}
    reason = _reason(failed, schedule_errors, state, sees_all=_sees_all(tasks) or own)
    elsewhere = _elsewhere(tasks, failed, culprit)
    if elsewhere is not None:
        # This site's own rows read failed only because of that party: nothing has failed here.
        failed = tuple(task for task in failed if task.report or task.log_tail)
    return Diagnosis(
        job_id=ref.job_id,
        state=state,
        table=task_table(tasks, own_record(records, ref.role, ref.party_id).dag if records else {}),
        failed=failed,
        # Of a job that was not created it holds what is said here in words, in a traceback.
        schedule_errors=() if refusals else schedule_errors,
        side=side,
        reason=reason.name if reason else "",
        hint=reason.hint if reason else UNKNOWN_HINT if any(task.report for task in failed) else "",
        ask=_whom_to_ask(records, failed, culprit, ref, refusals),
        elsewhere=elsewhere,
        elsewhere_reads=elsewhere is not None and _component(records, elsewhere.task) == "reader",
        not_created=of_partners(refusals),
    )


def _component(records: Sequence[JobRecord], task: str) -> str:
    """The component that a task of the job runs; empty where that is not known."""
    tasks = records[0].dag.get("dag", {}).get("tasks", {}) if records else {}
    return str(tasks.get(task, {}).get("component_ref", ""))


def _elsewhere(tasks: Sequence[TaskRecord], failed: Sequence[FailedTask], culprit: Culprit | None) -> Culprit | None:
    """The culprit, if it is at a party whose tasks this site does not see, and no error was reported here."""
    if culprit is None or any(task.report for task in failed):
        return None
    return None if (culprit.role, culprit.party_id) in {(t.role, t.party_id) for t in tasks} else culprit


def stopped_by(tasks: Sequence[TaskRecord], ref: JobRef, schedule_log: Sequence[str] = ()) -> str:
    """Which side has stopped a job, as the traces that FATE-Flow leaves tell; in words.

    :param schedule_log: the scheduler's log, as far as this site has it.
    """
    if known := who_stopped(schedule_log):
        return known
    own = [task for task in tasks if (task.role, task.party_id) == (ref.role, ref.party_id)]
    if any((_word(t.status), _word(t.party_status)) == ("canceled", "failed") for t in own):
        return "A partner stopped it (inferred: this site's tasks were failed, and only then canceled)."
    if not any(_word(t.party_status) == "canceled" for t in own):
        return "Who stopped it is unknown (no task of this site was stopped)."
    return "It was stopped on this site, by somebody or by another task (inferred: its tasks were canceled here first)."


def _bad_tasks(tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
    bad = [t for t in tasks if _word(t.party_status) in _BAD]
    # A party that did its own part reads failed only because of another one: told when there is nothing else to tell.
    bad = bad or [t for t in tasks if _word(t.status) in _BAD]
    # The one that failed first, and before it those that failed by themselves: the others were only stopped.
    return sorted(
        bad,
        key=lambda t: (
            _word(t.party_status) != "failed" or not t.error_report,
            t.end_time.timestamp() if t.end_time else float("inf"),
        ),
    )


def _failed(task: TaskRecord, evidence: Evidence) -> FailedTask:
    return FailedTask(
        name=task.task_name,
        role=task.role,
        party_id=task.party_id,
        status=_word(task.party_status if _word(task.party_status) in _BAD else task.status),
        report=(task.error_report or "").strip(),
        log_tail=evidence.task_errors(task),
    )


def _side(
    records: Sequence[JobRecord],
    tasks: Sequence[TaskRecord],
    failed: Sequence[FailedTask],
    ref: JobRef,
    state: str,
    evidence: Evidence,
) -> tuple[str, Culprit | None]:
    """Which side failed, or stopped the job. A real site has only its own rows; a standalone one has everybody's."""
    for task in failed:
        if task.status == "failed" and task.report:
            reporter = Culprit(task.name, task.role, task.party_id)
            return f"Failing side: {task.role} {task.party_id} (known: it reported the error).", reporter
    log = evidence.schedule_log()
    if state != "canceled" and (died := process_gone(log)):
        where = f"{died.role} {died.party_id}"
        return f"Failing side: {where} (known: the process of {died.task} had gone when it was to be stopped).", died
    # Elsewhere the log has only what became of this site's own tasks, which are failed because another one's were.
    if _schedules(records, tasks, ref) and (culprit := first_failure(log)):
        return (
            f"Failing side: {culprit.role} {culprit.party_id} (known: the scheduler's log says that {culprit.task} "
            "failed there first; the reason stays at that party).",
            culprit,
        )
    if state == "canceled":
        return stopped_by(tasks, ref, log), None
    if _sees_all(tasks):
        return "Failing side: unknown (no party reported an error).", None
    if failed:
        why = f"inferred: {ref.role} {ref.party_id} reported no error of its own"
        others = _unseen(records, ref)
        if len(others) == 1:
            return f"Failing side: {' '.join(others[0])} ({why}).", Culprit(failed[0].name, *others[0])
        return f"Failing side: probably a partner ({why}).", None
    return "Failing side: unknown (this site has no failed task).", None


def _schedules(records: Sequence[JobRecord], tasks: Sequence[TaskRecord], ref: JobRef) -> bool:
    """Whether this site's FATE-Flow schedules the job, so that its log tells of all parties."""
    return _sees_all(tasks) or any(record.scheduler_party_id == ref.party_id for record in records)


def _unseen(records: Sequence[JobRecord], ref: JobRef) -> list[tuple[str, str]]:
    """Parties of the job whose records this site does not have."""
    if not records:
        return []
    record = own_record(records, ref.role, ref.party_id)
    seen = {(r.role, r.party_id) for r in records}
    return [
        (group.role, party) for group in record.parties for party in group.party_id if (group.role, party) not in seen
    ]


def _reason(
    failed: Sequence[FailedTask], schedule_errors: Sequence[str], state: str, *, sees_all: bool
) -> Reason | None:
    for task in failed:
        if reason := known_reason(task.report) or known_reason("\n".join(task.log_tail)):
            return reason
    if reason := known_reason("\n".join(schedule_errors)):
        return reason
    silent = failed and not any(task.report or task.log_tail for task in failed)
    return KILLED if silent and sees_all and state == "failed" else None


def _whom_to_ask(
    records: Sequence[JobRecord],
    failed: Sequence[FailedTask],
    culprit: Culprit | None,
    ref: JobRef,
    refusals: Collection[tuple[str, str]] = (),
) -> str:
    """Whom to ask for what is not known here; nobody where the failing party's report is at hand."""
    if any(task.report for task in failed) or not records:
        return ""
    record = own_record(records, ref.role, ref.party_id)
    others = _unseen(records, ref)
    if culprit is not None and (culprit.role, culprit.party_id) in others:
        others = [(culprit.role, culprit.party_id)]
    others = [party for party in others if not refusals or party in refusals]
    if not others:
        return ""
    who = " and ".join(f"{role} {party_id}" for role, party_id in others)
    ends = " to ".join(_clock(t) for t in (record.start_time, record.end_time) if t)
    return f"Ask {who} for the log of job {ref.job_id}" + (f", {ends} UTC." if ends else ".")


def _clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _sees_all(tasks: Sequence[TaskRecord]) -> bool:
    return len({(t.role, t.party_id) for t in tasks}) > 1


def _word(status: object) -> str:
    return str(getattr(status, "value", status) or "")


def _readable(lines: Sequence[str]) -> list[str]:
    return without_grpc("\n".join(lines)).splitlines()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in without_grpc(text).splitlines() if line.strip(" ]\t")]
    return lines[-1] if lines else ""


def _last_words(lines: Sequence[str]) -> str:
    """The last line of the scheduler's log that says something, without time, thread and place."""
    words = [line.rpartition("]: ")[2].strip() for line in _readable(lines)]
    return next((word for word in reversed(words) if word and word != "NoneType: None"), "")


def task_table(tasks: Sequence[TaskRecord], dag: Mapping[str, Any]) -> str:
    """Status and duration of every task per party, in the order in which they ran, or will.

    :param dag: the job's DAG, ``{"dag": ...}``; empty where it is not known.
    """
    rows = []
    for t in in_order(tasks, dag):
        took = f"{t.elapsed / 1000:.1f}" if t.elapsed else None
        rows.append((t.task_name, f"{t.role} {t.party_id}", _word(t.party_status) or _word(t.status), took))
    return "\n".join(columns(("task", "party", "status", "seconds"), rows))

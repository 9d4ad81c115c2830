"""What the scheduler's log says about a job: which party failed first, which had no cores, who stopped it.

Only the site whose FATE-Flow schedules the job has it (usually the initiator's), and only this log names partners whose
tasks a site cannot see. Its wording was read off FATE-Flow 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_UPDATE = re.compile(
    r"update task \S+?_(?P<task>\w+) \d+ status successfully: .*'role': '(?P<role>\w+)', 'party_id': '(?P<party>\w+)'"
    r".*'(?:party_)?status': '(?P<status>\w+)'"
)
_STOP = re.compile(r"request stop job with|request stop job to|cancel job\b")
_STOP_ASKED_HERE = re.compile(r"request stop job to canceled")
"""Only where somebody asked this FATE-Flow to stop the job, whichever site schedules it."""
_STOP_ASKED = re.compile(r"request stop job with canceled")
"""Where the job is scheduled, whoever was asked."""
_GONE = re.compile(
    r"can not found task \S+?_(?P<task>\w+) (?P<role>\w+) (?P<party>\w+) with running party status process"
)
"""What each site writes into its own log when it is to end a process that it takes for a running one."""
_NO_CORES = re.compile(r"job apply resource failed on \[(?P<parties>.*?)\], rollback")
_PARTY = re.compile(r"'role': '(?P<role>\w+)', 'party_id': \['?(?P<party>\w+)")
_REMAINING = re.compile(
    r"APPLY job resource\(cores (?P<asked>\d+).*? on (?P<role>\w+) (?P<party>\w+) failed, remaining "
    r"cores: (?P<left>-?\d+)"
)


@dataclass(frozen=True)
class Culprit:
    """A task that failed on a party before anybody stopped the job."""

    task: str
    role: str
    party_id: str


def first_failure(lines: Iterable[str]) -> Culprit | None:
    """The party whose task failed by itself; ``None`` where the job was stopped first, or the log does not say."""
    for line in lines:
        if _STOP.search(line):
            return None
        update = _UPDATE.search(line)
        if update and update["status"] == "failed":
            return Culprit(update["task"], update["role"], update["party"])
    return None


def process_gone(lines: Iterable[str]) -> Culprit | None:
    """The task whose process had ended by itself when this site was to stop it; only a site's own log tells."""
    return next((Culprit(m["task"], m["role"], m["party"]) for m in map(_GONE.search, lines) if m is not None), None)


def who_stopped(lines: Iterable[str]) -> str:
    """Where somebody asked to stop the job, in words; empty where the log does not say."""
    first: re.Match[str] | None = None
    asked = False
    for line in lines:
        if _STOP_ASKED_HERE.search(line):
            return "It was stopped on this site, by somebody or by another task (known: its log has the request)."
        asked = asked or _STOP_ASKED.search(line) is not None
        update = _UPDATE.search(line)
        if update and update["status"] == "canceled" and not asked:
            first = first or update  # the asked site cancels its own tasks before it tells the scheduler
    if not asked:
        return ""
    who = f"{first['role']} {first['party']}" if first else "A partner"
    return f"{who} stopped it (known: the request came from there, the scheduler's log says)."


def without_cores(lines: Sequence[str]) -> str:
    """Which party had no cores for the job when the scheduler last asked, in words; empty where it does not say."""
    for line in reversed(lines):
        if failed := _NO_CORES.search(line):
            parties = [f"{m['role']} {m['party']}" for m in _PARTY.finditer(failed["parties"])]
            break
    else:
        return ""
    asked = {
        f"{m['role']} {m['party']}": f" (asked for {m['asked']}, {m['left']} free)"
        for m in map(_REMAINING.search, lines)
        if m is not None
    }
    return "No cores at " + ", ".join(f"{party}{asked.get(party, '')}" for party in parties) + "."

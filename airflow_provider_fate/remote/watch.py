"""What follows from a series of looks at remote work: the wait as a state machine without clock, network or Airflow.

FATE-Flow's answers are not to be taken at face value: a stopped job reads ``failed`` before it reads ``canceled``, a
rerun one keeps its old end for seconds, one that was just submitted may be unknown for a moment, and a refused question
says nothing about the job. All of this is decided here, from what was seen and when.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote.limits import Limits
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState
from airflow_provider_fate.remote.times import times

MISSING_LOOKS = 3
"""So many looks in a row must find the work unknown: it may be for a moment right after it was submitted."""
REFUSED_LOOKS = 5
"""So many refusals in a row (say, a signature that is not accepted) end the wait; an outage never does."""
PULSES = 4
"""Signs of progress are looked for so many times within the time that work may stall."""


@dataclass(frozen=True)
class Verdict:
    """The end of a wait.

    :param outcome: why it ended.
    :param snapshot: the last look.
    :param error: the refusal, where that is the reason.
    """

    outcome: Outcome
    snapshot: Snapshot
    error: FateError | None = None


class Watch:
    """Takes looks, refusals and the passing of time, and says when the wait is over.

    All times are Unix times in seconds, given by the caller, and must not go back.

    :param limits: when the wait has to end in any case.
    :param now: when it begins.
    """

    __slots__ = (
        "_alive_at", "_ended", "_missing", "_pulse", "_pulse_at", "_refused", "last", "limits", "silent_since",
    )  # fmt: skip

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.last = Snapshot(WorkState.QUEUED)
        self.silent_since: float | None = None
        """Since when the remote system cannot be asked; ``None`` while it answers."""
        self._ended: tuple[float, WorkState] | None = None
        self._missing = self._refused = 0
        self._alive_at = self._pulse_at = now
        self._pulse: str | None = None

    # -- what was seen --------------------------------------------------------------------------------------------

    def see(self, snapshot: Snapshot, now: float) -> Verdict | None:
        """The remote system has answered."""
        if self.silent_since is not None:
            self.silent_since = None
            self._alive_at = now  # nobody could see a sign of progress meanwhile
        self._refused = 0
        if (snapshot.state, snapshot.progress) != (self.last.state, self.last.progress):
            self._alive_at = now
        if snapshot.state is WorkState.MISSING:
            self._missing += 1
            if self._missing < MISSING_LOOKS:
                return self.passed(now)
            self.last = snapshot
            return Verdict(Outcome.OVER, snapshot)
        self._missing = 0
        self.last = snapshot
        if snapshot.state is WorkState.SUCCEEDED:
            return Verdict(Outcome.OVER, snapshot)
        if not snapshot.state.is_over:
            self._ended = None
            return self.passed(now)
        if self._ended is None or self._ended[1] is not snapshot.state:
            self._ended = (now, snapshot.state)
        if now - self._ended[0] >= times().settle:
            return Verdict(Outcome.OVER, snapshot)
        return None

    def miss(self, error: FateError, now: float) -> Verdict | None:
        """The remote system could not be asked, or refused."""
        if self.silent_since is None:
            self.silent_since = now
        self._refused = 0 if is_transient(error) else self._refused + 1
        if self._refused >= REFUSED_LOOKS:
            return Verdict(Outcome.REFUSED, self.last, error)
        if self._ended is not None and now - self._ended[0] >= times().unseen:
            return Verdict(Outcome.OVER, self.last)
        return self.passed(now)

    # -- signs of progress ----------------------------------------------------------------------------------------

    def wants_pulse(self, now: float) -> bool:
        """Whether it is time to look for a sign of progress that the work's own record does not show."""
        return (
            self.limits.stall_after is not None
            and self.last.state is WorkState.RUNNING
            and self.silent_since is None
            and now - self._pulse_at >= self.limits.stall_after / PULSES
        )

    def feel(self, pulse: str, now: float) -> Verdict | None:
        """Take a text that changes with each sign of progress."""
        self._pulse_at = now
        if pulse != self._pulse:
            self._pulse, self._alive_at = pulse, now
        return self.passed(now)

    @property
    def quiet_for(self) -> float:
        """Seconds between the last sign of progress and the last time that one was looked for."""
        return max(0.0, self._pulse_at - self._alive_at)

    # -- limits ---------------------------------------------------------------------------------------------------

    def passed(self, now: float) -> Verdict | None:
        """The limit that has passed, if one has; work that has ended is not subject to them."""
        if self.last.state.is_over:
            return None
        if self.limits.stall_after is not None and self.quiet_for >= self.limits.stall_after:
            return Verdict(Outcome.STALLED, self.last)
        return next((Verdict(outcome, self.last) for moment, outcome in self._moments() if now >= moment), None)

    def next_limit(self) -> float | None:
        """The next moment at which :meth:`passed` may say something new, whatever is seen until then."""
        return min((moment for moment, _ in self._moments()), default=None)

    def next_turn(self) -> float | None:
        """The next moment at which there is something to do, whatever is seen until then: a limit, or a pulse."""
        moments = [moment for moment, _ in self._moments()]
        if self.limits.stall_after is not None and self.last.state is WorkState.RUNNING and self.silent_since is None:
            moments.append(self._pulse_at + self.limits.stall_after / PULSES)
        return min(moments, default=None)

    def _moments(self) -> list[tuple[float, Outcome]]:
        moments = []
        if self.limits.deadline is not None:
            moments.append((self.limits.deadline, Outcome.DEADLINE))
        if self.limits.queue_deadline is not None and self.last.state is WorkState.QUEUED:
            moments.append((self.limits.queue_deadline, Outcome.QUEUE_LIMIT))
        return moments

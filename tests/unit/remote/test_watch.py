"""The wait as a state machine, against any series of answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.errors import FateError, FateSignatureError, FateTimeout
from airflow_provider_fate.remote.limits import Limits
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState
from airflow_provider_fate.remote.times import Times
from airflow_provider_fate.remote.watch import MISSING_LOOKS, REFUSED_LOOKS, Verdict, Watch

START = 1_000_000.0
snapshots = st.builds(Snapshot, st.sampled_from(WorkState), st.one_of(st.none(), st.integers(0, 100)))
unfinished = st.builds(Snapshot, st.sampled_from([WorkState.QUEUED, WorkState.RUNNING]), st.integers(0, 100))
outages = st.builds(FateTimeout, st.just("no answer"))
refusals = st.builds(FateSignatureError, st.just("no"))
answers = st.one_of(snapshots, outages, refusals)
pauses = st.floats(0.05, 120.0)
limits = st.builds(
    Limits,
    deadline=st.one_of(st.none(), st.floats(START, START + 2000)),
    queue_deadline=st.one_of(st.none(), st.floats(START, START + 2000)),
    stall_after=st.one_of(st.none(), st.floats(1, 500)),
)


def play(watch: Watch, series: list[tuple[Snapshot | FateError, float, str]]) -> tuple[Verdict | None, float, int]:
    """Give a watch the answers one by one until it decides; return verdict, time, and how many answers it took."""
    now = START
    for taken, (answer, pause, pulse) in enumerate(series, 1):
        now += pause
        verdict = watch.see(answer, now) if isinstance(answer, Snapshot) else watch.miss(answer, now)
        if verdict is None and watch.wants_pulse(now):
            verdict = watch.feel(pulse, now)
        if verdict is not None:
            return verdict, now, taken
    return None, now, len(series)


def series_of(answer: st.SearchStrategy[Snapshot | FateError]) -> st.SearchStrategy[list]:
    return st.lists(st.tuples(answer, pauses, st.sampled_from("abc")), max_size=40)


@given(limits, series_of(answers))
def test_a_wait_ends_as_over_only_with_an_end_that_was_seen(limit: Limits, series: list) -> None:
    verdict, _, taken = play(Watch(limit, START), series)
    if verdict is not None and verdict.outcome is Outcome.OVER:
        seen = [answer for answer, _, _ in series[:taken] if isinstance(answer, Snapshot)]
        assert verdict.snapshot.state.is_over
        assert verdict.snapshot in seen


@given(limits, series_of(answers))
def test_a_success_is_believed_at_once(limit: Limits, series: list) -> None:
    verdict, _, taken = play(Watch(limit, START), series)
    successes = [n for n, (answer, _, _) in enumerate(series, 1) if answer_is(answer, WorkState.SUCCEEDED)]
    if successes:
        assert verdict is not None
        assert taken <= successes[0]


@given(limits, series_of(answers))
def test_a_bad_end_counts_only_after_a_second_look(limit: Limits, series: list) -> None:
    verdict, now, taken = play(Watch(limit, START), series)
    if verdict is None or verdict.outcome is not Outcome.OVER:
        return
    state = verdict.snapshot.state
    if state is WorkState.MISSING:
        assert sum(answer_is(answer, state) for answer, _, _ in series[:taken]) >= MISSING_LOOKS
    elif state is not WorkState.SUCCEEDED:
        moments = times(series)
        first = next(t for (answer, _, _), t in zip(series, moments, strict=True) if answer_is(answer, state))
        assert now - first >= min(Times().settle, Times().unseen)


@given(limits, series_of(st.one_of(snapshots, outages)))
def test_an_outage_is_never_taken_for_a_refusal(limit: Limits, series: list) -> None:
    verdict, _, _ = play(Watch(limit, START), series)
    assert verdict is None or verdict.outcome is not Outcome.REFUSED


@given(series_of(st.one_of(unfinished, refusals, outages)))
def test_a_refusal_ends_the_wait_only_when_it_lasts(series: list) -> None:
    verdict, _, taken = play(Watch(Limits(), START), series)
    if verdict is not None:
        assert verdict.outcome is Outcome.REFUSED
        assert all(isinstance(answer, FateSignatureError) for answer, _, _ in series[taken - REFUSED_LOOKS : taken])


@given(series_of(st.one_of(unfinished, outages)), st.floats(0, 3000))
def test_the_deadline_holds_whatever_is_answered(series: list, after: float) -> None:
    watch = Watch(Limits(deadline=START + after), START)
    verdict, now, _ = play(watch, series)
    assert (verdict is not None) == bool(series and now >= START + after)
    if verdict is not None:
        assert verdict.outcome is Outcome.DEADLINE


@given(series_of(st.one_of(unfinished, outages)), st.floats(0, 3000))
def test_the_queue_limit_holds_only_for_what_queues(series: list, after: float) -> None:
    verdict, now, _ = play(Watch(Limits(queue_deadline=START + after), START), series)
    if verdict is not None:
        assert verdict.outcome is Outcome.QUEUE_LIMIT
        assert verdict.snapshot.state is WorkState.QUEUED
        assert now >= START + after


@given(series_of(st.one_of(unfinished, outages)), st.floats(1, 500))
def test_nothing_stalls_within_its_time(series: list, after: float) -> None:
    verdict, now, _ = play(Watch(Limits(stall_after=after), START), series)
    if verdict is not None:
        assert verdict.outcome is Outcome.STALLED
        assert verdict.snapshot.state is WorkState.RUNNING
        assert now - START >= after


@given(st.floats(1, 500), st.floats(1, 20))
def test_what_never_moves_stalls_within_one_and_a_half_times_its_time(after: float, pause: float) -> None:
    steps = int(after * 1.5 / pause) + 3
    running = Snapshot(WorkState.RUNNING, 10)
    verdict, now, _ = play(Watch(Limits(stall_after=after), START), [(running, pause, "same")] * steps)
    assert verdict is not None
    assert now - START <= after * 1.5 + 6 * pause


@given(limits, series_of(answers))
def test_the_next_limit_is_never_slept_through(limit: Limits, series: list) -> None:
    watch = Watch(limit, START)
    verdict, _, _ = play(watch, series)
    moment = watch.next_limit()
    turn = watch.next_turn()
    assert turn is None or moment is None or turn <= moment
    if verdict is None and moment is not None and not watch.last.state.is_over:
        assert watch.passed(max(moment, START)) is not None


def answer_is(answer: Snapshot | FateError, state: WorkState) -> bool:
    return isinstance(answer, Snapshot) and answer.state is state


def times(series: list) -> list[float]:
    moments, now = [], START
    for _, pause, _ in series:
        now += pause
        moments.append(now)
    return moments

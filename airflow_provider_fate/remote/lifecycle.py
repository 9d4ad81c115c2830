"""From a request to one piece of work, and to its end if need be; written once for all kinds.

The order: find what the task has begun before, choose, submit, settle an ambiguous answer, stop copies. Whoever calls
announces the reference and waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateConnectionError,
    FateCreateJobError,
    FateError,
    FateServerError,
    FateStopNotHeardError,
)
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.reuse import OnClear, Reuse
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.remote.work import Attempt, Kill, Ownership, Piece, RefT, RequestT, WorkKind

__all__ = ["Obtained", "end_work", "obtain", "stop_begun"]

T = TypeVar("T")

log = logging.getLogger(__name__)

NOTHING_REUSED = Reuse()


@dataclass(frozen=True)
class Obtained(Generic[RefT]):
    """The work of a task.

    :param seen: where it stands, if it was found; ``None``: it was submitted just now.
    """

    ref: RefT
    seen: Snapshot | None = None


async def obtain(kind: WorkKind[RefT, RequestT], attempt: Attempt, request: RequestT) -> Obtained[RefT]:
    """The work of this task: what it has begun before, or new work.

    :raises FateError: there is neither.
    """
    found = await _patiently(lambda: kind.find(attempt, request))
    kept = await _choose(kind, found, attempt.reuse)
    if kept is not None and not kept.settled:
        log.info("%s is being created: waiting for what becomes of it", kept.ref.id)
        unfinished = FateAmbiguousSubmitError(f"{kept.ref.id} was not created as a whole.", job_id=kept.ref.id)
        return Obtained(await _settle(kind, attempt, request, unfinished))
    if kept is not None:
        if kept.ref.ownership is not Ownership.OBSERVED:
            telemetry.count("attached", kind.conn_id)
            log.info("Attaching to %s (%s), which this task has submitted before", kept.ref.id, _word(kept.seen))
        return Obtained(kept.ref, kept.seen)
    attempt.go_on()
    try:
        ref = await _patiently(lambda: kind.submit(attempt, request, found))
    except FateAmbiguousSubmitError as e:
        log.warning("No answer told whether the work has begun (%s); looking for it", e.message)
        return Obtained(await _settle(kind, attempt, request, e))
    except FateCreateJobError as e:
        # One of several tries of the remote system itself has failed; another one may have come to something.
        if not kind.makes_copies or not await kind.begun(attempt, request):
            raise
        log.warning("%s There are copies of it; looking for one that lives", e.message)
        return Obtained(await _settle(kind, attempt, request, e))
    if kind.makes_copies:
        await _stop_copies(kind, attempt, request, ref)
    return Obtained(ref)


async def stop_begun(kind: WorkKind[RefT, RequestT], attempt: Attempt, request: RequestT) -> None:
    """Stop what a submit that has not come back may have begun."""
    for ref in await kind.begun(attempt, request):
        await end_work(kind, ref)


async def end_work(
    kind: WorkKind[RefT, Any], ref: RefT, *, patience: float | None = None, logger: logging.Logger | Any = log
) -> Snapshot:
    """Stop work and look at it again until it has ended: an answer to the order says little.

    It is looked at first, too: the triggerer, a worker and the API server may all want to stop it.

    :param patience: seconds within which it must have ended; ``None``: ``times().stop``.
    :raises FateError: it still goes on then, or could not be asked.
    """
    patience = times().stop if patience is None else patience
    end = time.monotonic() + patience
    pause, reason, ordered = times().stop_pause, "", False
    unheard: FateStopNotHeardError | None = None
    while True:
        try:
            seen = (await kind.look([ref]))[ref.id]
            if not seen.state.is_over or unheard is not None:
                ordered, unheard = True, await _order(kind, ref)
                seen = (await kind.look([ref]))[ref.id]
            if seen.state.is_over and unheard is None:
                if ordered:
                    telemetry.count("stopped", kind.conn_id)
                return seen
            if unheard is not None:
                logger.warning("Stopping %s: %s", ref.id, unheard.message)
            reason = reason or f"it is still {_word(seen)}"
        except FateError as e:
            reason = e.message
            logger.warning("Stopping %s: %s", ref.id, reason)
            if time.monotonic() + pause > end and not ordered:
                raise
        if time.monotonic() + pause > end:
            if unheard is not None and seen.state.is_over:
                logger.error("%s is %s here, and others do not know it. %s", ref.id, _word(seen), unheard)
                return seen
            raise FateServerError(
                f"{ref.id} could not be stopped within {patience:.0f} s: {reason}",
                job_id=ref.id,
                hint="Stop it in the remote system's own interface, or ask its operators to.",
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, times().longest_pause)


async def _order(kind: WorkKind[RefT, Any], ref: RefT) -> FateStopNotHeardError | None:
    """Give the order to stop, and return who has not heard it."""
    try:
        await kind.stop(ref)
    except FateStopNotHeardError as e:
        return e
    return None


async def _choose(kind: WorkKind[RefT, Any], found: Sequence[Piece[RefT]], reuse: Reuse) -> Piece[RefT] | None:
    """The piece that is worth waiting for, if there is one; what is left over is stopped.

    What becomes of work that ended badly is for the kind's submit to say.
    """
    candidates = [piece for piece in found if piece.current]
    if reuse.on_clear is not OnClear.NEW:
        candidates = [*[piece for piece in found if not piece.current][-1:], *candidates]
    usable = [
        piece
        for piece in candidates
        if piece.fits and (piece.ref.ownership is Ownership.OBSERVED or not piece.seen.state.is_bad_end)
    ]
    kept = max(usable, key=_how_far, default=None)  # of several, the first one
    for piece in found:
        if piece is kept or piece.seen.state.is_over or kind.kill(piece.ref) is not Kill.STOPS:
            continue
        if piece.current and piece.fits and not (kept and kept.settled):
            continue  # which of them comes to something is not known yet
        what = "left from before this task was cleared" if not piece.current else "a copy"
        log.warning("Stopping %s, %s", piece.ref.id, what if piece.fits else "begun for something else")
        await _patiently(lambda ref=piece.ref: end_work(kind, ref))  # type: ignore[misc]
    return kept


def _how_far(piece: Piece[RefT]) -> tuple[bool, bool, bool]:
    """How far work has got. What lives on all sides comes before what is still being created."""
    if piece.ref.ownership is Ownership.OBSERVED:
        return (True, True, True)
    state = piece.seen.state
    return (piece.settled, state is WorkState.SUCCEEDED, state is WorkState.RUNNING)


async def _settle(kind: WorkKind[RefT, RequestT], attempt: Attempt, request: RequestT, reason: FateError) -> RefT:
    """What a submit without a clear answer has led to.

    :raises FateError: nothing, and nothing is left of it.
    """
    begin = time.monotonic()
    seen: dict[str, Piece[RefT]] = {}  # what has come to nothing may not be found any more
    while True:
        found = await _patiently(lambda: kind.find(attempt, request))
        seen |= {piece.ref.id: piece for piece in found if piece.current}
        kept = await _choose(kind, found, NOTHING_REUSED)
        if kept is not None and kept.settled:
            log.info("Found it: %s", kept.ref.id)
            return kept.ref
        patience = times().appear if kept is None else times().create
        if time.monotonic() > begin + patience:
            break
        await asyncio.sleep(times().appear_pause)
    for piece in found:
        if piece.current and not piece.seen.state.is_over:
            log.warning("Stopping %s, which was not created as a whole", piece.ref.id)
            await end_work(kind, piece.ref)
    raise await kind.nothing_came(list(seen.values()), reason) from None


async def _stop_copies(kind: WorkKind[RefT, RequestT], attempt: Attempt, request: RequestT, kept: RefT) -> None:
    for piece in await kind.find(attempt, request):
        if piece.current and piece.ref.id != kept.id and not piece.seen.state.is_over:
            log.warning("%s was created as a copy of %s: stopping it", piece.ref.id, kept.id)
            await end_work(kind, piece.ref)


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat what did not reach the remote system, with growing pauses, within ``times().reach`` seconds."""
    from tenacity import AsyncRetrying, before_sleep_log, retry_if_exception, stop_after_delay, wait_exponential

    async def again() -> T:  # tenacity awaits functions that are written as such only
        return await call()

    return await AsyncRetrying(
        retry=retry_if_exception(lambda e: isinstance(e, FateConnectionError) and not e.sent),
        wait=wait_exponential(multiplier=1, max=20),
        stop=stop_after_delay(times().reach),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )(again)


def _word(seen: Snapshot) -> str:
    return seen.detail or seen.state.value

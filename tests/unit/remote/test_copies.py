"""Which of several copies of some work is kept, and what is told where none lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateCreateJobError,
    FateError,
    FateServerError,
    FateStopNotHeardError,
)
from airflow_provider_fate.remote.identity import WorkIdentity
from airflow_provider_fate.remote.lifecycle import end_work, obtain
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.remote.work import Attempt, Piece, WorkKind, WorkRef
from tests.support.task import FakeTaskInstance

CREATING, QUEUED, RUNNING, DONE, FAILED = "creating", "queued", "running", "succeeded", "failed"


@dataclass(frozen=True)
class Ref(WorkRef):
    name: str = ""

    @property
    def id(self) -> str:
        return self.name


class Copies(WorkKind[Ref, None]):
    """Work that a server creates more than once; each look at it is the next one of a script."""

    ref_type = Ref
    makes_copies = True

    def __init__(self, *looks: Mapping[str, str], answer: FateError | None = None, deaf: int = 0) -> None:
        super().__init__("anywhere")
        self.looks = list(looks)
        self.answer = answer or FateAmbiguousSubmitError("no answer in time")
        self.stopped: list[str] = []
        self.left: Sequence[str] = ()
        self.deaf = deaf

    def _state(self, name: str, state: str) -> WorkState:
        if name in self.stopped:
            return WorkState.STOPPED
        return WorkState.QUEUED if state == CREATING else WorkState(state)

    async def find(self, attempt: Attempt, request: None) -> Sequence[Piece[Ref]]:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return [
            Piece(Ref(name=name), Snapshot(self._state(name, state)), settled=state != CREATING)
            for name, state in look.items()
        ]

    async def submit(self, attempt: Attempt, request: None, found: Sequence[Piece[Ref]]) -> Ref:
        raise self.answer

    async def look(self, refs: Sequence[Ref]) -> Mapping[str, Snapshot]:
        return {ref.id: Snapshot(self._state(ref.id, RUNNING)) for ref in refs}

    async def stop(self, ref: Ref) -> None:
        self.stopped.append(ref.id)
        if self.deaf:
            self.deaf -= 1
            raise FateStopNotHeardError("host 10000 has not heard it", parties={("host", "10000"): "down"})

    async def nothing_came(self, found: Sequence[Piece[Ref]], reason: FateError) -> FateError:
        self.left = [piece.ref.id for piece in found]
        return FateCreateJobError("host 10000 did not answer in time")


ATTEMPT = Attempt(WorkIdentity.of({"ti": FakeTaskInstance()}))  # type: ignore[typeddict-item]


@pytest.fixture(autouse=True)
def quickly() -> Iterator[None]:
    with times_replaced(appear=0.05, create=0.1, appear_pause=0.01, stop=0.2, stop_pause=0.01):
        yield


@pytest.mark.parametrize(
    ("copies", "kept"),
    [
        ({"1": FAILED, "2": QUEUED, "3": QUEUED}, "2"),
        ({"1": CREATING, "2": QUEUED}, "2"),
        ({"1": QUEUED, "2": RUNNING}, "2"),
        ({"1": RUNNING, "2": DONE, "3": RUNNING}, "2"),
        ({"1": FAILED, "2": CREATING, "3": RUNNING}, "3"),
    ],
)
async def test_the_copy_that_lives_and_got_furthest_is_kept(copies: Mapping[str, str], kept: str) -> None:
    kind = Copies({}, copies)
    obtained = await obtain(kind, ATTEMPT, None)
    assert obtained.ref.id == kept
    assert set(kind.stopped) == {name for name, state in copies.items() if state not in (FAILED, DONE)} - {kept}


async def test_while_all_are_being_created_none_is_stopped() -> None:
    kind = Copies({}, {"1": CREATING, "2": CREATING}, {"1": FAILED, "2": CREATING}, {"2": RUNNING})
    obtained = await obtain(kind, ATTEMPT, None)
    assert obtained.ref.id == "2"
    assert kind.stopped == []


async def test_where_none_comes_to_life_the_reason_is_asked_for_and_nothing_is_left() -> None:
    kind = Copies({}, {"1": CREATING, "2": CREATING}, {"2": CREATING})
    with pytest.raises(FateCreateJobError, match="did not answer in time"):
        await obtain(kind, ATTEMPT, None)
    assert kind.stopped == ["2"], "it is stopped: it might come to life later"
    assert kind.left == ["1", "2"], "those that are gone may be the ones that tell why"


async def test_work_that_an_earlier_try_is_still_creating_is_waited_for() -> None:
    kind = Copies({"1": CREATING}, {"1": CREATING}, {"1": QUEUED})
    assert (await obtain(kind, ATTEMPT, None)).ref.id == "1"


async def test_a_failed_creation_is_final_where_no_other_copy_lives() -> None:
    kind = Copies({}, {"1": FAILED}, answer=FateCreateJobError("host 10000 cannot be reached"))
    with pytest.raises(FateCreateJobError, match="cannot be reached"):
        await obtain(kind, ATTEMPT, None)
    assert kind.left == ()


async def test_a_failed_creation_is_not_final_where_another_copy_lives() -> None:
    copies = {"1": FAILED, "2": RUNNING}
    kind = Copies({}, copies, answer=FateCreateJobError("host 10000 did not answer"))
    assert (await obtain(kind, ATTEMPT, None)).ref.id == "2"


async def test_a_stop_is_repeated_until_all_have_heard_it() -> None:
    kind = Copies({}, deaf=2)
    seen = await end_work(kind, Ref(name="1"))
    assert seen.state is WorkState.STOPPED
    assert kind.stopped == ["1", "1", "1"]


async def test_a_stop_that_somebody_never_hears_is_told(caplog: pytest.LogCaptureFixture) -> None:
    kind = Copies({}, deaf=10_000)
    seen = await end_work(kind, Ref(name="1"))
    assert seen.state is WorkState.STOPPED, "the work of this site has ended all the same"
    assert "host 10000 has not heard it" in caplog.text


async def test_work_that_does_not_stop_is_an_error() -> None:
    class Stubborn(Copies):
        async def stop(self, ref: Ref) -> None:
            return

    with pytest.raises(FateServerError, match="could not be stopped"):
        await end_work(Stubborn({}), Ref(name="1"))

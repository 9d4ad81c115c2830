"""What remote work is: a reference to it, who owns it, and the class that a new kind of it consists of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from airflow_provider_fate.remote.meter import Meter
from airflow_provider_fate.remote.reuse import Reuse
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState

if TYPE_CHECKING:
    from airflow_provider_fate.errors import FateError
    from airflow_provider_fate.remote.identity import WorkIdentity
    from airflow_provider_fate.remote.report import Reporter

__all__ = [
    "Attempt",
    "Ending",
    "Explanation",
    "Kill",
    "Ownership",
    "Piece",
    "RefT",
    "RequestT",
    "WorkKind",
    "WorkRef",
    "load_kind",
]


class Ownership(StrEnum):
    """What a task has to do with a piece of work; a property of the reference, not of the kind."""

    CREATED = "created"
    """The task has started it, and a kill ends it."""
    CHANGED = "changed"
    """It was there, and the task has changed it: a live service with a new version. It outlives the task."""
    OBSERVED = "observed"
    """Somebody else's: it is only waited for."""


class Kill(StrEnum):
    """What becomes of work when the task that waits for it is killed, or gives up."""

    STOPS = "stops"
    LEAVES = "leaves"
    """It goes on: it is not the task's to end."""
    CANNOT = "cannot"
    """It goes on: the remote system has no way to cancel it."""


@dataclass(frozen=True, kw_only=True)
class WorkRef(ABC):
    """What identifies a piece of work, as it travels through triggers and events; kinds add fields that are JSON.

    :param ownership: whose it is.
    """

    ownership: Ownership = Ownership.CREATED

    @property
    @abstractmethod
    def id(self) -> str:
        """What people, and the log, call it."""

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {name: value.value if isinstance(value, StrEnum) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what :meth:`to_json` has made, by this release or another."""
        known = {f.name for f in fields(cls)}
        given = {name: value for name, value in data.items() if name in known}
        return cls(**given | {"ownership": Ownership(given.get("ownership", Ownership.CREATED))})


RefT = TypeVar("RefT", bound=WorkRef)
RequestT = TypeVar("RequestT")


@dataclass(frozen=True)
class Piece(Generic[RefT]):
    """Work that a search has found.

    :param seen: where it stands.
    :param current: whether it was begun since the task was last cleared.
    :param fits: whether it is what the task asks for now.
    :param settled: whether it is there for good; what is still being created may come to nothing.
    """

    ref: RefT
    seen: Snapshot
    current: bool = True
    fits: bool = True
    settled: bool = True


@dataclass(frozen=True)
class Attempt:
    """One try of a task to have its work done.

    :param identity: who asks.
    :param reuse: what becomes of earlier work.
    :param go_on: raises an error if the task was killed meanwhile; called before anything is changed.
    """

    identity: WorkIdentity
    reuse: Reuse = field(default_factory=Reuse)
    go_on: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Ending:
    """How a wait has ended, for those who explain it."""

    outcome: Outcome
    state: WorkState
    detail: str = ""


@dataclass(frozen=True)
class Explanation:
    """Why work has ended badly, or does not get on.

    :param error: for work that is over: what the task fails with.
    :param reason: for work that has reached a limit: why, in a sentence; empty if that is not known.
    :param lines: for the task's log, each shown as an error.
    :param notes: likewise, each shown as information.
    """

    error: FateError | None = None
    reason: str = ""
    lines: Sequence[str] = ()
    notes: Sequence[str] = ()


class WorkKind(ABC, Generic[RefT, RequestT]):
    """One kind of remote work, at one connection.

    The same class serves the worker that submits, the triggerer that waits, the API server that stops what was
    abandoned, and the command line. An instance belongs to the event loop that uses it, until :meth:`close`.

    :param conn_id: Airflow connection of the remote system.
    """

    ref_type: ClassVar[type[WorkRef]]
    """The class of its references."""
    makes_copies: ClassVar[bool] = False
    """Whether the remote system may, at a submit, create the work more than once."""
    queue_blocks: ClassVar[str] = ""
    """Why work that has waited too long is stopped, if there is more reason than the task's limit."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id
        self.meter = Meter()
        """What a look hands to other asyncio tasks goes through it, so that its cost is known."""

    # -- the five verbs -------------------------------------------------------------------------------------------

    @abstractmethod
    async def find(self, attempt: Attempt, request: RequestT) -> Sequence[Piece[RefT]]:
        """Find the work that this task has begun before, oldest first; for observed work: what it waits for.

        :raises FateError: it cannot be asked for, or what is there forbids to go on.
        """

    async def submit(self, attempt: Attempt, request: RequestT, found: Sequence[Piece[RefT]]) -> RefT:
        """Check the request and begin the work; called when nothing that was found is to be waited for.

        :param found: what :meth:`find` has found: work that ended badly may be gone on with.
        :raises FateAmbiguousSubmitError: it may have begun or not.
        """
        raise NotImplementedError(f"{type(self).__name__} only observes")

    @abstractmethod
    async def look(self, refs: Sequence[RefT]) -> Mapping[str, Snapshot]:
        """Where all of these stand, by id; one question for as many as can be.

        :raises FateError: the remote system could not be asked.
        """

    async def diagnose(self, ref: RefT, ending: Ending) -> Explanation:
        """Explain a bad end, or why the work has reached a limit."""
        return Explanation()

    async def stop(self, ref: RefT) -> None:
        """Give the order to stop; whether it has an effect is looked at by the life cycle.

        :raises FateStopNotHeardError: it is stopped here, and somebody who takes part in it was not told.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be stopped")

    # -- what a kind may say besides --------------------------------------------------------------------------------

    async def pulse(self, ref: RefT) -> str:
        """Return a text that changes with every sign of progress of running work; asked for seldom."""
        return ""

    async def result(self, ref: RefT, found: Mapping[str, Any] | None) -> Any:
        """What finished work gives back.

        :param found: what the last look has found, see :class:`Snapshot`.
        """
        return found

    async def nothing_came(self, found: Sequence[Piece[RefT]], reason: FateError) -> FateError:
        """What to tell of a submit from which nothing has come.

        :param found: what it has left behind: work that was not created as a whole.
        :param reason: why it was not known whether there is any.
        """
        return reason

    async def begun(self, attempt: Attempt, request: RequestT) -> Sequence[RefT]:
        """Unfinished work that this very attempt may have begun, where the task is killed before it has a reference."""
        found = await self.find(attempt, request)
        return [piece.ref for piece in found if piece.current and not piece.seen.state.is_over]

    def kill(self, ref: RefT) -> Kill:
        """What a kill of the waiting task means for the work."""
        return Kill.STOPS if ref.ownership is Ownership.CREATED else Kill.LEAVES

    def question(self, ref: RefT) -> Hashable:
        """What one look can answer together: all work with the same one shares a poller."""
        return (type(self), self.conn_id)

    def subject(self, ref: RefT) -> str:
        """What of it is looked at: several references to one subject are looked at together."""
        return ref.id

    together: ClassVar[bool] = True
    """Whether one question answers for all; if not, each subject is asked for at its own interval."""

    def is_idle(self, seen: Snapshot) -> bool:
        """Whether nobody has to hear of this look again and again; an end may have to be seen more than once."""
        return not seen.state.is_over

    def reporter(self, ref: RefT) -> Reporter:
        """What tells a task's log how the work gets on."""
        from airflow_provider_fate.remote.report import Reporter

        return Reporter(ref.id)

    @classmethod
    def prepare(cls) -> None:
        """Import what the verbs need, before a thread or a fork."""

    def twin(self) -> Self:
        """Another instance, for another event loop."""
        return type(self)(self.conn_id)

    async def close(self) -> None:
        """Give back what was opened; the next verb opens it anew."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- for triggers -----------------------------------------------------------------------------------------------

    @classmethod
    def path(cls) -> str:
        """Where the class is found again."""
        return f"{cls.__module__}:{cls.__qualname__}"


def load_kind(path: str) -> type[WorkKind[Any, Any]]:
    """Find the class that :meth:`WorkKind.path` has named.

    :raises LookupError: there is no such kind.
    """
    module, _, name = path.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as e:
        raise LookupError(f"There is no kind of remote work {path!r}.") from e
    if not (isinstance(kind, type) and issubclass(kind, WorkKind)):
        raise LookupError(f"{path!r} is not a kind of remote work.")
    return kind

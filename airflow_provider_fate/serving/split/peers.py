"""The guest's side of the wire: a host's service, asked in pieces that it takes, with its errors under its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from airflow_provider_fate.clients.split import AsyncSplitClient, SplitSettings
from airflow_provider_fate.clients.split.messages import (
    DirectionsQuestion,
    ModelKey,
    PartAnswer,
    SumsQuestion,
)
from airflow_provider_fate.errors import (
    FateConnectionError,
    FateError,
    FateOtherModelError,
    FatePartDown,
    FateRowNotFound,
    FateServerError,
)

__all__ = ["HostPeer"]


class HostPeer:
    """A host's service.

    :param party_id: of the host.
    :param settings: where it is.
    :param model: the model that has to be served there.
    """

    def __init__(self, party_id: str, settings: SplitSettings, model: ModelKey) -> None:
        self.who = f"host {party_id}"
        self._party_id = party_id
        self._model = model
        self._client = AsyncSplitClient(settings)
        self._facts: PartAnswer | None = None

    async def look(self) -> PartAnswer:
        """Ask what it serves.

        :raises FatePartDown: it does not answer.
        :raises FateOtherModelError: it serves another model.
        :raises FateError: it refuses.
        """
        with self._named():
            facts = await self._client.ask.part()
        self._require_same(facts.model)
        if facts.party_id != self._party_id:
            raise FateOtherModelError(
                f"At the address of {self.who} answers party {facts.party_id}.",
                hint="Correct the connections of the hosts.",
                party=self.who,
            )
        self._facts = facts
        return facts

    async def sums(self, ids: Sequence[str], classes: int) -> list[list[float]]:
        """Partial sums of rows, each id once."""
        found: list[list[float]] = []
        for begin, some in await self._pieces(ids):
            with self._named(begin):
                answer = await self._client.ask.sums(SumsQuestion(model=self._model, ids=some))
            self._require_same(answer.model)
            if len(answer.sums) != len(some) or any(len(row) != classes for row in answer.sums):
                raise self._nonsense(f"{len(some)} rows and {classes} numbers for each")
            found += answer.sums
        return found

    async def directions(
        self, ids: Sequence[str], rows: Sequence[int], trees: Sequence[int], nodes: Sequence[int]
    ) -> list[int]:
        """For each question 1, where the row goes to the left.

        :param rows: positions of ids, in ascending order.
        """
        found: list[int] = []
        at = 0
        for begin, some in await self._pieces(ids):
            end = at
            while end < len(rows) and rows[end] < begin + len(some):
                end += 1
            question = DirectionsQuestion(
                model=self._model,
                ids=some,
                rows=[row - begin for row in rows[at:end]],
                trees=list(trees[at:end]),
                nodes=list(nodes[at:end]),
            )
            with self._named(begin):
                answer = await self._client.ask.directions(question)
            self._require_same(answer.model)
            if len(answer.left) != end - at:
                raise self._nonsense(f"{end - at} directions")
            found += answer.left
            at = end
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _pieces(self, ids: Sequence[str]) -> list[tuple[int, list[str]]]:
        facts = self._facts or await self.look()
        step = facts.rows_per_request
        return [(begin, list(ids[begin : begin + step])) for begin in range(0, len(ids), step)]

    def _require_same(self, model: ModelKey) -> None:
        if model != self._model:
            self._facts = None
            raise FateOtherModelError(
                f"{self.who} serves {model}, and the guest {self._model}.",
                hint="All parties have to serve parts of one job's model.",
                party=self.who,
            )

    @contextmanager
    def _named(self, begin: int = 0) -> Iterator[None]:
        """Say whose error it is, and where in all ids."""
        try:
            yield
        except FateConnectionError as error:
            self._facts = None
            raise FatePartDown(
                f"{self.who} does not answer: {error.message}", hint=error.hint, party=self.who
            ) from None
        except FateError as error:
            self._facts = None
            error.party = self.who
            if isinstance(error, FateRowNotFound):
                error.positions = [begin + position for position in error.positions]
            raise

    def _nonsense(self, wanted: str) -> FateServerError:
        return FateServerError(
            f"{self.who} has not answered with {wanted}.", hint="Are both services of the same release?", party=self.who
        )

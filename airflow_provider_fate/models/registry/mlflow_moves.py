"""Who moves an alias in MLflow: decided by a parameter of a run, which MLflow writes once and never changes.

MLflow points an alias wherever it was told last, and has no compare-and-set for that. It does have one for parameters
of runs: of two different values for one name the server refuses the second. So each move is first written as a
parameter, ``fate.alias.champion.00000003``, of one run that all agree on: that of the model's first version. Who has
written it has won, and then points the alias. A parameter with ``.done`` behind says that this was done: whoever finds
it missing finishes the move of a task that was killed between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import ValidationError

from airflow_provider_fate.clients.mlflow import MlflowClient, Run
from airflow_provider_fate.errors import FateInvalidParameterError, FateModelNotFound, FateServerError
from airflow_provider_fate.models.registry.records import AliasMove

__all__ = ["MlflowMoves", "moved_outside"]

_DONE, _VOID = "done", "void"
_LONGEST_REASON = 1000


class _WrittenMove(AliasMove):
    """A move as it is written.

    :param writer: something random, so that two who write the same are told apart.
    """

    writer: str


class MlflowMoves:
    """The moves of one alias.

    :param book: finds the run that has them.
    """

    def __init__(self, client: MlflowClient, name: str, alias: str, book: Callable[[], Run]) -> None:
        self._client = client
        self._name, self._alias = name, alias
        self._find_book = book
        self._run_id: str | None = None

    def read(self) -> tuple[Run, int, AliasMove | None]:
        """The run, the number of the newest move, and the newest move that has, or will have, come to be."""
        run = self._book()
        numbers = self._numbers(run.params)
        real = [number for number in numbers if run.params.get(self._done(number)) != _VOID]
        return run, numbers[-1] if numbers else 0, self._move(run, real[-1]) if real else None

    def all(self) -> list[AliasMove]:
        """All moves for which the alias was pointed, oldest first."""
        run = self._book()
        return [self._move(run, n) for n in self._numbers(run.params) if run.params.get(self._done(n)) == _DONE]

    def settle(self) -> tuple[Run, int, AliasMove | None]:
        """As :meth:`read`, after a move was finished that somebody has begun."""
        run, number, newest = self.read()
        if newest is None or self._done(number) in run.params:
            return run, number, newest
        self._point(run, number, newest)
        return self.read()

    def write(self, run: Run, number: int, move: AliasMove, writer: str) -> bool:
        """Make a move, and point the alias.

        :param writer: something random, which this caller alone has.
        :returns: ``False``: somebody else has made the move of this number.
        :raises FateModelNotFound: the version was deleted in this moment.
        """
        written = _WrittenMove(**move.model_dump() | {"reason": move.reason[:_LONGEST_REASON], "writer": writer})
        try:
            self._client.runs.log_param(run.run_id, self._key(number), written.model_dump_json())
        except FateInvalidParameterError:
            now = self._client.runs.get(run.run_id)
            if now is None or self._key(number) not in now.params:
                raise  # it was refused for another reason
            return False
        if not self._point(run, number, move) and move.version is not None:
            raise FateModelNotFound(
                f"Version {move.version} of {self._name!r} was deleted while {self._alias!r} was pointed at it.",
                hint="The alias points where it did before. Choose another version.",
            )
        return True

    def _book(self) -> Run:
        run = self._client.runs.get(self._run_id) if self._run_id is not None else None
        if run is None or run.lifecycle_stage != "active":
            run = self._find_book()
        self._run_id = run.run_id
        return run

    def _point(self, run: Run, number: int, move: AliasMove) -> bool:
        """Point the alias at the version of a move, and note it as done; return whether the version is there."""
        is_there = True
        if move.version is None:
            self._client.models.delete_alias(self._name, self._alias)
        else:
            is_there = self._client.models.set_alias(self._name, self._alias, move.version)
        with suppress(FateInvalidParameterError):  # who has finished it as well saw the version there or gone
            # The version may have been deleted in between, which must not stop all further moves.
            self._client.runs.log_param(run.run_id, self._done(number), _DONE if is_there else _VOID)
        # Somebody may have found this move unfinished, have finished it, and have made the next one: that counts.
        run, newest, after = self.read()
        if newest > number and after is not None and self._done(newest) in run.params:
            model = self._client.models.get(self._name)
            if model is not None and model.aliases.get(self._alias) == move.version != after.version:
                self._point(run, newest, after)
        return is_there

    def _move(self, run: Run, number: int) -> AliasMove:
        try:
            written = _WrittenMove.model_validate_json(run.params[self._key(number)])
        except ValidationError as error:
            first = error.errors()[0]
            raise FateServerError(
                f"The parameter {self._key(number)} of MLflow's run {run.run_id} is damaged "
                f"({'.'.join(map(str, first['loc']))}: {first['msg']}).",
                hint="It is a move of an alias. MLflow cuts values that are longer than its database takes.",
            ) from None
        return AliasMove.model_validate(written.model_dump(exclude={"writer"}))

    def _numbers(self, params: Mapping[str, str]) -> list[int]:
        prefix = self._key(0)[:-8]
        found = (key.removeprefix(prefix) for key in params if key.startswith(prefix))
        return sorted(int(number) for number in found if number.isdecimal())

    def _key(self, number: int) -> str:
        return f"fate.alias.{self._alias}.{number:08}"

    def _done(self, number: int) -> str:
        return f"{self._key(number)}.{_DONE}"


def moved_outside(name: str, alias: str, version: int | None, before: AliasMove | None) -> AliasMove:
    """Return the move of somebody who has not used this package, of which MLflow tells neither who nor when."""
    return AliasMove(
        name=name,
        alias=alias,
        version=version,
        previous=before.version if before else None,
        moved=datetime.now(tz=UTC),
        reason="moved in MLflow itself",
    )

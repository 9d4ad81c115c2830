"""The file ``federation.yaml``: one contract that both sides keep in git, and that their DAGs and checks read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self, TypeVar, overload

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator

from airflow_provider_fate.data.contract import Contract
from airflow_provider_fate.data.given import Ids
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateFederationError, FateInputError
from airflow_provider_fate.federation.agreement import Agreement
from airflow_provider_fate.federation.breaches import breaches
from airflow_provider_fate.federation.checks import contradictions
from airflow_provider_fate.federation.names import as_day
from airflow_provider_fate.federation.reading import Lines, line_of, read_yaml
from airflow_provider_fate.federation.recipes import recipe_of
from airflow_provider_fate.federation.table_check import TableFacts, table_differences
from airflow_provider_fate.federation.wording import problems_of
from airflow_provider_fate.jobs.catalogue import known_components
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes import Recipe

__all__ = ["Federation", "FederationGrant"]

RecipeT = TypeVar("RecipeT", bound=Recipe)


@dataclass(frozen=True)
class FederationGrant:
    """What a partner has to be granted at a site, so that its jobs are not refused.

    :param partner: party id of the partner.
    :param tables: tables that its jobs may read.
    :param components: components that its jobs may run. Those of FATE-Flow itself, which are always allowed, are left
        out.
    """

    partner: str
    tables: tuple[TableName, ...]
    components: tuple[str, ...]


class Federation(Agreement):
    """What the sides of a federation have agreed upon.

    :param federation: its name.
    :param parties: the sides by a short name: ids, roles, whom to ask.
    :param tables: the tables by a short name: whose they are, how they are called, what they must look like.
    :param components: the components of FATE that jobs may run.
    :param ids: how match ids are made alike, and where each side keeps the salt.
    :param timezone: of all times in the file, such as ``Europe/Berlin``; UTC by default.
    :param windows: when the hosts publish, and when the guest may run; at any time by default.
    :param maintenance: times in which no job may run.
    :param jobs: the jobs by a short name: a recipe, its tables and parameters.
    :raises FateFederationError: something cannot be; lists all that is wrong.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _say_what_is_wrong(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = handler(data)
        except ValidationError as error:
            raise _error(problems_of(error, cls)) from None
        if found := list(contradictions(made)):
            raise _error(found)
        return made

    # -- reading -----------------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file.

        :param path: where it is; beside a DAG file: ``Path(__file__).with_name("federation.yaml")``.
        :raises FateInputError: it is not there.
        :raises FateFederationError: something in it cannot be; names line, field, value and the way out.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise FateInputError(
                f"federation {str(path)!r} cannot be read: {error.strerror}.",
                hint="Give its path: Path(__file__).with_name('federation.yaml') is the one beside a DAG file.",
            ) from None
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str = "federation.yaml") -> Self:
        """Read text.

        :param text: YAML.
        :param name: what to call it in messages, its path for example.
        :raises FateFederationError: something in it cannot be; names line, field, value and the way out.
        """
        given, lines = read_yaml(text, name)
        try:
            return cls.model_validate(given)
        except FateFederationError as error:
            problems = [one for one in error.problems if isinstance(one, Problem)]
            raise _error(problems, name, lines) from None

    # -- tables ------------------------------------------------------------------------------------------------------

    def table(self, key: str, day: date | str | None = None) -> str:
        """The name of a table, ``namespace.name``.

        :param key: short name of the table.
        :param day: date of its data; ``None``: the name with the template that Airflow renders to the day of the run.
        :raises FateInputError: there is no such table, or it is no day.
        """
        name = self.table_of(key).dated_name
        return name.template if day is None else str(name.on(as_day(day)))

    def contract(self, key: str) -> Contract:
        """What a table must look like.

        :param key: short name of the table.
        """
        return self.table_of(key).contract()

    def id_rule(self, who: str) -> Ids:
        """How a party makes its match ids, for ``FateUploadOperator(ids=...)``.

        :param who: short name or id of the party.
        """
        return self.ids.rule(self.party_key(who))

    def check_table(self, key: str, facts: TableFacts) -> list[Problem]:
        """Compare a table with what is agreed.

        :param key: short name of the table.
        :param facts: what its site knows of it.
        """
        return list(table_differences(self.table_of(key), facts))

    # -- jobs --------------------------------------------------------------------------------------------------------

    @overload
    def job(self, key: str, kind: type[RecipeT], *, day: date | str | None = None, **parameters: Any) -> RecipeT: ...
    @overload
    def job(self, key: str, kind: None = None, *, day: date | str | None = None, **parameters: Any) -> Recipe: ...
    def job(
        self, key: str, kind: type[Recipe] | None = None, *, day: date | str | None = None, **parameters: Any
    ) -> Recipe:
        """A job that is agreed upon, for ``FateJobOperator(job=...)``.

        :param key: short name of the job.
        :param kind: the recipe that it has to be, ``Psi``, where one of that kind is asked for; any by default.
        :param day: date of its tables; ``None``: the day of the Airflow run, as templates.
        :param parameters: of the recipe, in place of those in the file.
        :raises FateInputError: there is no such job, or it is another recipe.
        :raises FateInvalidJobError: the recipe refuses a parameter, or it is one that is agreed upon.
        """
        recipe = recipe_of(self, self.job_of(key), None if day is None else as_day(day), parameters)
        if kind is not None and not isinstance(recipe, kind):
            raise FateInputError(
                f"job {key!r} of federation {self.federation!r} is a {type(recipe).__name__}, not a {kind.__name__}.",
                hint="Name another job, or change the file, on both sides.",
            )
        return recipe

    def problems(
        self, document: Mapping[str, object], day: date | str | None = None, now: datetime | None = None
    ) -> list[Problem]:
        """Where a job goes beyond what is agreed: parties, components, tables, windows.

        :param document: the job, ``{"dag": ...}``, as :meth:`~airflow_provider_fate.jobs.Recipe.dag` makes it.
        :param day: the date whose tables it must read; ``None``: those of any date.
        :param now: when it is to start, with its time zone; ``None``: windows are not looked at.
        """
        if now is not None and now.tzinfo is None:
            raise FateInputError(f"now={now} has no time zone.", hint="Give datetime.now(tz=UTC).")
        return breaches(self, document, None if day is None else as_day(day), now)

    def permissions(self, partner: str, day: date | str, *, by: str | None = None) -> FederationGrant:
        """What a party has to grant a partner for the tables of a date.

        :param partner: short name or id of the partner: the guest, which starts the jobs.
        :param day: date of the tables.
        :param by: short name or id of the party that grants; may be left out where only one other brings tables.
        :raises FateInputError: the partner starts no jobs, or it is not clear who grants.
        """
        key = self.party_key(partner)
        if "guest" not in self.parties[key].role:
            raise FateInputError(
                f"{key} is no guest of federation {self.federation!r}, and starts no jobs.",
                hint=f"Grants are for {', '.join(self.with_role('guest'))}.",
            )
        others = self.with_role("host")
        if by is None and len(others) > 1:
            raise FateInputError(f"{len(others)} parties bring tables.", hint=f"Say by which: {', '.join(others)}.")
        giver = self.party_key(by) if by is not None else others[0]
        if giver == key:
            raise FateInputError(f"{key} needs no grant of its own site.", hint=f"Say by which: {', '.join(others)}.")
        on = as_day(day)
        known = known_components()
        return FederationGrant(
            self.parties[key].party_id,
            tuple(table.dated_name.on(on) for table in self.tables_of(giver).values()),
            tuple(name for name in self.components if known[name].provider != "fate_flow"),
        )


def _error(
    problems: Iterable[Problem], name: str = "This federation", lines: Lines | None = None
) -> FateFederationError:
    found = list(problems)
    said = [f"{_where(one, lines)}{one}" for one in found]
    if len(found) == 1:
        return FateFederationError(f"{name} cannot be used: {said[0]}", problems=found)
    listed = "\n".join(f"  - {text}" for text in said)
    return FateFederationError(f"{name} cannot be used, for {len(found)} reasons:\n{listed}", problems=found)


def _where(problem: Problem, lines: Lines | None) -> str:
    line = line_of(lines, tuple(problem.field.split("."))) if lines else None
    return f"line {line}: " if line else ""

"""What a federation file says, part by part, and how its parts are found."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from airflow_provider_fate.data.contract import Contract
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.federation.ids import IdAgreement
from airflow_provider_fate.federation.names import DatedName
from airflow_provider_fate.federation.part import FederationPart, Key
from airflow_provider_fate.federation.windows import Calendar, Maintenance, RunWindow, Window, ZoneName
from airflow_provider_fate.jobs.problems import did_you_mean
from airflow_provider_fate.jobs.recipes.party import PartyId
from airflow_provider_fate.jobs.recipes.templates import is_template

__all__ = ["Agreement", "FederationJob", "FederationParty", "FederationTable", "FederationWindows", "JobSide"]

Role = Literal["guest", "host", "arbiter"]
_ROLES = ["guest", "host", "arbiter"]


def _alone(given: object) -> object:
    return (given,) if isinstance(given, str) else given


def _some(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    if not roles or len(set(roles)) < len(roles):
        raise ValueError("a party has at least one role, and each once")
    return roles


def _settled(party_id: str) -> str:
    if is_template(party_id):
        raise ValueError("the parties are agreed upon: write the id, not a template")
    return party_id


def _dated(text: str) -> str:
    try:
        DatedName(text)
    except FateInputError as error:
        raise ValueError(str(error).replace("\n", ". ")) from None
    return text


Roles = Annotated[
    tuple[Role, ...],
    BeforeValidator(_alone),
    AfterValidator(_some),
    WithJsonSchema(
        {"anyOf": [{"enum": _ROLES}, {"type": "array", "items": {"enum": _ROLES}, "minItems": 1, "uniqueItems": True}]}
    ),
]


class FederationParty(FederationPart):
    """One side, with its site.

    :param party_id: id of its FATE site, such as ``"9999"``.
    :param role: ``guest`` for the side that has the label and starts jobs, ``host`` for one that brings data,
        ``arbiter``; or several, ``[host, arbiter]``.
    :param name: of the organisation, for people.
    :param contact: whom to ask there.
    """

    party_id: Annotated[
        PartyId, AfterValidator(_settled), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})
    ]
    role: Roles
    name: str | None = None
    contact: str | None = None

    def __str__(self) -> str:
        return f"{self.name or 'party'} ({self.party_id})" if self.name else f"party {self.party_id}"


class FederationTable(Contract):
    """A table: a contract, whose it is, and how it is called.

    :param party: short name of the party that brings it.
    :param name: ``namespace.name`` with the date in it: ``credit.telco_{{ ds_nodash }}`` (20260131), ``{{ ds }}``
        (2026-01-31) or ``{{ ds_nodash[:6] }}`` (202601). Without a date, the table is the same on all days.
    """

    party: Key
    name: Annotated[str, AfterValidator(_dated)]

    @cached_property
    def dated_name(self) -> DatedName:
        """Its name for each day."""
        return DatedName(self.name)

    def contract(self) -> Contract:
        """What it must look like, as an upload takes it."""
        return Contract.model_construct(**{name: getattr(self, name) for name in Contract.model_fields})


class JobSide(FederationPart):
    """What one party brings to a job.

    :param table: short name of its training table.
    :param holdout_table: short name of a second table, on which the model is judged.
    """

    table: Key
    holdout_table: Key | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"table": given} if isinstance(given, str) else given


class FederationJob(FederationPart):
    """A job that is agreed upon: a recipe with its parameters, which stand beside these fields.

    :param recipe: name of the recipe, such as ``HeteroSecureBoost``.
    :param guest: short name of the guest's table, or ``{table: ..., holdout_table: ...}``; the guest's only table by
        default.
    :param hosts: the same for each host that takes part; by default all hosts with their only tables.
    :param arbiter: short name of the party that is the arbiter, where the recipe has one.
    """

    model_config = ConfigDict(extra="allow")

    recipe: str
    guest: JobSide | None = None
    hosts: tuple[JobSide, ...] | None = Field(default=None, min_length=1)
    arbiter: Key | None = None


class FederationWindows(FederationPart):
    """When who works.

    :param publish: when the hosts publish the tables of a date.
    :param run: when the guest may run jobs with them.
    """

    publish: Window | None = None
    run: RunWindow | None = None


class Agreement(FederationPart):
    """All that is agreed upon. See :class:`~airflow_provider_fate.federation.model.Federation`."""

    federation: str = Field(min_length=1)
    parties: dict[Key, FederationParty] = Field(min_length=2)
    tables: dict[Key, FederationTable] = Field(min_length=1)
    components: tuple[str, ...] = Field(min_length=1)
    ids: IdAgreement = IdAgreement()
    timezone: ZoneName = "UTC"
    windows: FederationWindows = FederationWindows()
    maintenance: tuple[Maintenance, ...] = ()
    jobs: dict[Key, FederationJob] = Field(default_factory=dict)

    @cached_property
    def calendar(self) -> Calendar:
        """The windows in the time zone of the file."""
        return Calendar(self.timezone, self.windows.publish, self.windows.run, self.maintenance)

    def party(self, who: str) -> FederationParty:
        """A party by its short name or its id.

        :raises FateInputError: there is none.
        """
        return self.parties[self.party_key(who)]

    def party_key(self, who: str) -> str:
        """The short name of a party by its short name or its id.

        :raises FateInputError: there is none.
        """
        if who in self.parties:
            return who
        for key, party in self.parties.items():
            if party.party_id == str(who):
                return key
        raise self._unknown("party", who, [*self.parties, *(party.party_id for party in self.parties.values())])

    def table_of(self, key: str) -> FederationTable:
        """A table by its short name.

        :raises FateInputError: there is none.
        """
        if key not in self.tables:
            raise self._unknown("table", key, self.tables)
        return self.tables[key]

    def job_of(self, key: str) -> FederationJob:
        """A job by its short name.

        :raises FateInputError: there is none.
        """
        if key not in self.jobs:
            raise self._unknown("job", key, self.jobs)
        return self.jobs[key]

    def tables_of(self, who: str) -> dict[str, FederationTable]:
        """The tables that a party brings, by short name."""
        key = self.party_key(who)
        return {name: table for name, table in self.tables.items() if table.party == key}

    def with_role(self, role: str) -> list[str]:
        """Short names of the parties in a role, in the order of the file."""
        return [key for key, party in self.parties.items() if role in party.role]

    def _unknown(self, what: str, name: str, known: Any) -> FateInputError:
        listed = ", ".join(known) or "none"
        return FateInputError(
            f"federation {self.federation!r} has no {what} {name!r}.",
            hint=did_you_mean(str(name), known, otherwise=f"There is {listed}."),
        )

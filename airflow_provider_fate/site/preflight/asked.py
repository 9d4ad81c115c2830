"""What somebody wants to know of a site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_fate.clients.fate_flow.names import check_id
from airflow_provider_fate.data.contract import Contract
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError

__all__ = ["Preflight", "RequiredTable"]

_TERMS = ("min_rows", "columns", "label", "match_id", "types", "contract")


@dataclass(frozen=True)
class RequiredTable:
    """A table as a job needs it.

    :param table: its name.
    :param min_rows: so many rows at least.
    :param columns: names of columns that it must have; others may be there, too.
    :param label: name of the column of labels; ``None``: not looked at.
    :param match_id: name of the column of match ids; ``None``: not looked at.
    :param types: FATE's type by column, such as ``float32``.
    :param contract: all that a contract says of it, which is more: each column, in its order.
    :param read_by: task and party that read it, where a job does; such a table need not be a dataframe.
    :param party: role and id of that party.
    """

    table: TableName
    min_rows: int = 1
    columns: tuple[str, ...] = ()
    label: str | None = None
    match_id: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    contract: Contract | None = None
    read_by: str = ""
    party: tuple[str, str] | None = None

    @classmethod
    def of(cls, name: str, terms: Mapping[str, Any] | None = None, *, min_rows: int = 1) -> RequiredTable:
        """Read what a user has written.

        :param name: ``namespace.name``.
        :param terms: any of ``min_rows``, ``columns``, ``label``, ``match_id``, ``types``, ``contract``.
        :param min_rows: where the terms name none.
        :raises FateInputError: the name, or a term, cannot be right.
        """
        given = dict(terms or {})
        if more := [term for term in given if term not in _TERMS]:
            raise FateInputError(
                f"tables: {name} has a term {more[0]!r}, which is not known.", hint=f"Known: {', '.join(_TERMS)}."
            )
        wanted = given.get("columns") or ()
        if isinstance(wanted, str) or not isinstance(given.get("types") or {}, Mapping):
            raise FateInputError(
                f"tables: columns or types of {name} are of another form.",
                hint="Write columns=['x0', 'x1'] and types={'x0': 'float32'}.",
            )
        return cls(
            TableName.parse(str(name)),
            _rows(f"min_rows of {name}", given.get("min_rows", min_rows)),
            tuple(str(column) for column in wanted),
            given.get("label"),
            given.get("match_id"),
            dict(given.get("types") or {}),
            given.get("contract"),
        )


@dataclass(frozen=True)
class Preflight:
    """What a look at a site is about.

    :param job: the job that is to be submitted, as :func:`~airflow_provider_fate.jobs.load_dag` reads it; ``None``:
        none in particular.
    :param tables: tables of this site, beside those that the job reads.
    :param partners: party ids, beside those of the job.
    :param model_job: id of the job that has trained the model that is to be used; ``None``: no model is.
    :param min_rows: so many rows at least has each table that the job reads here.
    :param max_wait: seconds that a job may have waited in the queue.
    :param contact_age: seconds since the last job with a partner that succeeded.
    :param wrong_job: why what was given as the job is none, where that is so: all else is looked at all the same.
    """

    job: Mapping[str, Any] | None = None
    tables: Sequence[RequiredTable] = ()
    partners: Sequence[str] = ()
    model_job: str | None = None
    min_rows: int = 1
    max_wait: float = 900.0
    contact_age: float = 86400.0
    wrong_job: FateInputError | None = None

    @classmethod
    def of(
        cls,
        *,
        job: Any = None,
        tables: str | Iterable[str] | Mapping[str, Any] = (),
        partners: str | Iterable[str] = (),
        model: Any = None,
        min_rows: Any = 1,
        max_wait: float = 900.0,
        contact_age: float = 86400.0,
    ) -> Preflight:
        """Read what a user has written.

        :param job: a recipe, a mapping, or YAML or JSON text of one.
        :param tables: names, or what is wanted of each by its name.
        :param model: id of the job that has trained the model, or the result of the task that ran it.
        :raises FateInputError: an argument cannot be right.
        """
        from airflow_provider_fate.site.records import job_id_in

        rows = _rows("min_rows", min_rows)
        named = [tables] if isinstance(tables, str) else tables
        terms = dict(named) if isinstance(named, Mapping) else dict.fromkeys(named)
        document, earlier, wrong = None, None, None
        if job:
            try:
                document, earlier = _read_job(job)
            except FateInputError as error:
                wrong = error
        parties = [partners] if isinstance(partners, str) else [str(party) for party in partners]
        return cls(
            document,
            [RequiredTable.of(name, given, min_rows=rows) for name, given in terms.items()],
            tuple(dict.fromkeys(check_id("partners", party) for party in parties)),
            earlier if model in (None, "") else check_id("model", job_id_in("model", model)),
            rows,
            max_wait,
            contact_age,
            wrong,
        )


def _read_job(job: Any) -> tuple[Mapping[str, Any], str | None]:
    """The document of a job, and the job that it goes on from, whose models only the site knows."""
    from airflow_provider_fate.jobs.load import load_dag, load_recipe
    from airflow_provider_fate.jobs.recipes.learning import Learning
    from airflow_provider_fate.jobs.recipes.warm_start import WarmStart

    recipe = load_recipe(job)
    if not isinstance(recipe, Learning) or not isinstance(recipe.warm_start, WarmStart):
        return load_dag(job if recipe is None else recipe), None
    alone = type(recipe).model_validate({**recipe.model_dump(), "warm_start": None})
    return alone.document(), recipe.warm_start.job_id or recipe.warm_start.model_id


def _rows(name: str, given: Any) -> int:
    try:
        found = int(given)
    except (TypeError, ValueError):
        found = -1
    if found < 0:
        raise FateInputError(f"{name}: {given!r} is not a number of rows.", hint="Write 0 or more.")
    return found

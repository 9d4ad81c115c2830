"""Who takes part in a job, and with which table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.jobs.recipes.plain import plain_errors
from airflow_provider_fate.jobs.recipes.templates import LaterOr, is_template

__all__ = ["Party", "PartyId"]

_PARTY_ID = re.compile(r"[A-Za-z0-9_]+([.\-][A-Za-z0-9_]+)*")


def _party_id(value: object) -> str:
    # YAML reads 9999 as a number, and FATE 2.x compares strings: a party "9999" is not the party 9999.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not (is_template(text) or _PARTY_ID.fullmatch(text)):
        raise ValueError("a party id is the text that the site was given, such as '9999'")
    return text


def _table(value: object) -> str:
    if isinstance(value, TableName):
        return str(value)
    if isinstance(value, Mapping) and isinstance(value.get("table"), str):  # what an upload gives back
        value = value["table"]
    if not isinstance(value, str):
        raise ValueError("a table is written 'namespace.name', such as 'credit.bank_20260101'")
    if is_template(value):
        return value
    try:
        return str(TableName.parse(value))
    except FateInputError as error:
        raise ValueError(str(error).replace("\n", ". ")) from None


PartyId = Annotated[str, BeforeValidator(_party_id), LaterOr()]
Table = Annotated[str, BeforeValidator(_table), LaterOr()]


@plain_errors
@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Party:
    """A site that takes part, and the tables that it brings.

    :param party_id: the site's party id, such as ``"9999"``. (templated)
    :param table: its training table, ``"namespace.name"``; it must exist on that site. What an upload
        gives back will do. (templated)
    :param holdout_table: a second table on which the trained model is judged; all parties have one, or none.
        (templated)
    """

    party_id: PartyId
    table: Table
    holdout_table: Annotated[Table | None, Field()] = None

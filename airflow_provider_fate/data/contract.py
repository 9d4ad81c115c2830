"""What a table must look like, in a small YAML file that both parties can keep in git."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from airflow_provider_fate.errors import FateInputError

__all__ = ["ColumnRule", "Contract", "ContractFile", "IdColumn", "LabelColumn", "Rows"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ContractFile(_Part):
    """What can be read from a file.

    :cvar begins_with: what the shortest file says, for messages.
    """

    begins_with: ClassVar[str]

    @classmethod
    def parse(cls, text: str, name: str = "the contract") -> Self:
        """Read a contract.

        :param text: YAML.
        :param name: what to call it in messages, its path for example.
        :raises FateInputError: it is no YAML, or says something that a contract cannot; names the place.
        """
        try:
            given = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise FateInputError(f"{name} is not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(given, dict):
            raise FateInputError(
                f"{name} is {type(given).__name__}, not a mapping", hint=f"Begin with {cls.begins_with!r}."
            )
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise FateInputError(f"{name} says what a contract cannot say: {cls._faults(error, 'contract')}") from None

    @classmethod
    def of_arguments(cls, given: Mapping[str, Any], task: str) -> Self:
        """What the arguments of a task say.

        :param given: those that are not left to their defaults.
        :param task: its id, for messages.
        :raises FateInputError: one of them cannot be.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise FateInputError(f"Arguments of {task} are wrong: {cls._faults(error, 'together')}") from None

    @classmethod
    def _faults(cls, error: ValidationError, whole: str) -> str:
        return "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']} ({fault['input']!r})"
            for fault in error.errors()
        )


class ColumnRule(_Part):
    """One column.

    :param name: its name in the table.
    :param source: its name in the source (``from`` in YAML), where that is another.
    :param type: ``float32``, ``float64``, ``int32``, ``int64``, or ``str``.
        Also ``bool`` for yes and no, true and false as 1 and 0, and ``date`` for days since 1970-01-01, with the
        writing behind it where it is not ISO 8601: ``date:%d.%m.%Y``.
    :param map: the number that each value stands for, ``{no: 0, yes: 1}``.
    :param min: smallest value that is allowed.
    :param max: largest value that is allowed.
    :param values: the numbers that are allowed.
    :param pattern: regular expression (RE2) that each id or text matches as a whole.
    :param max_missing: largest share of missing values, 0 to 1.
    """

    name: str
    source: str | None = Field(default=None, alias="from")
    type: str | None = None
    map: dict[bool | int | float | str, int | float] | None = Field(default=None, min_length=1)
    min: float | None = None
    max: float | None = None
    values: tuple[float, ...] | None = None
    pattern: str | None = None
    max_missing: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.map is not None and self.type in ("str", "bool"):
            raise ValueError(f"map makes numbers, and the type is {self.type}: leave one of them out")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


class IdColumn(ColumnRule):
    """The column of match ids."""


class LabelColumn(ColumnRule):
    """The column of labels; ``type`` is ``int32`` for classes (default) and ``float32`` for numbers."""


class Rows(_Part):
    """How many rows there must be.

    :param min: so many at least.
    :param max: so many at most; ``None``: any number.
    """

    min: int = Field(default=1, ge=1)
    max: int | None = Field(default=None, ge=1)


class Contract(ContractFile):
    """What a table must look like.

    :param match_id: the column by which the parties' rows are matched.
    :param label: the column of labels, at the party that has one.
    :param weight: the column of sample weights.
    :param columns: the features, all of them, in this order: partners see them by position.
    :param dtype: type of the features that name none.
    :param decimal: before the fraction of numbers that are text: ``.`` or ``,``.
    :param thousands: between groups of three digits of numbers that are text.
    :param rows: how many rows there must be.
    """

    begins_with: ClassVar[str] = "columns:"

    match_id: IdColumn = IdColumn(name="id")
    label: LabelColumn | None = None
    weight: ColumnRule | None = None
    columns: tuple[ColumnRule, ...] = Field(min_length=1)
    dtype: str = "float32"
    decimal: str | None = None
    thousands: str | None = None
    rows: Rows = Rows()

    @field_validator("columns")
    @classmethod
    def _different(cls, columns: tuple[ColumnRule, ...]) -> tuple[ColumnRule, ...]:
        names = [column.name for column in columns]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"columns named twice: {', '.join(sorted(twice))}")
        return columns

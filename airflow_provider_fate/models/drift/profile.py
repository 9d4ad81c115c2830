"""The profile of a table: how the values of each column are spread, and no row of it."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from airflow_provider_fate.errors import FateInputError

__all__ = ["MIN_COUNT", "Binning", "CategoryProfile", "ColumnProfile", "DriftProfile", "NumericProfile", "rounded"]

Binning = Literal["quantile", "equal"]
MIN_COUNT = 5
"""Counts in a profile are multiples of this one, by default."""


def rounded(count: int, base: int) -> int:
    """The nearest multiple of a base; of two the higher one."""
    return (count + base // 2) // base * base


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NumericProfile(_Part):
    """A column of numbers.

    :param label: whether it is the label of its table, which new rows need not have.
    :param count: values, that is rows where it is not missing.
    :param missing: rows without a value.
    :param min: of the ``min_count`` lowest values the highest, so that it is nobody's own; ``None`` where there are
        fewer.
    :param max: of the ``min_count`` highest values the lowest.
    :param mean: of all finite values.
    :param std: their standard deviation, that of the population.
    :param edges: where the bins end. A bin has its upper edge and not its lower one; the first and the last are open.
    :param counts: values in each bin; one more than edges.
    :param atoms: numbers of the bins that were made around one frequent value, from 0.
    """

    kind: Literal["numeric"] = "numeric"
    label: bool = False
    count: int = Field(ge=0)
    missing: int = Field(ge=0)
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    edges: tuple[float, ...]
    counts: tuple[Annotated[int, Field(ge=0)], ...]
    atoms: tuple[int, ...] = ()

    @field_validator("edges")
    @classmethod
    def _ascending(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if not all(map(isfinite, edges)) or any(low >= high for low, high in pairwise(edges)):
            raise ValueError("edges must be finite and ascend")
        return edges

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if len(self.counts) != len(self.edges) + 1 or sum(self.counts) != self.count:
            raise ValueError("there must be one more count than edges, and they must add up to count")
        if any(not 0 <= atom < len(self.counts) for atom in self.atoms):
            raise ValueError("atoms must be numbers of bins")
        return self


class CategoryProfile(_Part):
    """A column of texts, or of numbers that stand for something.

    :param label: as in :class:`NumericProfile`.
    :param count: rows where it is not missing.
    :param missing: rows without a value.
    :param categories: the most frequent values with their counts, most frequent first. A value that fewer than
        ``min_count`` rows have is not named.
    :param others: rows with another value.
    """

    kind: Literal["category"] = "category"
    label: bool = False
    count: int = Field(ge=0)
    missing: int = Field(ge=0)
    categories: dict[str, Annotated[int, Field(ge=0)]]
    others: int = Field(ge=0)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if sum(self.categories.values()) + self.others != self.count:
            raise ValueError("categories and others must add up to count")
        return self


ColumnProfile = Annotated[NumericProfile | CategoryProfile, Field(discriminator="kind")]


class DriftProfile(_Part):
    """The profile of a table, as ``profile.json`` holds it.

    :param rows: of the table.
    :param min_count: all counts of columns are rounded to multiples of it, and values that fewer rows have are not
        named. 1: nothing is rounded.
    :param binning: how the bins of its numbers were made: with about as many values each, or of equal width.
    :param columns: by name, in the order of the table.
    """

    format: Literal["airflow-provider-fate/drift-profile"] = "airflow-provider-fate/drift-profile"
    format_version: Literal[1] = 1
    rows: int = Field(ge=0)
    min_count: int = Field(ge=1)
    binning: Binning = "quantile"
    columns: dict[str, ColumnProfile]

    def to_json(self) -> str:
        """As it stands in ``profile.json``: the same profile has the same text."""
        return self.model_dump_json() + "\n"

    @classmethod
    def read(cls, text: bytes | str, name: str) -> Self:
        """Read a profile.

        :param name: where it is from, for messages.
        :raises FateInputError: it is none, or of a version that this code does not know.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first: dict[str, Any] = dict(error.errors(include_input=False, include_url=False)[0])
            where = ".".join(map(str, first["loc"])) or "it"
            raise FateInputError(
                f"{name} is no profile of a table that this version reads ({where}: {first['msg']}).",
                hint="Give the profile.json or reference.json that a FateDriftOperator has written.",
            ) from None

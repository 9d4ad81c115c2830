"""What crosses the wire between the guest's service of a split model and a host's, and nothing else does.

Guest to host: which model, ids of rows, and of trees the splits that are asked. Host to guest: partial sums or
directions, and errors by name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "LARGEST_BODY",
    "MOST_QUESTIONS",
    "MOST_ROWS",
    "DirectionsAnswer",
    "DirectionsQuestion",
    "ModelKey",
    "PartAnswer",
    "SplitProblem",
    "SplitRefusal",
    "SumsAnswer",
    "SumsQuestion",
]

LARGEST_BODY = 32 << 20
"""Bytes of a question or an answer."""
MOST_ROWS = 100_000
MOST_QUESTIONS = 1_000_000
"""Directions in one question."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FateName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}$")]
Count = Annotated[int, Field(ge=0, lt=1 << 31)]
Finite = Annotated[float, AllowInfNan(False)]


class _Message(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, protected_namespaces=(), hide_input_in_errors=True
    )


class ModelKey(_Message):
    """Which model: equal at all parties that hold parts of it.

    :param job_id: the job that has trained it.
    :param model_id: its id.
    :param model_version: its version.
    """

    job_id: FateName
    model_id: str = Field(max_length=200)
    model_version: str = Field(max_length=200)

    def __str__(self) -> str:
        return f"model {self.model_id}, version {self.model_version}, of job {self.job_id}"


class _Question(_Message):
    model: ModelKey
    ids: list[Id] = Field(min_length=1, max_length=MOST_ROWS)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.ids)) != len(self.ids):
            msg = "an id is there twice"
            raise ValueError(msg)
        return self


class SumsQuestion(_Question):
    """Ask for the partial sums of rows.

    :param model: that the guest serves.
    :param ids: of the rows.
    """


class SumsAnswer(_Message):
    """Partial sums.

    :param model: that the host serves.
    :param sums: for each row, in the order of the ids, one number for each class.
    """

    model: ModelKey
    sums: list[list[Finite]]


class DirectionsQuestion(_Question):
    """Ask where rows go at splits of the host; the three lists run side by side.

    :param rows: the position of the row's id.
    :param trees: the number of the tree.
    :param nodes: the number of the node.
    """

    rows: list[Count] = Field(min_length=1, max_length=MOST_QUESTIONS)
    trees: list[Count] = Field(max_length=MOST_QUESTIONS)
    nodes: list[Count] = Field(max_length=MOST_QUESTIONS)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not len(self.rows) == len(self.trees) == len(self.nodes):
            msg = "rows, trees and nodes are not of one length"
            raise ValueError(msg)
        if max(self.rows) >= len(self.ids):
            msg = "a question is about a row that has no id"
            raise ValueError(msg)
        return self


class DirectionsAnswer(_Message):
    """Directions.

    :param model: that the host serves.
    :param left: for each question 1 (to the left) or 0.
    """

    model: ModelKey
    left: list[Literal[0, 1]]


class PartAnswer(_Message):
    """What a host's service serves.

    :param model: the model.
    :param party_id: of the host.
    :param guest: id of the party that may ask.
    :param kind: ``linear`` or ``trees``.
    :param classes: numbers for each row of a linear part; 0 of trees.
    :param rows_per_request: rows of one question.
    :param until: when the consent ends, in ISO 8601; ``None``: not said.
    """

    model: ModelKey
    party_id: FateName
    guest: FateName
    kind: Literal["linear", "trees"]
    classes: int = Field(ge=0)
    rows_per_request: int = Field(ge=1)
    until: str | None = None


class SplitProblem(StrEnum):
    """Why a question is not answered."""

    BAD_QUESTION = "bad_question"
    UNAUTHORIZED = "unauthorized"
    NO_CONSENT = "no_consent"
    OTHER_MODEL = "other_model"
    UNKNOWN_ROW = "unknown_row"
    TOO_MANY_ROWS = "too_many_rows"
    FAILED = "failed"


class SplitRefusal(_Message):
    """The body of each answer that is an error.

    :param error: why.
    :param message: the same for people. It has no id and no value in it.
    :param positions: of an unknown row: where its id stands in the question.
    """

    error: SplitProblem
    message: str
    positions: list[int] | None = None

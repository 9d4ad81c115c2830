"""What one party serves of a split model, and under which terms: the file that the party signs off by its checksum."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from airflow_provider_fate.clients.split.messages import ModelKey
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.steps import BinNumbers, RangeScaling, StandardScaling
from airflow_provider_fate.models.manifest import FateId, ModelParty, Sha256

__all__ = [
    "LinearShare",
    "SplitColumn",
    "SplitNode",
    "SplitPart",
    "SplitTerms",
    "TreeShape",
    "TreeShare",
    "TreeSplit",
    "read_split_part",
]

FORMAT: Literal["airflow-provider-fate/split-part"] = "airflow-provider-fate/split-part"
_LARGEST = 64 << 20


def _finite(value: float) -> float:
    if not math.isfinite(value):
        msg = "is not a finite number"
        raise ValueError(msg)
    return value


Finite = Annotated[float, AfterValidator(_finite)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class SplitTerms(_Strict):
    """What a host lets the guest ask.

    :param rows_per_request: rows of one question.
    :param rows_per_minute: rows of a minute, over all questions.
    :param rows_per_day: rows of a day (UTC), also over restarts of the service.
    :param digits: decimals of partial sums; ``None``: all that there are. Directions at splits have none.
    :param until: when the consent ends; ``None``: when the service is stopped.
    """

    rows_per_request: int = Field(default=1_000, ge=1, le=100_000)
    rows_per_minute: int = Field(default=60_000, ge=1)
    rows_per_day: int = Field(default=1_000_000, ge=1)
    digits: int | None = Field(default=6, ge=0, le=15)
    until: AwareDatetime | None = None

    def ended(self) -> bool:
        """Whether the consent is over."""
        return self.until is not None and datetime.now(tz=UTC) >= self.until


class SplitColumn(_Strict):
    """A column of the party, raw, and what was done to it before the training.

    :param name: of the column.
    :param steps: in their order.
    """

    name: str = Field(min_length=1, max_length=500)
    steps: tuple[StandardScaling | RangeScaling | BinNumbers, ...] = ()


class LinearShare(_Strict):
    """A party's coefficients.

    :param link: what makes a score of the sum over all parties.
    :param columns: those that it has.
    :param weights: one row for each class.
    :param intercepts: one for each class; 0 at a host.
    """

    kind: Literal["linear"] = "linear"
    link: Literal["sigmoid", "identity"]
    columns: tuple[SplitColumn, ...]
    weights: tuple[tuple[Finite, ...], ...] = Field(min_length=1)
    intercepts: tuple[Finite, ...]

    @model_validator(mode="after")
    def _fits(self) -> LinearShare:
        if any(len(row) != len(self.columns) for row in self.weights) or len(self.intercepts) != len(self.weights):
            msg = "weights, intercepts and columns do not fit to each other"
            raise ValueError(msg)
        return self


class TreeSplit(_Strict):
    """A split of the party: to the left, where the column's value is at most this.

    :param tree: number of the tree.
    :param node: number of the node in it.
    :param column: number of the column.
    :param at: the value.
    """

    tree: int = Field(ge=0)
    node: int = Field(ge=0)
    column: int = Field(ge=0)
    at: Finite


class SplitNode(_Strict):
    """A node, as the guest knows it.

    :param node: its number.
    :param owner: who has its split, ``host_10000`` as FATE writes it; ``None``: it is a leaf.
    :param left: number of the node to the left.
    :param right: and to the right.
    :param weight: of a leaf.
    """

    node: int = Field(ge=0)
    owner: FateId | None = None
    left: int = -1
    right: int = -1
    weight: Finite = 0.0


class TreeShape(_Strict):
    """What only the guest has of trees.

    :param objective: what they were trained for.
    :param rate: what weights of leaves are multiplied with.
    :param width: scores of a row.
    :param start: what is added to the sum.
    :param trees: nodes of each.
    """

    objective: Literal["binary", "multi", "regression"]
    rate: Finite
    width: int = Field(ge=1)
    start: Finite = 0.0
    trees: tuple[tuple[SplitNode, ...], ...] = Field(min_length=1)


class TreeShare(_Strict):
    """A party's splits, and at the guest the shape of the trees.

    :param columns: those that its splits ask.
    :param splits: all of its own.
    :param shape: at the guest.
    """

    kind: Literal["trees"] = "trees"
    columns: tuple[SplitColumn, ...]
    splits: tuple[TreeSplit, ...]
    shape: TreeShape | None = None

    @model_validator(mode="after")
    def _fits(self) -> TreeShare:
        if any(split.column >= len(self.columns) for split in self.splits):
            msg = "a split asks a column that is not there"
            raise ValueError(msg)
        if len({(split.tree, split.node) for split in self.splits}) != len(self.splits):
            msg = "a split is there twice"
            raise ValueError(msg)
        return self


class SplitPart(_Strict):
    """What stands in ``split.json``.

    :param format: what kind of file this is.
    :param format_version: of this layout.
    :param role: role of the party.
    :param party_id: whose part it is.
    :param model: which model.
    :param parties: all of the job.
    :param component: what has trained it.
    :param package_sha256: checksum of the model package that it was made of.
    :param terms: what the guest may ask a host; at the guest: nobody asks it, and only ``until`` counts.
    :param share: the numbers.
    """

    format: Literal["airflow-provider-fate/split-part"] = FORMAT
    format_version: Literal[1] = 1
    role: Literal["guest", "host"]
    party_id: FateId
    model: ModelKey
    parties: tuple[ModelParty, ...]
    component: FateId
    package_sha256: Sha256
    terms: SplitTerms
    share: LinearShare | TreeShare = Field(discriminator="kind")

    @model_validator(mode="after")
    def _hangs_together(self) -> SplitPart:
        if isinstance(self.share, TreeShare) and (self.share.shape is None) != (self.role == "host"):
            msg = "the guest has the shape of the trees, and no host has"
            raise ValueError(msg)
        if len([party for party in self.parties if party.role == "guest"]) != 1:
            msg = "the job has no guest, or several"
            raise ValueError(msg)
        return self

    @property
    def who(self) -> str:
        """The party, for people: ``host 10000``."""
        return f"{self.role} {self.party_id}"

    @property
    def site_name(self) -> str:
        """The party as FATE writes it into trees: ``host_10000``."""
        return f"{self.role}_{self.party_id}"

    @property
    def guest(self) -> str:
        """Id of the guest."""
        return next(party.party_id for party in self.parties if party.role == "guest")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Ids of the hosts."""
        return tuple(party.party_id for party in self.parties if party.role == "host")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it takes."""
        return tuple(column.name for column in self.share.columns)

    @property
    def may_miss(self) -> bool:
        """Whether a value may be missing: trees send such a row to the right."""
        return self.share.kind == "trees"

    def to_bytes(self) -> bytes:
        """As it stands in the file: the same bytes for the same part and terms."""
        return (json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode()

    @property
    def sha256(self) -> str:
        """Checksum of the file: what its party signs off."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def read_split_part(path: Path, name: str | None = None) -> SplitPart:
    """Read the file.

    :param name: what it is called in messages; default: its path.
    :raises FateInputError: it is not there, is none, or was changed by hand.
    """
    what = name or str(path)
    hint = "Give the result of FateSplitPartOperator, or the split.json that it has written."
    try:
        if path.stat().st_size > _LARGEST:
            raise FateInputError(
                f"{what} has {path.stat().st_size:,} bytes: it is no part of a split model.", hint=hint
            )
        raw = path.read_bytes()
        part = SplitPart.model_validate_json(raw)
    except FileNotFoundError:
        raise FateInputError(f"{what} is not there.", hint=hint) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise FateInputError(f"{what} is no part of a split model ({place}: {first['msg']}).", hint=hint) from None
    if part.to_bytes() != raw:
        raise FateInputError(f"{what} is not as it was written.", hint="Make it again, and have it signed off again.")
    return part

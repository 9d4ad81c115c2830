"""What MLflow answers, as far as it is used here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["Experiment", "MetricPoint", "MlflowModel", "MlflowVersion", "Run", "key_of", "pairs"]

_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_\-. :/]")
_LONGEST_KEY = 250


def key_of(text: str) -> str:
    """Return a name of a metric, parameter or tag as MLflow takes it: what it does not know becomes ``_``."""
    return _NOT_IN_KEYS.sub("_", text)[:_LONGEST_KEY]


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a mapping as MLflow writes it."""
    return [{"key": key, "value": value} for key, value in values.items()]


def _mapping(given: Any) -> Any:
    """MLflow writes mappings as lists of pairs, and leaves out empty ones."""
    return {pair["key"]: pair.get("value", "") for pair in given} if isinstance(given, list) else given


Pairs = Annotated[dict[str, str], BeforeValidator(_mapping)]


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A number that was measured.

    :param step: iteration, epoch or fold; 0 where there is one number only.
    :param timestamp: milliseconds since 1970.
    """

    key: str
    value: float
    step: int = 0
    timestamp: int = 0

    def to_json(self) -> dict[str, Any]:
        """As MLflow takes it, which writes what is not a finite number as a word."""
        value: float | str = float(self.value)
        if value != value:
            value = "NaN"
        elif value in (float("inf"), float("-inf")):
            value = "Infinity" if value > 0 else "-Infinity"
        return {"key": key_of(self.key), "value": value, "step": self.step, "timestamp": self.timestamp}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Experiment(_Answer):
    """A folder of runs."""

    experiment_id: str
    name: str = ""
    lifecycle_stage: str = "active"


class Run(_Answer):
    """A run.

    :param status: ``RUNNING``, ``FINISHED``, ``FAILED`` ...
    :param artifact_uri: where its files are, such as ``mlflow-artifacts:/1/<run id>/artifacts``.
    :param metrics: the newest of each.
    """

    run_id: str
    experiment_id: str = ""
    status: str = ""
    artifact_uri: str = ""
    start_time: int = 0
    lifecycle_stage: str = "active"
    params: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Run:
        """Read what MLflow answers: ``{"info": ..., "data": ...}``."""
        data: Mapping[str, Iterable[Any]] = answer.get("data") or {}
        return cls.model_validate(
            {**answer["info"], **{name: _mapping(list(data.get(name, ()))) for name in ("params", "tags", "metrics")}}
        )


class MlflowVersion(_Answer):
    """A version of a registered model; who is not asked for one alone does not learn its aliases."""

    name: str
    version: int
    creation_timestamp: int = 0
    run_id: str = ""
    source: str = ""
    description: str = ""
    tags: Pairs = Field(default_factory=dict)


class MlflowModel(_Answer):
    """A registered model.

    :param aliases: versions by alias.
    """

    name: str
    last_updated_timestamp: int = 0
    tags: Pairs = Field(default_factory=dict)
    aliases: Annotated[
        dict[str, int],
        BeforeValidator(lambda given: {item["alias"]: int(item["version"]) for item in given or ()}),
    ] = Field(default_factory=dict)

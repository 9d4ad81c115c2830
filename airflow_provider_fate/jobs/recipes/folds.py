"""Cross validation: the training is repeated, each time with another part of the rows held out."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.recipes.plain import plain_errors
from airflow_provider_fate.jobs.recipes.templates import ReadAs, Templated

__all__ = ["CrossValidation", "Folds"]


@plain_errors
class CrossValidation(BaseModel):
    """Train on all folds but one, judge by that one, and so for each fold.

    :param n_splits: number of folds, 2 to 100.
    :param shuffle: shuffle the rows first. On, because tables are often sorted by what decides about the label.
    :param seed: fixes the shuffling.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_splits: Templated[Annotated[int, Field(ge=2, le=100)]] = 5
    shuffle: Templated[bool] = True
    seed: Templated[Annotated[int, Field(ge=0)]] = 42

    def conf(self) -> JsonObject:
        """Return it as FATE's ``cv_param``."""
        return {
            "n_splits": self.n_splits,
            "shuffle": self.shuffle,
            "random_state": self.seed if self.shuffle else None,  # scikit-learn refuses a seed without shuffling
        }


def _read(value: object) -> object:
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    return {"n_splits": value} if isinstance(value, int) and not isinstance(value, bool) else value


Folds: TypeAlias = Annotated[
    CrossValidation | int | str | None, ReadAs(Annotated[CrossValidation | None, BeforeValidator(_read)])
]
"""A cross validation, or the number of its folds."""

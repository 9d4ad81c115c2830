"""What all recipes have in common that train a model: the task that does, and the model that it goes on from."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from airflow_provider_fate.jobs.builder import StoredModel
from airflow_provider_fate.jobs.problems import Problem, invalid_job
from airflow_provider_fate.jobs.recipes.base import Recipe
from airflow_provider_fate.jobs.recipes.warm_start import WarmStart, WarmStartFrom

__all__ = ["Learning"]


class Learning(Recipe):
    """A recipe that trains a model.

    :param warm_start: go on from the model of an earlier job.
    """

    _component: ClassVar[str]
    """The component that trains."""
    _name: ClassVar[str]
    """The task that does."""

    warm_start: WarmStartFrom = Field(
        default=None, description="the result of the task that trained, a model asset, or the id of its job"
    )

    @property
    def training_component(self) -> str:
        """The component that trains, as FATE calls it."""
        return self._component

    @property
    def training_task(self) -> str:
        """The task that trains."""
        return self._name

    def _earlier(self, name: str, key: str) -> StoredModel:
        """The model of the earlier job that a task takes.

        :raises FateInvalidJobError: it is not known.
        """
        asked = self.warm_start
        assert isinstance(asked, WarmStart)
        if (found := asked.model(name, key)) is None:
            given = asked.model_dump(exclude_none=True, exclude_defaults=True)
            raise invalid_job(
                [
                    Problem(
                        "warm_start",
                        given,
                        f"it does not say where the model for {name} is; the site knows it",
                        "Run the recipe by FateJobOperator, which asks, or give model_id and model_version, too.",
                    )
                ],
                what=type(self).__name__,
            )
        return found

    def _warm_input(self) -> dict[str, StoredModel]:
        """The input of the task that trains, where it goes on from an earlier one."""
        return {} if self.warm_start is None else {"warm_start_model": self._earlier(self._name, "output_model")}

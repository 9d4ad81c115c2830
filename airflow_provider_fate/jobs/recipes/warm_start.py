"""The earlier training that a recipe goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from airflow_provider_fate.jobs.builder import StoredModel
from airflow_provider_fate.jobs.recipes.plain import plain_errors
from airflow_provider_fate.jobs.recipes.templates import LaterOr, ReadAs, is_template

__all__ = ["WarmStart", "WarmStartFrom"]

_NOTHING = ("", "None")
"""What a template renders to where there is no earlier job."""


@plain_errors
class WarmStart(BaseModel):
    """The earlier job that a training goes on from.

    :param job_id: the job.
    :param model_id: its model, as FATE keeps it; looked up at the site by default.
    :param model_version: likewise.
    :param task: the task that has trained, where the job has trained several models of this kind: ``"sbt_0"``.
    :param asset: URI of a model asset instead, whose newest event names the job.
    :param models: found at the site: by task of the new job the model of the earlier one that it takes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    job_id: Annotated[str | None, LaterOr()] = None
    model_id: Annotated[str | None, LaterOr()] = None
    model_version: Annotated[str | None, LaterOr()] = None
    task: str | None = None
    asset: str | None = None
    models: dict[str, StoredModel] = Field(default_factory=dict)

    def model(self, task: str, key: str) -> StoredModel | None:
        """The model that a task of the new job takes; ``None``: it has to be looked up at the site first.

        :param task: name of the task; the earlier job has one of the same name unless the site has said otherwise.
        :param key: output key of the model.
        """
        if task in self.models or self.model_id is None or self.model_version is None:
            return self.models.get(task)
        return StoredModel(task, key, self.model_id, self.model_version)


def _read(value: object) -> object:
    if value is None or (isinstance(value, str) and value in _NOTHING):
        return None
    if isinstance(value, str):
        value = {"job_id": value}
    elif hasattr(value, "uri"):
        value = {"asset": str(value.uri)}
    if not isinstance(value, Mapping):
        return value
    # What a training gives back, or the extra of its asset's event, says more than is needed here.
    known: dict[str, Any] = {key: value[key] for key in WarmStart.model_fields if value.get(key)}
    job_id = known.get("job_id", known.get("model_id"))
    if not known.get("asset") and not is_template(job_id) and not (isinstance(job_id, str) and job_id.isalnum()):
        raise ValueError(
            "it names no job. Give the result of the task that trained (train.output), a model asset or its event's "
            "extra, or the id of the job"
        )
    return known


WarmStartFrom: TypeAlias = Annotated[
    WarmStart | Mapping[str, Any] | str | None, ReadAs(Annotated[WarmStart | None, BeforeValidator(_read)])
]
"""A warm start, as somebody writes it: what a training gives back, a model asset, or the id of a job."""

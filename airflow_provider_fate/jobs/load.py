"""Read a job from wherever people keep it: a recipe, a mapping, text."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.document import parse, read_document
from airflow_provider_fate.jobs.recipes.base import Recipe

__all__ = ["load_dag"]


def load_dag(source: Mapping[str, object] | str | Recipe) -> JsonObject:
    """Return the job as it is posted: ``{"dag": {...}, "schema_version": "2.2.0"}``, with party ids as text.

    The values of a recipe are checked; the job as a whole is not yet (:func:`~.validate.check_dag`).

    :param source: a mapping; YAML or JSON text, also of a recipe; or a recipe.
    :raises FateInvalidJobError: it is not a job, or a recipe that cannot be made into one.
    """
    if isinstance(source, str):
        source = parse(source)
    if isinstance(source, Recipe):
        return source.document()
    if "recipe" in source:
        return Recipe.from_mapping(source).document()
    return read_document(source)

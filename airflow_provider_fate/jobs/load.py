"""Read a job from wherever people keep it: a recipe, a mapping, text."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.document import parse, read_document
from airflow_provider_fate.jobs.recipes.base import Recipe

__all__ = ["load_dag", "load_recipe"]


def load_dag(source: Mapping[str, object] | str | Recipe) -> JsonObject:
    """Return the job as it is posted: ``{"dag": {...}, "schema_version": "2.2.0"}``, with party ids as text.

    The values of a recipe are checked; the job as a whole is not yet (:func:`~.validate.check_dag`).

    :param source: a mapping; YAML or JSON text, also of a recipe; or a recipe.
    :raises FateInvalidJobError: it is not a job, or a recipe that cannot be made into one.
    """
    recipe = load_recipe(source)
    if recipe is not None:
        return recipe.document()
    assert not isinstance(source, Recipe)
    return read_document(parse(source) if isinstance(source, str) else source)


def load_recipe(source: Mapping[str, object] | str | Recipe) -> Recipe | None:
    """Return the recipe that a job is given as; ``None`` if it is given as a DAG.

    :raises FateInvalidJobError: it is not a job, or a recipe with values that cannot work.
    """
    if isinstance(source, Recipe):
        return source
    if isinstance(source, str):
        source = parse(source)
    return Recipe.from_mapping(source) if "recipe" in source else None

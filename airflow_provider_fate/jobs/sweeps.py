"""A sweep: the same recipe with other parameters, as many jobs as there are combinations of them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.errors import FateInputError, FateInvalidJobError
from airflow_provider_fate.jobs.problems import Problem, did_you_mean, invalid_job
from airflow_provider_fate.jobs.recipes.base import Recipe
from airflow_provider_fate.jobs.recipes.templates import find_templates, is_output

__all__ = ["Sweep", "Trial", "sweep"]

MARK = "trial"
"""Under this name the job of a trial says in ``conf.extra`` which one it is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One job of a sweep.

    :ivar number: from 0; also the map index of its task.
    :ivar parameters: those that are varied.
    :ivar recipe: the job.
    """

    number: int
    parameters: Mapping[str, Any]
    recipe: Recipe

    def job(self) -> dict[str, Any]:
        """The job as plain data, for ``expand(job=...)``; it says which trial it is."""
        mark = {"number": self.number, "parameters": dict(self.parameters), "label": label_of(self.parameters)}
        marked = self.recipe.model_copy(update={"extra": {**self.recipe.extra, MARK: mark}})
        return marked.serialize()


@dataclass(frozen=True, slots=True)
class Sweep:
    """The jobs of a sweep.

    :ivar trials: in their order.
    """

    trials: tuple[Trial, ...]

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """What ``FateJobOperator.partial(...).expand(job=...)`` takes."""
        return [trial.job() for trial in self.trials]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """What is varied, by trial."""
        return [dict(trial.parameters) for trial in self.trials]

    def __len__(self) -> int:
        return len(self.trials)


def label_of(parameters: Mapping[str, Any]) -> str:
    """Parameters in a line."""
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def sweep(
    recipe: Recipe,
    space: Mapping[str, Sequence[Any]],
    *,
    limit: int = 20,
    sample: int | None = None,
    seed: int = 42,
) -> Sweep:
    """Vary the parameters of a recipe.

    :param recipe: what all trials have in common.
    :param space: the values of each parameter: ``{"max_depth": [2, 3], "binning.n_bins": [5, 10]}``. With a dot: a
        parameter of a step.
    :param limit: more trials than this are refused: each is a job of all parties.
    :param sample: try so many combinations, drawn at random, instead of all.
    :param seed: fixes which ones are drawn, so that the DAG has the same trials each time it is read.
    :raises FateInvalidJobError: there is no such parameter, or some of the values cannot work; lists all of them.
    :raises FateInputError: there is nothing to vary, or there are too many trials.
    """
    _require_plain(recipe)
    _require_space(recipe, space)
    count = math.prod(len(values) for values in space.values())
    if sample is not None and sample < 1:
        raise FateInputError(f"sample={sample} is no number of trials.", hint="Write a whole number, at least 1.")
    wanted = count if sample is None else min(sample, count)
    if wanted > limit:
        raise FateInputError(
            f"the sweep has {wanted} trials, more than limit={limit}, and each is a job of all parties.",
            hint=f"Vary less, draw some of them with sample={limit}, or raise limit.",
        )
    # Drawn by number, so that a large grid is never written out.
    chosen = range(count) if wanted == count else sorted(random.Random(seed).sample(range(count), wanted))  # noqa: S311
    trials: list[Trial] = []
    problems: dict[str, Problem] = {}
    for number, position in enumerate(chosen):
        parameters = _combination(space, position)
        try:
            trials.append(Trial(number, parameters, _varied(recipe, parameters)))
        except FateInvalidJobError as error:
            for problem in error.problems:
                if isinstance(problem, Problem):
                    problems.setdefault(str(problem), problem)
    if problems:
        raise invalid_job(list(problems.values()), what=f"The sweep of {type(recipe).__name__}")
    return Sweep(tuple(trials))


def _require_plain(recipe: Recipe) -> None:
    for path, value in find_templates(recipe.model_dump()):
        if is_output(value):
            raise FateInputError(
                f"{path} of the recipe is the output of a task, which Airflow does not look for within expand.",
                hint='Name it as a template, such as \'{{ ti.xcom_pull("load")["table"] }}\', and set the order of '
                "the tasks yourself.",
            )


def _require_space(recipe: Recipe, space: Mapping[str, object]) -> None:
    if not space:
        raise FateInputError("the sweep varies nothing.", hint="Write such as {'max_depth': [2, 3]}.")
    known = [name for name in type(recipe).model_fields if name != "extra"]
    problems = []
    for name, values in space.items():
        first = name.partition(".")[0]
        if first not in known:
            fix = did_you_mean(first, known, otherwise=f"Known: {', '.join(known)}.")
            problems.append(Problem(name, None, f"{type(recipe).__name__} has no such parameter", fix))
        elif isinstance(values, str) or not isinstance(values, Sequence) or not values:
            fix = "Write a list, such as [0.1, 0.3]."
            problems.append(Problem(name, values, "there are no values to try", fix))
        elif twice := [value for place, value in enumerate(values) if value in values[:place]]:
            problems.append(Problem(name, twice[0], "the same trial would be run twice", "Write each value once."))
    if problems:
        raise invalid_job(problems, what=f"The sweep of {type(recipe).__name__}")


def _combination(space: Mapping[str, Sequence[Any]], position: int) -> dict[str, Any]:
    """Combination number so and so; the last parameter varies first."""
    found: dict[str, Any] = {}
    for name, values in reversed(list(space.items())):
        position, place = divmod(position, len(values))
        found[name] = values[place]
    return {name: found[name] for name in space}


def _varied(recipe: Recipe, parameters: Mapping[str, Any]) -> Recipe:
    dumped = recipe.model_dump()
    for path, value in parameters.items():
        place = dumped
        *above, last = path.split(".")
        for name in _steps(recipe, above):
            # A step that the recipe has not has its own defaults besides what is varied.
            place[name] = dict(place.get(name) or {})
            place = place[name]
        place[last] = value
    return type(recipe).model_validate(dumped)


def _steps(recipe: Recipe, above: Sequence[str]) -> Iterator[str]:
    for name in above:
        if name in ("guest", "hosts"):
            raise invalid_job(
                [Problem(name, None, "a party is given as a whole", f"Vary {name} itself: [Party(...), Party(...)].")],
                what=f"The sweep of {type(recipe).__name__}",
            )
        yield name

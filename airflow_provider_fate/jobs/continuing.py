"""Where a training that goes on from an earlier one finds its models, and whether FATE can go on at all.

FATE itself takes whatever model it is given: parameters that it takes from the earlier model it does not compare, and
columns of another scale or another selection it does not notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from airflow_provider_fate.jobs.builder import StoredModel
from airflow_provider_fate.jobs.catalogue import known_components
from airflow_provider_fate.jobs.document import read_document
from airflow_provider_fate.jobs.predict.derive import TrainedModel
from airflow_provider_fate.jobs.predict.training import model_output
from airflow_provider_fate.jobs.problems import Problem, invalid_job
from airflow_provider_fate.jobs.recipes.learning import Learning
from airflow_provider_fate.jobs.recipes.warm_start import WarmStart
from airflow_provider_fate.jobs.validation.job import Job, Task, mapping

__all__ = ["continue_from"]

LearningT = TypeVar("LearningT", bound=Learning)

_LINEAR = ("tol", "early_stop", "threshold", "learning_rate", "reveal_loss_freq", "floating_point_precision")
_KEPT: Mapping[str, tuple[str, ...]] = {
    "hetero_secureboost": ("objective", "num_class", "learning_rate"),
    "sshe_lr": _LINEAR,
    "sshe_linr": _LINEAR,
    "coordinated_lr": (*_LINEAR, "optimizer", "learning_rate_scheduler"),
    "coordinated_linr": (*_LINEAR, "optimizer", "learning_rate_scheduler"),
    "homo_lr": ("ovr", "label_num"),
}
"""Parameters that FATE takes from the earlier model, whatever the new job says."""
_NETWORKS = ("model_conf", "bottom_model_conf", "top_model_conf", "agglayer_arg_conf")
"""Parts of a network's ``runner_conf`` that its weights have to fit."""

_STEPS = {
    "hetero_feature_binning": ("binning", ("method", "n_bins", "transform_method")),
    "hetero_feature_selection": ("selection", ("method", "iv_param")),
    "feature_scale": ("scaling", ("method",)),
}
"""Steps whose models are applied again: the recipe's field, and the parameters that decide what they do."""


def continue_from(recipe: LearningT, earlier: Mapping[str, Any], model: TrainedModel) -> LearningT:
    """Tell a recipe where the models are that it goes on from.

    :param recipe: with a ``warm_start``.
    :param earlier: the DAG of the job that it names, as FATE-Flow gives it back.
    :param model: the model of that job.
    :returns: the recipe, complete.
    :raises FateInvalidJobError: FATE cannot go on from that job, or would do something else than the recipe says; lists
        all of it.
    """
    asked = recipe.warm_start
    assert isinstance(asked, WarmStart)
    old = Job(read_document(earlier))
    what = f"{type(recipe).__name__} from job {model.job_id}"
    trained = _trained(old, recipe.training_component, recipe.training_task, asked.task)
    if isinstance(trained, Problem):
        raise invalid_job([trained], what=what)
    plain = recipe.model_copy(update={"warm_start": None})
    new = Job(plain.document())
    problems = [*_other_parties(old, new), *_other_parameters(old, trained, new, recipe.training_task)]
    models = {recipe.training_task: _stored(trained, model)}
    for component, (field, names) in _STEPS.items():
        mine, theirs = _steps(new, component), _steps(old, component)
        found = _same_step(old, new, mine, theirs, field, names)
        if isinstance(found, Problem):
            problems.append(found)
        elif found is not None:
            models[mine[0].name] = _stored(found, model)
    if problems:
        raise invalid_job(problems, what=what)
    known = asked.model_copy(
        update={
            "job_id": model.job_id,
            "model_id": model.model_id,
            "model_version": model.model_version,
            "task": trained.name,
            "asset": None,
            "models": models,
        }
    )
    return recipe.model_copy(update={"warm_start": known})


def _trained(old: Job, component: str, usual: str, asked: str | None) -> Task | Problem:
    """The task of the earlier job whose model is taken."""
    learned = [task for task in old.tasks.values() if "warm_start_model" in _model_inputs(task)]
    found = [task for task in learned if task.component_ref == component and task.stage == "train"]
    named = next((task for task in found if task.name == (asked or usual)), None)
    if named is not None:
        return named
    if asked is None and len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(task.name for task in found)
        field, reason = ("warm_start.task", "the job has no such model") if asked else ("warm_start", "it is not clear")
        return Problem(field, asked, reason, f"Say which of its models is meant: {names}.")
    for task in learned:
        if task.component_ref == component and task.stage == "cross_validation":
            reason = f"its task {task.name} was cross validated, which leaves no model"
            return Problem("warm_start", None, reason, "Train with the parameters that were found, and give that job.")
    others = ", ".join(sorted({str(task.component_ref) for task in learned})) or "no model"
    return Problem(
        "warm_start",
        None,
        f"the job has trained {others}, and FATE goes on with {component} only from {component}",
        "Take the recipe that has trained it, or another job.",
    )


def _model_inputs(task: Task) -> Mapping[str, object]:
    return task.component.model_inputs if task.component is not None else {}


def _other_parties(old: Job, new: Job) -> Iterator[Problem]:
    """Each party has a part of the model, and nobody else can have it."""
    if set(old.parties) != set(new.parties):
        before, now = (", ".join(f"{role} {party}" for role, party in job.parties) for job in (old, new))
        reason = f"the parts of the model are at {before}, and the new job is of {now}"
        yield Problem("warm_start", None, reason, "Give guest, hosts and arbiter as they were.")


def _other_parameters(old: Job, trained: Task, new: Job, name: str) -> Iterator[Problem]:
    component = known_components()[str(trained.component_ref)]
    task = new.tasks[name]
    for party in new.parties:
        before, now = old.parameters(trained, party), new.parameters(task, party)
        kept = [key for key in _KEPT.get(component.name, ()) if key in component.parameters]
        values = {key: (_value(component.name, before, key), _value(component.name, now, key)) for key in kept}
        confs = mapping(before.get("runner_conf")), mapping(now.get("runner_conf"))
        values |= {key: (_plain(confs[0].get(key)), _plain(confs[1].get(key))) for key in _NETWORKS}
        different = {key: pair for key, pair in values.items() if pair[0] != pair[1]}
        for key, (was, wanted) in different.items():
            yield Problem(
                key,
                wanted,
                f"FATE goes on with {was!r}, as in the earlier job, whatever the new one says",
                "Write what the earlier job had, or train without warm_start.",
            )
        if different:
            return  # the same once more for the next party


def _value(component: str, given: Mapping[str, Any], key: str) -> object:
    value = given.get(key)
    return _plain(known_components()[component].parameters[key].default if value is None else value)


def _plain(value: Any) -> Any:
    """Without what says nothing: FATE-Flow writes fields that nobody has set as null, and numbers as it likes."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in sorted(value.items()) if item is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _steps(job: Job, component: str) -> list[Task]:
    """Tasks of a step that learn, or apply what an older job has learnt; not those for rows that are held out."""
    found = [task for task in job.tasks.values() if task.component_ref == component]
    return [task for task in found if task.stage == "train"] or [
        task for task in found if any(channel.source == "model_warehouse" for channel in task.channels)
    ][:1]


def _same_step(
    old: Job, new: Job, mine: list[Task], theirs: list[Task], field: str, names: tuple[str, ...]
) -> Task | Problem | None:
    if not mine and not theirs:
        return None
    if len(theirs) > 1:
        listed = ", ".join(task.name for task in theirs)
        return Problem(field, None, f"the earlier job has several such steps: {listed}", "Train without warm_start.")
    if field == "binning" and _only_measures(old, theirs) and _only_measures(new, mine):
        return None  # a selection takes what it needs from its own model
    if not mine:
        fix = "Give the recipe the same step: it is applied as it was then."
        return Problem(field, None, f"the earlier job has trained on columns after {theirs[0].name}", fix)
    if not theirs:
        fix = f"Write {field}=None, or train without warm_start."
        return Problem(field, None, "the earlier job has trained on columns without this step", fix)
    if theirs[0].stage == "train":
        was, now = (
            [{name: _plain(job.parameters(task, party).get(name)) for name in names} for party in task.parties]
            for job, task in ((old, theirs[0]), (new, mine[0]))
        )
        if was != now:
            fix = "Describe it as then: it is applied as it was, or train without warm_start."
            return Problem(field, now[0], f"in the earlier job it was {was[0]}", fix)
    return theirs[0]


def _only_measures(job: Job, binnings: list[Task]) -> bool:
    return not any(job.parameters(task, party).get("transform_method") for task in binnings for party in task.parties)


def _stored(task: Task, model: TrainedModel) -> StoredModel:
    """Where the model of a task of the earlier job is: there, or in the older job that it has taken it from itself."""
    for channel in task.channels:
        if task.stage == "predict" and channel.kind == "model":
            older = mapping(task.job.conf.get("model_warehouse"))
            return StoredModel(
                str(channel.spec["producer_task"]),
                str(channel.spec["output_artifact_key"]),
                str(channel.spec.get("model_id") or older.get("model_id")),
                str(channel.spec.get("model_version") or older.get("model_version")),
            )
    assert task.component is not None
    key = model_output(task.component)
    assert key is not None
    return StoredModel(task.name, key, model.model_id, model.model_version)

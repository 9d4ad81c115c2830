"""Put the predict job of a training job together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.jobs.builder import SCHEMA_VERSION, JsonObject
from airflow_provider_fate.jobs.document import read_document
from airflow_provider_fate.jobs.predict.lineage import Lineage, Origin, party_specs, wire
from airflow_provider_fate.jobs.predict.mark import Scoring
from airflow_provider_fate.jobs.predict.tables import Tables, assign_tables
from airflow_provider_fate.jobs.predict.training import choose_task
from airflow_provider_fate.jobs.problems import Problem, invalid_job
from airflow_provider_fate.jobs.validation.job import Job, PartyKey, Task, mapping

__all__ = ["PredictJob", "TrainedModel", "derivable", "derive_predict"]

_CONF = (
    *("priority", "scheduler_party_id", "cores", "computing_partitions", "sync_type", "auto_retries", "task"),
    *("task_parallelism", "federated_status_collect_type", "engine"),
)
"""What a predict job takes over; what belongs to the one training (inheritance, its own model, its identity) is not."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model.

    :ivar model_id: as FATE keeps it.
    :ivar model_version: likewise.
    :ivar job_id: the job that trained it, for what a predict job says about itself.
    :ivar registered: its version and name in a registry, likewise.
    """

    model_id: str
    model_version: str
    job_id: str | None = None
    registered: str | None = None


@dataclass(frozen=True, slots=True)
class PredictJob:
    """A predict job.

    :ivar document: as it is posted.
    :ivar scoring: what it does.
    :ivar tasks: names of its tasks, in their order.
    :ivar models: names of the tasks of the training job whose models it uses.
    """

    document: JsonObject
    scoring: Scoring
    tasks: tuple[str, ...]
    models: tuple[str, ...]


def derive_predict(
    training: Mapping[str, object] | str,
    *,
    model: TrainedModel,
    tables: Tables,
    task: str | None = None,
    evaluate: bool = False,
) -> PredictJob:
    """Make the predict job of a training job.

    Kept are the tasks that a score needs: readers, the intersection, and every trained task on the way, in its predict
    stage, with its model from the model warehouse. Left out are splits and samples, statistics, evaluation, other
    models, and a binning that changes no data.

    :param training: the DAG of the training job, as a recipe makes it or FATE-Flow gives it back.
    :param model: the model that it has trained.
    :param tables: the table of each party, by party id, or by ``guest`` and ``host``.
    :param task: the trained task that scores; ``None``: the only one that there is.
    :param evaluate: keep the evaluation of that task; the tables need a label.
    :raises FateInvalidJobError: it trains no model, a task cannot predict, or a party has no table; lists all of it.
    """
    document = read_document(training)
    job = Job(document)
    chosen = choose_task(job, task)
    what = "The predict job of this training" if model.job_id is None else f"The predict job of job {model.job_id}"
    if isinstance(chosen, Problem):
        raise invalid_job([chosen], what=what)
    lineage = Lineage(job)
    scores = lineage.score(chosen)
    judges = _evaluations(job, lineage, scores) if evaluate else []
    kept = lineage.needed(chosen, *judges)
    readers = {name: parties for name, parties in lineage.readers.items() if name in kept}
    reading = [party for party in job.parties if any(party in parties for parties in readers.values())]
    found, problems = assign_tables(reading, tables)
    if evaluate and not judges:
        fix = "Leave evaluate out, or train with an evaluation."
        problems.append(Problem("evaluate", True, f"the training has no evaluation of {chosen}", fix))
    if problems:
        raise invalid_job(problems, what=what)
    psi = next((name for name in kept if lineage.tasks[name]["component_ref"] == "psi"), None)
    scoring = Scoring(
        chosen, scores.key, model.model_id, model.model_version, model.job_id, psi, registered=model.registered
    )
    dag: JsonObject = {
        "parties": party_specs(job.parties),
        "stage": "predict",
        "conf": _conf(job, scoring),
        "tasks": {name: lineage.tasks[name] for name in kept},
        "party_tasks": _party_tasks(job, lineage, kept, readers, found),
    }
    whole: JsonObject = {"dag": dag, "schema_version": str(document.get("schema_version") or SCHEMA_VERSION)}
    return PredictJob(whole, scoring, tuple(kept), tuple(lineage.models(kept)))


def derivable(training: Mapping[str, Any]) -> JsonObject:
    """What :func:`derive_predict` needs of a training job, without what belongs to the one run of it.

    :param training: the DAG of the job, as FATE-Flow gives it back.
    """
    dag = mapping(training.get("dag"))
    kept: JsonObject = {key: dag[key] for key in ("parties", "stage", "tasks", "party_tasks") if dag.get(key)}
    conf = mapping(dag.get("conf"))
    kept["conf"] = {name: conf[name] for name in _CONF if conf.get(name) not in (None, {})}
    return {"dag": kept, "schema_version": training.get("schema_version")}


def _conf(job: Job, scoring: Scoring) -> JsonObject:
    conf = {name: _without_none(job.conf[name]) for name in _CONF if job.conf.get(name) not in (None, {})}
    conf["model_warehouse"] = {"model_id": scoring.model_id, "model_version": scoring.model_version}
    conf["extra"] = scoring.mark()
    return conf


def _party_tasks(
    job: Job,
    lineage: Lineage,
    kept: Sequence[str],
    readers: Mapping[str, Sequence[PartyKey]],
    tables: Mapping[PartyKey, TableName],
) -> JsonObject:
    """What single parties are told: of the training what concerns kept tasks, and the tables."""
    found: dict[str, dict[str, Any]] = {}
    for key, parties, entry in job.party_tasks():
        tasks = {
            str(name): _without_none(own)
            for name, own in mapping(entry.get("tasks")).items()
            # FATE-Flow breaks off at what a party is told of a task that it does not run.
            if name in kept and name not in readers and _without_none(own) and lineage.runs_on(name, parties)
        }
        conf = _without_none(mapping(entry.get("conf")))
        if tasks or conf:
            found[key] = {"parties": party_specs(parties), "tasks": tasks, **({"conf": conf} if conf else {})}
    for role, party_id in tables:
        read = {
            name: {"parameters": _reads(tables[role, party_id])}
            for name, parties in readers.items()
            if (role, party_id) in parties
        }
        own, key = party_specs([(role, party_id)]), f"{role}_{party_id}"
        known = found.get(key)
        if known is not None and known["parties"] == own:
            known["tasks"] |= read
        else:
            found[key if known is None else f"{key}_tables"] = {"parties": own, "tasks": read}
    return dict(found)


def _reads(table: TableName) -> JsonObject:
    return {"namespace": table.namespace, "name": table.name}


def _evaluations(job: Job, lineage: Lineage, scores: Origin) -> list[str]:
    """Add the tasks that judge the scores of a task, in the training or of held-out rows, for those of new rows."""
    same_model = {scores.task, *(name for name, task in job.tasks.items() if _applies(task, scores.task))}
    found = []
    for name, task in job.tasks.items():
        if task.component_ref != "evaluation" or not task.producers() & same_model:
            continue
        parties = tuple(party for party in task.parties if party in scores.parties)
        if not parties:
            continue
        origin = Origin(scores.task, scores.key, parties)
        spec: dict[str, Any] = {
            "component_ref": "evaluation",
            "parameters": dict(mapping(task.spec.get("parameters"))),
            "stage": "default",
            "parties": party_specs(parties),
            "inputs": {"data": {"input_datas": wire([origin], several=True)}},
            "dependent_tasks": [scores.task],
        }
        if conf := _without_none(mapping(task.spec.get("conf"))):
            spec["conf"] = conf
        lineage.tasks[name] = spec
        found.append(name)
    return found


def _applies(task: Task, trained: str) -> bool:
    """Whether a task predicts with the model of another task of the job."""
    return any(channel.kind == "model" and channel.spec.get("producer_task") == trained for channel in task.channels)


def _without_none(value: Any) -> Any:
    """Without the fields that FATE-Flow writes for what nobody has set."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value

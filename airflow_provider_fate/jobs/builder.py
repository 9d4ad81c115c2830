"""Assemble the DAG document of a FATE job, task by task, the way fate-client compiles it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_fate.jobs.catalogue import known_components

__all__ = ["SCHEMA_VERSION", "DagBuilder", "JsonObject", "Output", "StoredModel"]

JsonObject = dict[str, object]
"""A JSON object whose content nobody here looks into."""

SCHEMA_VERSION = "2.2.0"

Roles = Mapping[str, Sequence[str]]
"""Party ids by role, in the order guest, host, arbiter."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a task, to be given to a later task as an input."""

    task: str
    key: str
    roles: Roles
    kind: str = "data"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The model that a task of an earlier job has trained, to be given to a task as an input.

    :param task: name of the task in that job.
    :param key: its output key.
    :param model_id: of the earlier job.
    :param model_version: likewise.
    """

    task: str
    key: str
    model_id: str
    model_version: str


Source = Output | StoredModel


@dataclass
class DagBuilder:
    """Collects the tasks of one job.

    :param parties: party ids by role.
    :param conf: the job's ``conf``.
    """

    parties: Roles
    conf: JsonObject = field(default_factory=dict)
    _tasks: JsonObject = field(default_factory=dict)
    _own: dict[tuple[str, str], dict[str, JsonObject]] = field(default_factory=dict)

    def add(
        self,
        name: str,
        component: str,
        *,
        inputs: Mapping[str, Source | Sequence[Source]] | None = None,
        parameters: Mapping[str, object] | None = None,
        roles: Sequence[str] | None = None,
        stage: Literal["predict", "cross_validation"] | None = None,
        conf: Mapping[str, object] | None = None,
    ) -> Outputs:
        """Add a task.

        :param name: the task's name, unique in the job.
        :param component: the component that it runs.
        :param inputs: outputs of earlier tasks, or models of earlier jobs, by input key.
        :param parameters: for all parties alike.
        :param roles: run on these roles only; all of the component's by default.
        :param stage: run this stage of the component inside a training job, instead of the training.
        :param conf: how it is run, such as its provider, where that is not as for the job.
        :returns: the outputs of the task.
        """
        spec = known_components()[component]
        runs_on = {
            role: ids
            for role, ids in self.parties.items()
            if role in spec.roles and (roles is None or role in roles) and ids
        }
        task: JsonObject = {"component_ref": component, "parameters": dict(parameters or {})}
        if stage is not None:
            task["stage"] = stage
        elif "train" not in spec.stages:
            task["stage"] = "default"
        if list(runs_on) != [role for role, ids in self.parties.items() if ids]:
            task["parties"] = _party_specs(runs_on)
        if inputs:
            task["inputs"], task["dependent_tasks"] = _wire(component, inputs, runs_on)
        if conf:
            task["conf"] = dict(conf)
        self._tasks[name] = task
        return Outputs(name, component, runs_on)

    def set_party_parameters(self, role: str, party_id: str, task: str, parameters: Mapping[str, object]) -> None:
        """Set parameters that one party alone has, such as the table that it reads."""
        self._of_party(role, party_id, task)["parameters"] = dict(parameters)

    def set_party_conf(self, role: str, party_id: str, task: str, conf: Mapping[str, object]) -> None:
        """Set how a task is run at one party, such as by a launcher."""
        self._of_party(role, party_id, task)["conf"] = dict(conf)

    def _of_party(self, role: str, party_id: str, task: str) -> JsonObject:
        return self._own.setdefault((role, party_id), {}).setdefault(task, {})

    def document(self) -> JsonObject:
        """Return what is posted as ``dag_schema``."""
        dag: JsonObject = {
            "parties": _party_specs(self.parties),
            "stage": "train",
            "conf": self.conf,
            "tasks": self._tasks,
        }
        if self._own:
            dag["party_tasks"] = {
                f"{role}_{party_id}": {"parties": [{"role": role, "party_id": [party_id]}], "tasks": tasks}
                for (role, party_id), tasks in self._own.items()
            }
        return {"dag": dag, "schema_version": SCHEMA_VERSION}


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a task that was added; index it by output key."""

    task: str
    component: str
    roles: Roles

    def __getitem__(self, key: str) -> Output:
        spec = known_components()[self.component]
        kind = "data" if key in spec.data_outputs else "model"
        declared = (spec.data_outputs if kind == "data" else spec.model_outputs)[key]
        roles = {role: ids for role, ids in self.roles.items() if not declared.roles or role in declared.roles}
        return Output(self.task, key, roles, kind)


def _wire(
    component: str, inputs: Mapping[str, Source | Sequence[Source]], runs_on: Roles
) -> tuple[JsonObject, list[str]]:
    wired: dict[str, dict[str, object]] = {}
    producers: list[str] = []
    for key, source in inputs.items():
        several = isinstance(source, Sequence)
        for one in source if isinstance(source, Sequence) else [source]:
            if isinstance(one, StoredModel):
                kind, place, channel = "model", "model_warehouse", _stored(component, key, one, runs_on)
            else:
                kind, place, channel = one.kind, "task_output_artifact", _channel(one, runs_on)
                producers += [one.task] if one.task not in producers else []
            sources = wired.setdefault(kind, {}).setdefault(key, {})
            assert isinstance(sources, dict)
            sources[place] = [*sources.get(place, ()), channel] if several else channel
    return dict(wired), producers


def _stored(component: str, key: str, model: StoredModel, runs_on: Roles) -> JsonObject:
    takers = known_components()[component].model_inputs[key].roles
    return {
        "model_id": model.model_id,
        "model_version": model.model_version,
        "producer_task": model.task,
        "output_artifact_key": model.key,
        "parties": _party_specs({role: ids for role, ids in runs_on.items() if not takers or role in takers}),
    }


def _channel(output: Output, runs_on: Roles) -> JsonObject:
    # A party can take over only what it has: the output's parties among those that the task runs on.
    shared = {role: ids for role, ids in output.roles.items() if role in runs_on}
    return {
        "producer_task": output.task,
        "output_artifact_key": output.key,
        "parties": _party_specs(shared),
    }


def _party_specs(roles: Roles) -> list[JsonObject]:
    return [{"role": role, "party_id": list(ids)} for role, ids in roles.items() if ids]

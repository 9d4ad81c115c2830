"""Follows the data of a trained task back to the tables, through what has to happen to new rows, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.catalogue import ComponentSpec
from airflow_provider_fate.jobs.predict.training import (
    can_predict,
    model_input,
    model_output,
    stage_input,
    stage_output,
    unusable,
)
from airflow_provider_fate.jobs.problems import Problem, invalid_job
from airflow_provider_fate.jobs.validation.job import Job, PartyKey, Task, mapping, read_parties

__all__ = ["Lineage", "Origin", "party_specs"]

_LET_THROUGH = frozenset({"data_split", "sample"})
"""They choose rows to train on. Every new row is scored."""
_BINNING = "hetero_feature_binning"


@dataclass(frozen=True, slots=True)
class Origin:
    """An output of a task of the predict job, at some of its parties."""

    task: str
    key: str
    parties: tuple[PartyKey, ...]

    def channel(self) -> JsonObject:
        """As an input names it."""
        return {
            "producer_task": self.task,
            "output_artifact_key": self.key,
            "parties": party_specs(self.parties),
        }


@dataclass
class Lineage:
    """The tasks that a score needs, as they have to be in the predict job.

    :param job: the training job.
    :ivar tasks: specifications by name, of all tasks that were looked at.
    :ivar readers: names of the tasks that read tables, with the parties that read.
    """

    job: Job
    tasks: dict[str, JsonObject] = field(default_factory=dict)
    readers: dict[str, tuple[PartyKey, ...]] = field(default_factory=dict)

    def score(self, name: str) -> Origin:
        """Add a trained task with all that it needs.

        :returns: the output with its scores.
        :raises FateInvalidJobError: something on the way cannot be done with new rows; names the task.
        """
        task = self.job.tasks[name]
        parties = self._binners(task) if task.component_ref == _BINNING else tuple(task.parties)
        if not parties:
            raise _cannot(task.path, _BINNING, "it has only measured the columns, and changes no data")
        return self._predicted(task, parties, runs_on=parties)

    def needed(self, *ends: str) -> list[str]:
        """Names of these tasks and of those that they wait for, in the order in which they run."""
        waiting, known = list(ends), dict[str, list[str]]()
        while waiting:
            if (name := waiting.pop(0)) not in known:
                known[name] = self._producers(name)
                waiting += known[name]
        return list(TopologicalSorter(known).static_order())

    def runs_on(self, name: str, parties: Sequence[PartyKey]) -> bool:
        """Whether a task runs on all of these parties."""
        return set(parties) <= set(read_parties(self.tasks[name].get("parties")) or self.job.parties)

    def models(self, kept: Sequence[str]) -> list[str]:
        """Names of the tasks of the training job whose models these tasks use."""
        found: list[str] = []
        for name in kept:
            for origins in mapping(mapping(self.tasks[name].get("inputs")).get("model")).values():
                channel = mapping(origins["model_warehouse"])
                if "model_id" not in channel:  # that of an older job
                    found.append(str(channel["producer_task"]))
        return list(dict.fromkeys(found))

    def _producers(self, name: str) -> list[str]:
        dependent = self.tasks[name].get("dependent_tasks") or []
        assert isinstance(dependent, list)
        return dependent

    # -- one task ----------------------------------------------------------------------------------------------------

    def _output(self, name: str, parties: Sequence[PartyKey], wanted_by: str) -> list[Origin]:
        """What the output of a task of the training is in the predict job, for these parties."""
        task = self.job.tasks.get(name)
        if task is None:
            raise _cannot(f"tasks.{wanted_by}.inputs", name, "there is no such task in the training job")
        if problem := unusable(task):
            raise _cannot(task.path, task.component_ref, problem)
        component = task.component
        assert component is not None
        here = tuple(party for party in parties if party in task.parties)
        if component.name == "reader":
            return [self._reader(task, here)]
        if component.name in _LET_THROUGH:
            return self._inputs(task, self._input_key(task, component), here)
        if component.name == _BINNING:
            return self._binned(task, component, here)
        if component.name == "union":
            return self._union(task, here)
        if can_predict(component):
            return [self._predicted(task, here, runs_on=task.parties)]
        if component.stages == {"default"} and stage_input(component, "default"):
            return [self._again(task, component, here)]
        raise _cannot(task.path, component.name, "what it does to rows cannot be done to new ones")

    def _reader(self, task: Task, parties: tuple[PartyKey, ...]) -> Origin:
        key = "output_data"
        self.readers[task.name] = tuple(dict.fromkeys((*self.readers.get(task.name, ()), *parties)))
        rest = {k: v for k, v in _parameters(task).items() if k not in ("namespace", "name", "path")}
        spec: JsonObject = {"component_ref": "reader", "parameters": rest, "stage": "default"}
        self._add(task.name, spec, task, self.readers[task.name])
        return Origin(task.name, key, parties)

    def _again(self, task: Task, component: ComponentSpec, parties: tuple[PartyKey, ...]) -> Origin:
        """A task that knows no stages, such as the intersection: it is done once more."""
        key = stage_input(component, "default")
        output = stage_output(component, "default")
        assert key is not None
        if output is None:
            raise _cannot(task.path, component.name, "it gives no rows to the next task")
        if task.name not in self.tasks:
            spec: JsonObject = {"component_ref": component.name, "parameters": _parameters(task), "stage": "default"}
            origins = self._inputs(task, key, task.parties)
            self._add(task.name, spec, task, task.parties, data={key: origins})
        return Origin(task.name, output, _having(parties, component.data_outputs[output].roles))

    def _binned(self, task: Task, component: ComponentSpec, parties: Sequence[PartyKey]) -> list[Origin]:
        """A binning at the parties whose data it changes; past it at the others.

        FATE writes no output of a binning that is to change nothing and to compute no metrics, which need a label.
        """
        binners = self._binners(task)
        changed = tuple(party for party in parties if party in binners)
        found = [self._predicted(task, changed, runs_on=binners)] if changed else []
        if unchanged := [party for party in parties if party not in binners]:
            found += self._inputs(task, self._input_key(task, component), unchanged)
        return found

    def _predicted(self, task: Task, parties: Sequence[PartyKey], *, runs_on: Sequence[PartyKey]) -> Origin:
        component = task.component
        assert component is not None
        data, output = stage_input(component, "predict"), stage_output(component, "predict")
        assert data is not None
        assert output is not None
        if task.name not in self.tasks:
            origins = self._inputs(task, self._input_key(task, component), runs_on)
            spec: JsonObject = {"component_ref": component.name, "parameters": _told_again(task, component)}
            model = self._model(task, component, runs_on)
            self._add(task.name, spec, task, runs_on, data={data: origins}, model=model)
        return Origin(task.name, output, _having(parties, component.data_outputs[output].roles))

    def _union(self, task: Task, parties: Sequence[PartyKey]) -> list[Origin]:
        """One table is scored, whatever was put together for the training, if it was all treated alike."""
        ways = [[origin] for origin in self._inputs(task, "input_datas", parties, merge=False)]
        if len({self._way(origin) for way in ways for origin in way}) > 1:
            raise _cannot(task.path, "union", "it puts rows together that were transformed in different ways")
        covered: list[Origin] = []
        for origin in (origin for way in ways for origin in way):
            left = tuple(party for party in origin.parties if not any(party in taken.parties for taken in covered))
            if left:
                covered.append(Origin(origin.task, origin.key, left))
        return covered

    def _way(self, origin: Origin) -> object:
        """What has been done to rows: two readers, and two intersections of what they read, are the same."""
        task = self.job.tasks.get(origin.task)
        if task is None or task.component_ref == "reader":
            return "read"
        if task.stage == "default":
            before = tuple(sorted(str(self._way(Origin(name, "", ()))) for name in self._producers(origin.task)))
            return (str(task.component_ref), before)
        return origin.task

    # -- what goes into it -------------------------------------------------------------------------------------------

    def _input_key(self, task: Task, component: ComponentSpec) -> str:
        key = stage_input(component, task.stage) or stage_input(component, "default")
        if key is None or key not in mapping(mapping(task.spec.get("inputs")).get("data")):
            raise _cannot(f"{task.path}.inputs.data", component.name, f"it has no input {key or 'of data'}")
        return key

    def _inputs(self, task: Task, key: str, parties: Sequence[PartyKey], *, merge: bool = True) -> list[Origin]:
        found: list[Origin] = []
        for channel in task.channels:
            if channel.kind != "data" or channel.key != key:
                continue
            named = read_parties(channel.spec.get("parties"))
            wanted = [party for party in parties if not named or party in named]
            if channel.source == "data_warehouse":
                found.append(self._warehouse(task, channel.path, channel.spec, wanted))
                continue
            found += self._output(str(channel.spec.get("producer_task")), wanted, task.name)
        found = [origin for origin in found if origin.parties]
        if not found:
            raise _cannot(f"{task.path}.inputs.data.{key}", None, "nothing comes in here")
        return _merged(found) if merge else found

    def _warehouse(self, task: Task, path: str, spec: Mapping[str, Any], parties: Sequence[PartyKey]) -> Origin:
        """A table that a task reads without a reader; in the predict job it has one."""
        if not spec.get("name"):
            made = f"{spec.get('output_artifact_key')} of {spec.get('producer_task')} of job {spec.get('job_id')}"
            raise _cannot(path, made, "the rows come from another job, and how it made them is not known here")
        name = f"reader_{task.name}"
        while name in self.job.tasks:
            name += "_0"
        here = tuple(parties)
        self.readers[name] = tuple(dict.fromkeys((*self.readers.get(name, ()), *here)))
        reader: JsonObject = {"component_ref": "reader", "parameters": {}, "stage": "default"}
        self._add(name, reader, None, self.readers[name])
        return Origin(name, "output_data", here)

    def _model(self, task: Task, component: ComponentSpec, parties: Sequence[PartyKey]) -> JsonObject:
        key, output = model_input(component), model_output(component)
        assert key is not None
        takers = _having(parties, component.model_inputs[key].roles)
        if task.stage == "predict":
            return {key: {"model_warehouse": self._applied_model(task, key, takers)}}
        if output is None:
            raise _cannot(task.path, component.name, "it leaves no model")
        givers = _having(takers, component.model_outputs[output].roles)
        return {
            key: {
                "model_warehouse": {
                    "producer_task": task.name,
                    "output_artifact_key": output,
                    "parties": party_specs(givers),
                }
            }
        }

    def _applied_model(self, task: Task, key: str, parties: Sequence[PartyKey]) -> JsonObject:
        """The model of a task that predicts in the training job already: another task's, or an older job's."""
        channel = next((c for c in task.channels if c.kind == "model" and c.key == key), None)
        if channel is None:
            raise _cannot(f"{task.path}.inputs.model.{key}", None, "it predicts without a model")
        named = {name: channel.spec[name] for name in ("producer_task", "output_artifact_key")}
        if channel.source == "model_warehouse":
            older = mapping(self.job.conf.get("model_warehouse"))
            for name in ("model_id", "model_version"):
                if (value := channel.spec.get(name) or older.get(name)) is not None:
                    named[name] = value
        return {**named, "parties": party_specs(parties)}

    def _binners(self, task: Task) -> tuple[PartyKey, ...]:
        """Parties whose data a binning changes; most binnings only compute information values.

        :raises FateInvalidJobError: by weights of evidence. FATE 2.2 reads them from the model with bins that are text,
            finds none of the rows' numbers among them, and would score the numbers of the bins instead.
        """
        methods = {party: self.job.parameters(task, party).get("transform_method") for party in task.parties}
        if "woe" in methods.values():
            raise _cannot(
                task.path,
                "woe",
                "FATE 2.2 does not put weights of evidence into rows that it has not trained on, so that the scores "
                "would be wrong",
                "Train with transform_method 'bin_idx', or without one.",
            )
        return tuple(party for party, method in methods.items() if method)

    # -- writing it down ---------------------------------------------------------------------------------------------

    def _add(
        self,
        name: str,
        spec: JsonObject,
        task: Task | None,
        parties: Sequence[PartyKey],
        *,
        data: Mapping[str, Sequence[Origin]] | None = None,
        model: JsonObject | None = None,
    ) -> None:
        if task is not None and (conf := {k: v for k, v in mapping(task.spec.get("conf")).items() if v is not None}):
            spec["conf"] = conf
        if set(parties) != set(self.job.parties):
            spec["parties"] = party_specs(parties)
        if data:
            spec["inputs"] = {"data": {key: wire(origins) for key, origins in data.items()}}
            if model:
                spec["inputs"]["model"] = model  # type: ignore[index]  # made in the line above
            spec["dependent_tasks"] = list(dict.fromkeys(s.task for origins in data.values() for s in origins))
        self.tasks[name] = spec


def wire(origins: Sequence[Origin], *, several: bool = False) -> JsonObject:
    """An input of these origins.

    :param several: the input takes a list, also of one.
    """
    channels = [origin.channel() for origin in origins]
    return {"task_output_artifact": channels if several or len(channels) > 1 else channels[0]}


def party_specs(parties: Sequence[PartyKey]) -> list[JsonObject]:
    """Parties as FATE writes them."""
    roles: dict[str, list[str]] = {}
    for role, party_id in parties:
        roles.setdefault(role, []).append(party_id)
    return [{"role": role, "party_id": ids} for role, ids in roles.items()]


def _merged(origins: Sequence[Origin]) -> list[Origin]:
    """The same output named for several parties one by one is named once."""
    found: dict[tuple[str, str], list[PartyKey]] = {}
    for origin in origins:
        known = found.setdefault((origin.task, origin.key), [])
        known += [party for party in origin.parties if party not in known]
    return [Origin(task, key, tuple(parties)) for (task, key), parties in found.items()]


def _having(parties: Sequence[PartyKey], roles: frozenset[str]) -> tuple[PartyKey, ...]:
    return tuple(party for party in parties if not roles or party[0] in roles)


def _parameters(task: Task) -> dict[str, Any]:
    return dict(mapping(task.spec.get("parameters")))


def _told_again(task: Task, component: ComponentSpec) -> dict[str, Any]:
    """Parameters at the predict stage: those of the training, because FATE forgets some of them.

    Binning would not transform, and homo LR would decide by a threshold of 0.5.
    """
    parameters = _parameters(task)
    if component.name == _BINNING:
        parameters["skip_metrics"] = True  # they need a label, which new rows need not have
    return parameters


_BY_HAND = "Take that step out of the training, or write the predict job by hand."


def _cannot(field: str, value: object, reason: str, fix: str = _BY_HAND) -> Exception:
    problem = Problem(field, value, reason, fix)
    return invalid_job([problem], what="The predict job of this training")

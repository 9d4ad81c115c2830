"""A tolerant view of a job document: what is malformed reads as empty, and is reported by the check of its subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_fate.jobs.catalogue import ComponentSpec, known_components

__all__ = ["Channel", "Job", "Task", "mapping", "read_parties"]

PartyKey = tuple[str, str]
"""Role and party id."""

_OWN_PROVIDERS = ("fate", "fate_flow")


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def read_parties(value: object) -> list[PartyKey]:
    """Return role and id of every party of a list of party specifications."""
    found: list[PartyKey] = []
    for entry in value if isinstance(value, list) else []:
        ids = mapping(entry).get("party_id")
        found += [
            (str(mapping(entry).get("role")), str(party_id)) for party_id in (ids if isinstance(ids, list) else [])
        ]
    return found


@dataclass(frozen=True, slots=True)
class Channel:
    """One source of one input of a task."""

    path: str
    kind: str
    key: str
    source: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One task of a job."""

    name: str
    spec: Mapping[str, Any]
    job: Job

    @property
    def path(self) -> str:
        """Where it stands in the job."""
        return f"tasks.{self.name}"

    @property
    def component_ref(self) -> object:
        """What it runs."""
        return self.spec.get("component_ref")

    @property
    def component(self) -> ComponentSpec | None:
        """What is known about it; ``None`` for a component of somebody else's provider, and for an unknown one."""
        if self.foreign or not isinstance(self.component_ref, str):
            return None
        return known_components().get(self.component_ref)

    @property
    def foreign(self) -> bool:
        """Whether it runs a provider that is not FATE's own, such as fate_llm."""
        provider = mapping(self.spec.get("conf")).get("provider") or mapping(self.job.conf.get("task")).get("provider")
        return isinstance(provider, str) and provider.partition(":")[0] not in _OWN_PROVIDERS

    @property
    def stage(self) -> str:
        """The stage it runs in."""
        return str(self.spec.get("stage") or self.job.dag.get("stage") or "train")

    @property
    def parties(self) -> list[PartyKey]:
        """The parties that run it."""
        named = read_parties(self.spec.get("parties")) or self.job.parties
        component = self.component
        return [party for party in named if component is None or party[0] in component.roles]

    @property
    def channels(self) -> Iterator[Channel]:
        """Every source of every input."""
        for kind, inputs in mapping(self.spec.get("inputs")).items():
            for key, sources in mapping(inputs).items():
                for source, specs in mapping(sources).items():
                    path = f"{self.path}.inputs.{kind}.{key}.{source}"
                    several = isinstance(specs, list)
                    for position, spec in enumerate(specs if isinstance(specs, list) else [specs]):
                        yield Channel(f"{path}.{position}" if several else path, kind, key, source, mapping(spec))

    def producers(self) -> set[str]:
        """Return the names of the tasks that it waits for."""
        return {
            str(channel.spec.get("producer_task"))
            for channel in self.channels
            if channel.source == "task_output_artifact"
        }


class Job:
    """A job document and what the checks need to know of it."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self.dag = mapping(document.get("dag"))
        self.conf = mapping(self.dag.get("conf"))

    @cached_property
    def parties(self) -> list[PartyKey]:
        """The parties of the job."""
        return read_parties(self.dag.get("parties"))

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks by name."""
        return {
            str(name): Task(str(name), mapping(spec), self) for name, spec in mapping(self.dag.get("tasks")).items()
        }

    def party_tasks(self) -> Iterator[tuple[str, list[PartyKey], Mapping[str, Any]]]:
        """Yield key, parties and content of every entry of ``party_tasks``."""
        for key, entry in mapping(self.dag.get("party_tasks")).items():
            yield str(key), read_parties(mapping(entry).get("parties")), mapping(entry)

    def parameters(self, task: Task, party: PartyKey) -> dict[str, Any]:
        """Return the parameters of a task as one party gets them: its own over the common ones."""
        merged = dict(mapping(task.spec.get("parameters")))
        for _, parties, entry in self.party_tasks():
            if party in parties:
                merged |= mapping(mapping(mapping(entry.get("tasks")).get(task.name)).get("parameters"))
        return merged

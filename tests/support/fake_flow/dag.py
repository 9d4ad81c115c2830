"""A job's DAG as FATE-Flow completes it: every field of its models, with null where nothing was given."""

from __future__ import annotations

from typing import Any

_JOB_CONF = {
    "auto_retries": 0,
    "computing_partitions": 8,
    "cores": None,
    "extra": None,
    "inheritance": None,
    "initiator_party_id": None,
    "model_id": None,
    "model_version": "0",
    "model_warehouse": None,
    "priority": None,
    "scheduler_party_id": None,
    "sync_type": "callback",
    "task": {"engine_run": None, "launcher_name": "default", "provider": None, "timeout": None},
}
_TASK = ("component_ref", "conf", "dependent_tasks", "inputs", "outputs", "parameters", "parties", "stage")


class UnreadableDag(Exception):
    """FATE-Flow's models refuse it."""


def complete(schema: dict[str, Any], *, job_id: str, own_party: str) -> dict[str, Any]:
    """Return the schema with everything filled in."""
    dag = schema.get("dag")
    if not isinstance(dag, dict) or not isinstance(dag.get("parties"), list) or not isinstance(dag.get("tasks"), dict):
        raise UnreadableDag
    if any(party.get("role") not in ("guest", "host", "arbiter", "local") for party in dag["parties"]):
        raise UnreadableDag
    given = dag.get("conf") or {}
    conf = {**_JOB_CONF, **given, "task": {**_JOB_CONF["task"], **(given.get("task") or {})}}
    conf["initiator_party_id"] = own_party
    conf["scheduler_party_id"] = conf["scheduler_party_id"] or own_party
    conf["model_id"] = conf["model_id"] or job_id
    return {
        "dag": {
            "conf": conf,
            "parties": _parties(dag["parties"]),
            "party_tasks": {
                key: {
                    "conf": entry.get("conf") or {},
                    "parties": _parties(entry["parties"]),
                    "tasks": {
                        name: {"conf": task.get("conf"), "parameters": task.get("parameters")}
                        for name, task in (entry.get("tasks") or {}).items()
                    },
                }
                for key, entry in (dag.get("party_tasks") or {}).items()
            },
            "stage": dag.get("stage"),
            "tasks": {name: {key: task.get(key) for key in _TASK} for name, task in dag["tasks"].items()},
        },
        "kind": schema.get("kind", "fate"),
        "schema_version": schema.get("schema_version"),
    }


def _parties(parties: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"party_id": [str(item) for item in party["party_id"]], "role": party["role"]} for party in parties]


def pairs(parties: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return ``(role, party id)`` of each party."""
    return [(group["role"], party_id) for group in parties for party_id in group["party_id"]]


def producers(task: dict[str, Any]) -> set[str]:
    """Return the tasks whose output a task reads."""
    found: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "producer_task" in value and "namespace" not in value:
                found.add(str(value["producer_task"]))
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    for inputs in (task.get("inputs") or {}).values():
        for source in (inputs or {}).values():
            walk((source or {}).get("task_output_artifact"))
    return found


def ghosts(tasks: dict[str, dict[str, Any]]) -> set[str]:
    """Return the producers that no task is, where FATE-Flow takes them for tasks: at inputs that a component declares.

    A reader declares none, so there FATE-Flow does not notice until it asks for the producer's state.
    """
    return {
        producer
        for task in tasks.values()
        if task["component_ref"] != "reader"
        for producer in producers(task) - tasks.keys()
    }


def order(tasks: dict[str, dict[str, Any]]) -> list[str]:
    """Return the tasks in the order in which they run; those that wait for one that does not exist are missing."""
    done: list[str] = []
    while ready := [name for name in tasks if name not in done and producers(tasks[name]) <= set(done)]:
        done += ready
    return done


def parameters(schema: dict[str, Any], task: str, party: tuple[str, str]) -> dict[str, Any]:
    """Return the parameters of a task for one party."""
    merged = dict(schema["dag"]["tasks"][task].get("parameters") or {})
    for entry in schema["dag"]["party_tasks"].values():
        if party in pairs(entry["parties"]) and task in entry["tasks"]:
            merged |= entry["tasks"][task].get("parameters") or {}
    return merged

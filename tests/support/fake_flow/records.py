"""Jobs and tasks of the fake server as FATE-Flow writes them: every key, and null where it writes null."""

from __future__ import annotations

from typing import Any

from . import dag as dags
from .jobs import FakeJob, FakeTask, Party


def job_record(job: FakeJob, party: Party) -> dict[str, Any]:
    """Return one party's record of a job."""
    conf = job.schema["dag"]["conf"]
    running = job.status[party] == "running"
    return {
        "apply_resource_time": job.started,
        "cores": conf["cores"] or 4,
        "create_time": job.created,
        "dag": job.schema,
        "description": job.notes.get(party, ""),
        "elapsed": job.ended - job.started if job.ended and job.started else None,
        "end_time": job.ended,
        "engine_name": "standalone",
        "flow_id": "",
        "inheritance": conf["inheritance"] or {},
        "initiator_party_id": conf["initiator_party_id"],
        "job_id": job.job_id,
        "memory": 0,
        "model_id": job.model_id,
        "model_version": str(conf["model_version"]),
        "parties": job.schema["dag"]["parties"],
        "party_id": party[1],
        "progress": job.progress,
        "protocol": "fate",
        "remaining_cores": 4,
        "remaining_memory": 0,
        "resource_in_use": running,
        "return_resource_time": job.ended,
        "role": party[0],
        "scheduler_party_id": conf["scheduler_party_id"],
        "start_time": job.started,
        "status": job.status[party],
        "status_code": None,
        "tag": job.tag,
        "update_time": job.ended or job.started or job.created,
        "user_name": job.user_name,
    }


def listed(job: FakeJob, party: Party) -> dict[str, Any]:
    """Return the record as lists have it."""
    others = sorted({party_id for _, party_id in job.parties} - {party[1]})
    return {**job_record(job, party), "partners": others}


def task_record(job: FakeJob, task: FakeTask) -> dict[str, Any]:
    """Return one party's record of one version of a task."""
    role, party_id = task.party
    task_id = f"{job.job_id}_{task.name}"
    execution = f"{task_id}_{task.version}_{role}_{party_id}"
    started = task.started is not None
    return {
        "cmd": ["python", "fate_flow_executor.py", "component", "entrypoint"] if started else {},
        "component": task.component,
        "component_parameters": {
            "component": task.component,
            "job_id": job.job_id,
            "parameters": dags.parameters(job.schema, task.name, task.party),
            "party_id": party_id,
            "role": role,
            "task_name": task.name,
            "task_version": str(task.version),
        },
        "create_time": task.created,
        "elapsed": task.ended - task.started if task.ended and task.started else None,
        "end_time": task.ended,
        "engine_conf": {},
        "error_report": task.error_report,
        "execution_id": execution,
        "job_id": job.job_id,
        "kill_status": task.ended is not None,
        "launcher_name": None,
        "memory": 0,
        "party_id": party_id,
        "party_status": task.party_status,
        "protocol": "fate",
        "provider_name": "fate_flow:2.2.0@local" if task.component == "upload" else "fate:2.2.0@local",
        "resource_in_use": task.status == "running",
        "role": role,
        "run_ip": "127.0.0.1" if started else None,
        "run_pid": 4711 if started else None,
        "run_port": 9380 if started else None,
        "scheduler_party_id": job.schema["dag"]["conf"]["scheduler_party_id"],
        "start_time": task.started,
        "status": task.status,
        "status_code": None,
        "sync_type": "callback",
        "task_cores": 4,
        "task_id": task_id,
        "task_name": task.name,
        "task_parameters": {},
        "task_run": {"cores": 4},
        "task_version": task.version,
        "timeout": 259200,
        "update_time": task.ended or task.started or task.created,
        "worker_id": "00000000000011f0a69402fc00000001" if started else None,
    }

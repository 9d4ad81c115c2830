"""What somebody does who reaches the services: python -m tests.deploy.play WHAT ... Prints lines of JSON.

Run in the room of the services, whose names nobody else knows.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from typing import Any

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.jobs.builder import DagBuilder
from dev.localairflow import AirflowApi
from dev.localairflow.api import FINISHED
from dev.localairflow.settings import ADMIN

ENDED = ("success", "failed", "canceled", "timeout")
URL = "http://airflow-api-server:8080"
PATIENCE = 40 * 60.0


def say(**found: Any) -> None:
    """Print a line for the test."""
    print(json.dumps(found), flush=True)


def run(dag_id: str, conf: str = "{}") -> None:
    """Trigger a DAG and tell each change of a task, with the host that works on it, until the run is over."""
    api = AirflowApi(URL, ADMIN, os.environ["ADMIN_PASSWORD"])
    run_id = api.trigger(dag_id, json.loads(conf))
    seen: dict[tuple[str, int], tuple[Any, ...]] = {}
    end = time.monotonic() + PATIENCE
    while (state := api.run_state(dag_id, run_id)) not in FINISHED and time.monotonic() < end:
        for task in tasks(api, dag_id, run_id):
            key, now = (task["task_id"], task["map_index"]), (task["state"], task["hostname"], task["try_number"])
            if seen.get(key) != now:
                seen[key] = now
                say(task=task["task_id"], state=now[0], host=now[1], tries=now[2])
        time.sleep(0.3)
    failed = [task for task in tasks(api, dag_id, run_id) if task["state"] == "failed"]
    logs = [api.log(dag_id, run_id, task["task_id"], task["try_number"]) for task in failed if task["map_index"] < 0]
    say(run=run_id, end=state, logs=logs)


def tasks(api: AirflowApi, dag_id: str, run_id: str) -> list[dict[str, Any]]:
    """All of Airflow's fields of each task."""
    found: list[dict[str, Any]] = api.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
    return found


def states(dag_id: str) -> None:
    """Tell host and state of each task of the latest run."""
    api = AirflowApi(URL, ADMIN, os.environ["ADMIN_PASSWORD"])
    run_id = api.runs(dag_id)[0]["dag_run_id"]
    say(states=[(task["hostname"], task["state"]) for task in tasks(api, dag_id, run_id)])


def result(dag_id: str, run_id: str, task_id: str) -> None:
    """Tell what a task has returned, and its log of the last try."""
    api = AirflowApi(URL, ADMIN, os.environ["ADMIN_PASSWORD"])
    found = next(task for task in tasks(api, dag_id, run_id) if task["task_id"] == task_id)
    log = api.log(dag_id, run_id, task_id, found["try_number"])
    say(value=api.xcom(dag_id, run_id, task_id), tries=found["try_number"], log=log)


def jobs(host: str, port: str) -> None:
    """Count the jobs of a FATE by what they are and how they ended."""
    with FlowClient(FlowSettings(host=host, port=int(port))) as flow:
        records = flow.job.list(limit=0).jobs
    kinds = {job.job_id: ("upload" if job.role == "local" else "training", str(job.status.value)) for job in records}
    say(jobs=Counter(" ".join(kind) for kind in kinds.values()))


def toy(host: str, port: str, party: str, partner: str) -> None:
    """Run FATE's own toy example between two parties, started by the first, and tell how it ended."""
    dag = DagBuilder({"guest": [party], "host": [partner]}, {"cores": 1})
    dag.add("toy_0", "toy_example", parameters={"data_num": 10, "partition": 1})
    with FlowClient(FlowSettings(host=host, port=int(port))) as flow:
        job_id = flow.job.submit(dag.document()).job_id
        end = time.monotonic() + PATIENCE
        while (status := str(flow.job.query(job_id=job_id)[0].status.value)) not in ENDED and time.monotonic() < end:
            time.sleep(1)
        records = {f"{record.role} {record.party_id}" for record in flow.job.query(job_id=job_id)}
    say(end=status, records=sorted(records))


if __name__ == "__main__":
    {"run": run, "states": states, "result": result, "jobs": jobs, "toy": toy}[sys.argv[1]](*sys.argv[2:])

"""Record what a real FATE 2.2 answers about the metrics of jobs, into ``tests/unit/metrics/recorded``.

    fate-local start
    python -m tests.unit.metrics.record --port 9380

One file per job and party: the record of the job, its tasks, the metrics of each, and of the models what is read.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.errors import FateNotFoundError
from airflow_provider_fate.jobs import (
    Binning,
    CoordinatedLR,
    Encryption,
    HeteroNN,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Layer,
    Party,
    Selection,
    SsheLR,
    Statistics,
    mlp,
)
from tests.integration.test_recipes import write_tables
from tests.support.folds import in_folds

RECORDED = Path(__file__).parent / "recorded"
GUEST, HOST = "9999", "10000"
hetero: dict[str, Any] = {"guest": Party(GUEST, "recipes.guest"), "hosts": [Party(HOST, "recipes.host")]}
homo: dict[str, Any] = {"guest": Party(GUEST, "recipes.north"), "hosts": [Party(HOST, "recipes.south")]}
price: dict[str, Any] = {"guest": Party(GUEST, "recipes.price"), "hosts": [Party(HOST, "recipes.host")]}
fast: dict[str, Any] = {"encryption": Encryption(kind="paillier", key_length=1024)}
small: dict[str, Any] = {"num_trees": 2, "max_depth": 2, "max_bin": 8}
one = [Layer(type="Linear", kwargs={"in_features": 2, "out_features": 4})]


def sampled(document: dict[str, Any]) -> dict[str, Any]:
    """Put two samples and their union between the readers and the training of a homogeneous job."""
    document = copy.deepcopy(document)
    tasks = document["dag"]["tasks"]
    trained = next(name for name, task in tasks.items() if task["component_ref"].startswith("homo_"))
    data = tasks[trained]["inputs"]["data"]["train_data"]
    parties = [{"role": "guest", "party_id": [GUEST]}, {"role": "host", "party_id": [HOST]}]
    for number in (0, 1):
        tasks[f"sample_{number}"] = {
            "component_ref": "sample", "stage": "default", "parties": parties, "inputs": {"data": {"input_data": data}},
            "parameters": {"frac": 0.5, "random_state": number, "hetero_sync": False, "replace": False},
        }  # fmt: skip
    sources = [
        {"producer_task": f"sample_{number}", "output_artifact_key": "output_data", "parties": parties}
        for number in (0, 1)
    ]
    tasks["union_0"] = {
        "component_ref": "union", "stage": "default", "parties": parties, "parameters": {},
        "inputs": {"data": {"input_datas": {"task_output_artifact": sources}}},
    }  # fmt: skip
    return document


JOBS: dict[str, Any] = {
    "boosting": HeteroSecureBoost(
        **hetero, **small, **fast, holdout=0.25, statistics=Statistics(), binning=Binning(), selection=Selection()
    ).dag(),
    "boosting_folds": in_folds(HeteroSecureBoost(**hetero, **small, **fast).dag(), "sbt_0", 3, evaluated=True),
    "boosting_folds_failed": in_folds(HeteroSecureBoost(**hetero, **small, **fast).dag(), "sbt_0", 3, in_a_list=True),
    "boosting_regression": HeteroSecureBoost(**price, **small, **fast, objective="regression:l2").dag(),
    "sshe_lr": SsheLR(**hetero, **fast, epochs=2).dag(),
    "coordinated_lr": CoordinatedLR(**hetero, **fast, arbiter=HOST, epochs=2).dag(),
    "homo_lr": sampled(HomoLR(**homo, epochs=3).dag()),
    "homo_nn": HomoNN(**homo, layers=mlp(4, 8), epochs=3).dag(),
    "hetero_nn": HeteroNN(
        **hetero,
        guest_layers=one,
        host_layers=one,
        top_layers=[Layer(type="Linear", kwargs={"in_features": 4, "out_features": 1}), Layer(type="Sigmoid")],
        epochs=2,
    ).dag(),
}


def wait(flow: FlowClient, job_id: str) -> str:
    while True:
        records = flow.job.query(job_id=job_id)
        if all(record.status.is_terminal for record in records):
            return str(records[0].status)
        time.sleep(1)


def main() -> None:
    """Train, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9380)
    parser.add_argument("--only", nargs="*", choices=JOBS, default=list(JOBS))
    options = parser.parse_args()
    with (
        FlowClient(FlowSettings(host=options.host, port=options.port, timeout=60)) as flow,
        tempfile.TemporaryDirectory() as folder,
    ):
        for name, (path, label, kind) in write_tables(Path(folder)).items():
            meta = UploadMeta(match_id_name="id", label_name=label, label_type=kind)
            job = flow.data.upload_file(path, namespace="recipes", name=name, meta=meta, extend_sid=True)
            assert wait(flow, job.job_id) == "success", name
        ids = {name: flow.job.submit(JOBS[name]).job_id for name in options.only}
        for name, job_id in ids.items():
            print(name, job_id, wait(flow, job_id), flush=True)
            record(flow, name, job_id)


def record(flow: FlowClient, name: str, job_id: str) -> None:
    """Write one file for each party."""
    for party in flow.job.query(job_id=job_id):
        who = {"job_id": job_id, "role": party.role, "party_id": party.party_id}
        tasks = sorted(flow.task.query(**who), key=lambda task: (task.start_time, task.task_name))
        facts: dict[str, Any] = {
            "job": {**who, "status": str(party.status), "model_id": party.model_id, "dag": party.dag},
            "tasks": [
                {"task_name": task.task_name, "component": task.component, "status": str(task.status)} for task in tasks
            ],
            "metrics": {},
            "models": {},
        }
        facts["job"]["parties"] = [group.model_dump() for group in party.parties]
        for task in tasks:
            found = flow.output.metrics(**who, task_name=task.task_name)
            logged = [metric.model_dump() for metric in found]
            facts["metrics"][task.task_name] = logged if name == "boosting" else few_rows(logged)
            try:
                facts["models"][task.task_name] = shortened(flow.output.model(**who, task_name=task.task_name))
            except FateNotFoundError:
                continue
        path = RECORDED / f"{name}.{party.role}.json"
        path.write_text(json.dumps(facts, separators=(",", ":")).replace(',"', ',\n"') + "\n")


def few_rows(logged: Any) -> Any:
    """The first rows of tables: whole ones of one job are enough."""
    if isinstance(logged, dict):
        whole = "threshold" in logged
        return {key: value[:5] if whole else few_rows(value) for key, value in logged.items()}
    return [few_rows(value) for value in logged] if isinstance(logged, list) else logged


def shortened(model: Any) -> Any:
    """Without what nobody reads here: trees, and texts of many bytes."""
    if isinstance(model, dict):
        return {key: shortened(value) for key, value in model.items() if key != "trees"}
    if isinstance(model, list):
        return [shortened(value) for value in model]
    return model[:80] if isinstance(model, str) else model


if __name__ == "__main__":
    main()

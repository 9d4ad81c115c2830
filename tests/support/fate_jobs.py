"""Jobs for tests of a real FATE-Flow, spoken by bare HTTP: a test of `local/` must not depend on the client.

The data is made here: two parties' columns of the same people, with a label that both sides know something about.
"""

from __future__ import annotations

import json
import random
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ENDED = {"success", "failed", "canceled", "timeout"}
GUEST, HOST = "9999", "10000"


class Flow:
    """A FATE-Flow, by its address."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") + "/v2"

    def call(self, method: str, path: str, query: dict[str, Any] | None = None, body: Any = None) -> Any:
        url = self.url + path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with _OPENER.open(request, timeout=60) as reply:
            return json.loads(reply.read())

    def data(self, method: str, path: str, query: dict[str, Any] | None = None, body: Any = None) -> Any:
        reply = self.call(method, path, query, body)
        assert reply["code"] == 0, reply
        return reply.get("data", reply)

    def upload(self, csv: Path, name: str, *, label: str | None = None) -> str:
        meta = {"delimiter": ",", "dtype": "float32", "match_id_name": "id"}
        if label:
            meta |= {"label_name": label, "label_type": "int32"}
        body = {
            "file": str(csv), "head": True, "partitions": 4, "extend_sid": True, "meta": meta,
            "namespace": "bench", "name": name,
        }  # fmt: skip
        return str(self.call("POST", "/data/component/upload", body=body)["job_id"])

    def raw_upload(self, csv: Path) -> str:
        """An upload without a table name: done by FATE-Flow's own component alone, also without torch."""
        meta = {"delimiter": ",", "dtype": "float32", "match_id_name": "id"}
        body = {"file": str(csv), "head": True, "partitions": 4, "extend_sid": True, "meta": meta}
        return str(self.call("POST", "/data/component/upload", body=body)["job_id"])

    def submit(self, dag: dict[str, Any]) -> str:
        reply = self.call("POST", "/job/submit", body={"dag_schema": dag})
        assert reply["code"] == 0, reply
        return str(reply["job_id"])

    def jobs(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.data("GET", "/job/query", {"job_id": job_id}))

    def tasks(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.data("GET", "/job/task/query", {"job_id": job_id}))

    def wait(self, job_id: str, timeout: float = 900.0) -> str:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            statuses = {job["status"] for job in self.jobs(job_id)}
            if statuses <= ENDED:
                return "/".join(sorted(statuses))
            time.sleep(0.25)
        raise TimeoutError(f"job {job_id} has not ended after {timeout} s: {self.tasks(job_id)}")

    def metrics(self, job_id: str, task: str, role: str = "guest", party: str = GUEST) -> Any:
        query = {"job_id": job_id, "role": role, "party_id": party, "task_name": task}
        return self.data("GET", "/output/metric/query", query)

    def rows(self, job_id: str, task: str, role: str = "guest", party: str = GUEST) -> Any:
        query = {"job_id": job_id, "role": role, "party_id": party, "task_name": task}
        return self.call("GET", "/output/data/display", query)


def write_data(folder: Path, rows: int = 569, seed: int = 7) -> tuple[Path, Path]:
    """Write guest.csv (id, y, 10 columns) and host.csv (id, 20 columns); the same for the same seed."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    guest, host = folder / "guest.csv", folder / "host.csv"
    with guest.open("w") as g, host.open("w") as h:
        g.write("id,y," + ",".join(f"x{i}" for i in range(10)) + "\n")
        h.write("id," + ",".join(f"x{i}" for i in range(20)) + "\n")
        for row in range(rows):
            own = [rng.gauss(0, 1) for _ in range(10)]
            other = [rng.gauss(0, 1) for _ in range(20)]
            y = int(own[0] - own[1] + other[0] - other[1] + other[2] * own[2] + rng.gauss(0, 0.7) > 0)
            g.write(f"{row},{y}," + ",".join(f"{v:.6f}" for v in own) + "\n")
            h.write(f"{row}," + ",".join(f"{v:.6f}" for v in other) + "\n")
    return guest, host


def _channel(producer: str, key: str, roles: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    parties = [{"role": role, "party_id": [party]} for role, party in roles]
    return {"task_output_artifact": {"producer_task": producer, "output_artifact_key": key, "parties": parties}}


def psi_sbt_eval(guest_table: str, host_table: str, trees: int = 3) -> dict[str, Any]:
    """PSI, SecureBoost, evaluation: the usual small job."""
    both = (("guest", GUEST), ("host", HOST))
    data = _channel("psi_0", "output_data", both)
    evaluated = _channel("sbt_0", "train_output_data", both[:1])
    evaluated = {"task_output_artifact": [evaluated["task_output_artifact"]]}
    return {
        "schema_version": "2.2.0",
        "dag": {
            "parties": [{"role": role, "party_id": [party]} for role, party in both],
            "stage": "train",
            "conf": {"task": {"engine_run": {"cores": 1}}},
            "party_tasks": {
                f"{role}_{party}": {
                    "parties": [{"role": role, "party_id": [party]}],
                    "tasks": {"reader_0": {"parameters": {"namespace": "bench", "name": table}}},
                }
                for (role, party), table in zip(both, (guest_table, host_table), strict=True)
            },
            "tasks": {
                "reader_0": {"component_ref": "reader", "parameters": {}, "stage": "default"},
                "psi_0": {
                    "component_ref": "psi", "parameters": {}, "stage": "default", "dependent_tasks": ["reader_0"],
                    "inputs": {"data": {"input_data": _channel("reader_0", "output_data", both)}},
                },
                "sbt_0": {
                    "component_ref": "hetero_secureboost", "dependent_tasks": ["psi_0"],
                    "inputs": {"data": {"train_data": data, "validate_data": data}, "model": {}},
                    "parameters": {
                        "num_trees": trees, "max_depth": 3, "learning_rate": 0.3, "objective": "binary:bce",
                        "num_class": 2, "max_bin": 32, "he_param": {"kind": "paillier", "key_length": 1024},
                    },
                },
                "evaluation_0": {
                    "component_ref": "evaluation", "stage": "default", "dependent_tasks": ["sbt_0"],
                    "parties": [{"role": "guest", "party_id": [GUEST]}],
                    "parameters": {"metrics": ["auc"], "label_column_name": None, "predict_column_name": None},
                    "inputs": {"data": {"input_datas": evaluated}},
                },
            },
        },
    }  # fmt: skip

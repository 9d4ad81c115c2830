"""What is asked when traffic is recorded: the same conversation with a real FATE-Flow and with the fake one.

Each answer has a name; that of the real server is stored under it, and that of the fake is compared with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

END = ("success", "failed", "canceled", "timeout")
GUEST, HOST = ("guest", "9999"), ("host", "10000")
META = {"delimiter": ",", "dtype": "float32", "match_id_name": "id"}


@dataclass
class Exchange:
    """One request and its answer; ``body`` is ``None`` for a file."""

    name: str
    method: str
    path: str
    params: dict[str, Any] | None
    content: Any
    body: Any
    content_type: str


@dataclass
class Conversation:
    """Asks a server, and keeps what was named."""

    url: str
    patience: float = 600.0
    pause: float = 1.0
    progress: Callable[[str], None] = lambda name: None
    exchanges: dict[str, Exchange] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=f"{self.url}/v2", timeout=120, trust_env=False)

    def ask(
        self,
        name: str,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: Any = None,
        form: dict[str, str] | None = None,
        file: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Ask, keep under ``name``, and return the answer's JSON."""
        sent: dict[str, Any] = {"params": params, "headers": headers}
        if form is not None:
            sent |= {"data": form, "files": {"file": ("data.csv", file)} if file is not None else None}
        elif method == "POST":
            sent["json"] = body if body is not None else {}
        response = self.http.request(method, path, **sent)
        content_type = response.headers.get("content-type", "").split(";")[0]
        answer = response.json() if content_type == "application/json" else None
        self.exchanges[name] = Exchange(name, method, path, params, form or body, answer, content_type)
        self.progress(name)
        return answer

    def until_over(self, job_id: str) -> str:
        """Wait for the end of a job; return its state."""
        give_up = time.monotonic() + self.patience
        while time.monotonic() < give_up:
            records = self.http.get("/job/query", params={"job_id": job_id}).json().get("data", [])
            states = {record["status"] for record in records}
            if states and states <= set(END):
                return str(records[0]["status"])
            time.sleep(self.pause)
        raise TimeoutError(f"job {job_id} did not end within {self.patience} s")


def csv(columns: int, *, label: bool) -> bytes:
    """Return a table of 40 rows whose ids overlap by half between the two sides."""
    start = 0 if label else 20
    names = ["id", *(["y"] if label else []), *(f"x{index}" for index in range(columns))]
    rows = [
        [
            str(row),
            *([str(row % 2)] if label else []),
            *(f"{(row * 7 + index) % 11 / 11:.3f}" for index in range(columns)),
        ]
        for row in range(start, start + 40)
    ]
    return "".join(",".join(line) + "\n" for line in [names, *rows]).encode()


def psi_job(guest: str = "recorded_guest", host: str = "recorded_host", **conf: Any) -> dict[str, Any]:
    """Return a job of two tasks."""
    parties = [{"role": role, "party_id": [party_id]} for role, party_id in (GUEST, HOST)]
    return {
        "schema_version": "2.2.0",
        "dag": {
            "parties": parties,
            "stage": "default",
            "conf": {"task": {"engine_run": {"cores": 1}}, **conf},
            "tasks": {
                "reader_0": {"component_ref": "reader", "parameters": {}, "stage": "default"},
                "psi_0": {
                    "component_ref": "psi",
                    "dependent_tasks": ["reader_0"],
                    "parameters": {},
                    "stage": "default",
                    "inputs": {
                        "data": {
                            "input_data": {
                                "task_output_artifact": {
                                    "producer_task": "reader_0",
                                    "output_artifact_key": "output_data",
                                    "parties": parties,
                                }
                            }
                        }
                    },
                },
            },
            "party_tasks": {
                f"{role}_{party_id}": {
                    "parties": [{"role": role, "party_id": [party_id]}],
                    "tasks": {"reader_0": {"parameters": {"namespace": "experiment", "name": name}}},
                }
                for (role, party_id), name in ((GUEST, guest), (HOST, host))
            },
        },
    }


def _task(job_id: str, party: tuple[str, str], task: str) -> dict[str, str]:
    return {"job_id": job_id, "role": party[0], "party_id": party[1], "task_name": task}


def hold(talk: Conversation) -> None:
    """Hold the conversation."""
    _server(talk)
    _refusals(talk)
    _data(talk)
    _job(talk)
    _failing_job(talk)
    _stopped_job(talk)
    _ending(talk)


def _server(talk: Conversation) -> None:
    talk.ask("server_fateflow", "GET", "/server/fateflow")
    talk.ask("site_info_query", "GET", "/site/info/query")
    board = {"server_name": "fateboard", "host": "127.0.0.1", "port": 8080, "protocol": "http"}
    talk.ask("server_registry", "POST", "/server/registry", body=board)
    talk.ask("server_query", "GET", "/server/query", params={"server_name": "fateboard"})
    talk.ask("server_query__missing", "GET", "/server/query", params={"server_name": "nope"})
    service = {"server_name": "fateboard", "service_name": "svc"}
    talk.ask("server_service_registry", "POST", "/server/service/registry", body={**service, "uri": "/x"})
    talk.ask("server_service_query", "GET", "/server/service/query", params=service)
    talk.ask("server_service_delete", "POST", "/server/service/delete", body=service)
    talk.ask("server_delete", "POST", "/server/delete", body={"server_name": "fateboard"})
    talk.ask("server_delete__missing", "POST", "/server/delete", body={"server_name": "nope"})
    talk.ask("provider_query", "GET", "/provider/query")
    talk.ask("provider_query__by_name", "GET", "/provider/query", params={"name": "fate"})
    moon = {"name": "x", "device": "moon", "version": "1", "metadata": {}}
    talk.ask("provider_register__bad_device", "POST", "/provider/register", body=moon)
    talk.ask("provider_delete__missing", "POST", "/provider/delete", body={"name": "nope"})
    talk.ask("app_client_query__auth_off", "GET", "/app/client/query")
    talk.ask("app_client_create__auth_off", "POST", "/app/client/create", body={"app_name": "x"})
    talk.ask("permission_role_query__auth_off", "GET", "/permission/role/query")
    talk.ask("permission_query__auth_off", "GET", "/permission/query", params={"app_id": "x"})
    talk.ask("http_404", "GET", "/nope")
    talk.ask("http_405", "GET", "/job/submit")
    for stub in ("load", "migrate", "store", "restore"):
        talk.ask(f"model_{stub}", "POST", f"/model/{stub}")


def _refusals(talk: Conversation) -> None:
    nobody = _task("000", GUEST, "psi_0")
    talk.ask("job_query__missing", "GET", "/job/query", params={"job_id": "000"})
    talk.ask("job_query__no_filter", "GET", "/job/query")
    talk.ask("job_task_query__missing", "GET", "/job/task/query", params={"job_id": "000"})
    talk.ask("job_list_query__none", "GET", "/job/list/query", params={"job_id": "000000"})
    talk.ask("job_stop__missing", "POST", "/job/stop", body={"job_id": "000"})
    talk.ask("job_rerun__missing", "POST", "/job/rerun", body={"job_id": "000"})
    talk.ask("job_clean__missing", "POST", "/job/clean", body={"job_id": "000"})
    talk.ask("job_log_download__missing", "POST", "/job/log/download", body={"job_id": "000"})
    talk.ask("output_metric_query__missing_task", "GET", "/output/metric/query", params=nobody)
    talk.ask("output_data_table__missing_task", "GET", "/output/data/table", params=nobody)
    talk.ask("job_submit__empty", "POST", "/job/submit", body={})
    talk.ask("job_submit__not_dict", "POST", "/job/submit", body={"dag_schema": "x"})
    talk.ask("job_submit__bad_dag", "POST", "/job/submit", body={"dag_schema": {"dag": {}}})
    unknown = psi_job(task={"provider": "fate:9.9.9@local"})
    refused = talk.ask("job_submit__unknown_provider", "POST", "/job/submit", body={"dag_schema": unknown})
    named = {"job_id": refused["job_id"]}
    talk.ask("job_query__unknown_provider", "GET", "/job/query", params=named)
    talk.ask("job_task_query__unknown_provider", "GET", "/job/task/query", params=named)
    talk.ask("job_list_query__unknown_provider", "GET", "/job/list/query", params=named)
    model = {"model_id": "0", "model_version": "0"}
    talk.ask("model_delete__missing", "POST", "/model/delete", body=model)
    where = {**model, "role": "guest", "party_id": "9999", "path": "/nowhere"}
    talk.ask("model_export__missing", "POST", "/model/export", body=where)
    talk.ask("model_import__no_file", "POST", "/model/import", form=model)
    missing = {"namespace": "experiment", "name": "nope"}
    talk.ask("table_query__missing", "GET", "/table/query", params=missing)
    talk.ask("table_query__missing_param", "GET", "/table/query", params={"namespace": "experiment"})
    talk.ask("table_delete__missing", "POST", "/table/delete", body=missing)
    talk.ask("data_download__missing_table", "GET", "/data/download", params=missing)
    talk.ask("data_component_upload__missing_param", "POST", "/data/component/upload", body={"file": "/x.csv"})


def _data(talk: Conversation) -> None:
    form = {"head": "true", "partitions": "4", "extend_sid": "true", "namespace": "experiment"}
    labelled = json.dumps({**META, "label_name": "y", "label_type": "int32"})
    path = "/data/component/upload/file"
    bad = {**form, "name": "bad", "meta": "not json"}
    talk.ask("data_upload_file__bad_meta", "POST", path, form=bad, file=b"id\n1\n")
    talk.ask("data_upload_file__no_file", "POST", path, form={**form, "name": "bad", "meta": "{}"})
    guest = {**form, "name": "recorded_guest", "meta": labelled}
    first = talk.ask("data_upload_file__guest", "POST", path, form=guest, file=csv(3, label=True))
    host = {**form, "name": "recorded_host", "meta": json.dumps(META)}
    second = talk.ask("data_upload_file__host", "POST", path, form=host, file=csv(4, label=False))
    for job in (first, second):
        talk.until_over(job["job_id"])
    named = {"job_id": first["job_id"]}
    talk.ask("job_query__upload", "GET", "/job/query", params=named)
    talk.ask("job_task_query__upload", "GET", "/job/task/query", params=named)
    transformer = _task(first["job_id"], ("local", "0"), "transformer_0")
    upload = _task(first["job_id"], ("local", "0"), "upload_0")
    talk.ask("output_metric_query__upload", "GET", "/output/metric/query", params=upload)
    talk.ask("output_data_table__transformer", "GET", "/output/data/table", params=transformer)
    talk.ask("output_data_display__transformer", "GET", "/output/data/display", params=transformer)
    table = {"namespace": "experiment", "name": "recorded_guest"}
    talk.ask("table_query", "GET", "/table/query", params=table)
    talk.ask("table_query__display", "GET", "/table/query", params={**table, "display": "true"})
    talk.ask("data_download", "GET", "/data/download", params=table)
    again = {"data_warehouse": table, **table, "drop": False}
    talk.ask("data_transformer__exists", "POST", "/data/component/dataframe/transformer", body=again)
    bound = {"namespace": "experiment", "name": "recorded_dir"}
    talk.ask("table_bind_path", "POST", "/table/bind/path", body={**bound, "path": "/srv/fate/images"})
    talk.ask("table_query__bound_path", "GET", "/table/query", params={**bound, "display": "true"})
    talk.ask("table_delete__bound_path", "POST", "/table/delete", body=bound)


def _job(talk: Conversation) -> None:
    schema = psi_job(extra={"mark": "recorded"})
    label = {"User-Name": "recorder"}
    job = talk.ask("job_submit", "POST", "/job/submit", body={"dag_schema": schema}, headers=label)["job_id"]
    named = {"job_id": job}
    talk.ask("job_task_query__waiting", "GET", "/job/task/query", params=named)
    talk.until_over(job)
    talk.ask("job_query", "GET", "/job/query", params=named)
    talk.ask("job_query__by_party", "GET", "/job/query", params={**named, "role": "guest", "party_id": "9999"})
    talk.ask("job_query__wrong_party", "GET", "/job/query", params={**named, "role": "guest", "party_id": "1"})
    talk.ask("job_query__by_user_name", "GET", "/job/query", headers=label)
    talk.ask("job_list_query__paged", "GET", "/job/list/query", params={"limit": 1, "page": 1})
    talk.ask("job_list_query__by_id", "GET", "/job/list/query", params={"job_id": job[4:]})
    states = {"status": ["success"], "order_by": "create_time", "order": "asc"}
    talk.ask("job_list_query__ordered", "GET", "/job/list/query", params=states)
    talk.ask("job_list_query__order_only", "GET", "/job/list/query", params={"order": "asc"})
    talk.ask("job_list_query__bad_order_by", "GET", "/job/list/query", params={"order_by": "nope", "order": "asc"})
    talk.ask("job_task_query", "GET", "/job/task/query", params=named)
    talk.ask("job_task_list_query", "GET", "/job/task/list/query", params={**named, "limit": 3, "page": 1})
    party = {**named, "role": "guest", "party_id": "9999"}
    talk.ask("job_data_view", "GET", "/job/data/view", params=party)
    talk.ask("job_dag_dependency", "GET", "/job/dag/dependency", params=party)
    talk.ask("job_notes_add", "POST", "/job/notes/add", body={**party, "notes": "seen"})
    talk.ask("job_log_download", "POST", "/job/log/download", body=named)
    psi = _task(job, GUEST, "psi_0")
    talk.ask("output_metric_query", "GET", "/output/metric/query", params=psi)
    talk.ask("output_metric_key_query", "GET", "/output/metric/key/query", params=psi)
    talk.ask("output_model_query__none", "GET", "/output/model/query", params=psi)
    talk.ask("output_model_download__none", "GET", "/output/model/download", params=psi)
    talk.ask("output_data_table", "GET", "/output/data/table", params=psi)
    talk.ask("output_data_display", "GET", "/output/data/display", params=psi)
    talk.ask("output_data_download", "GET", "/output/data/download", params=psi)
    for kind in ("schedule_info", "schedule_error", "task_info", "task_error", "bogus"):
        where = {**psi, "log_type": kind}
        talk.ask(f"log_count__{kind}", "GET", "/log/count", params=where)
        talk.ask(f"log_query__{kind}", "GET", "/log/query", params={**where, "begin": 1, "end": 2})
    talk.ask("job_stop__already_success", "POST", "/job/stop", body=named)
    talk.ask("job_query__stopped_success", "GET", "/job/query", params=named)


def _failing_job(talk: Conversation) -> None:
    schema = {"dag_schema": psi_job(guest="no_such_table")}
    job = talk.ask("job_submit__missing_table", "POST", "/job/submit", body=schema)["job_id"]
    talk.until_over(job)
    talk.ask("job_query__failed", "GET", "/job/query", params={"job_id": job})
    talk.ask("job_task_query__failed", "GET", "/job/task/query", params={"job_id": job})
    where = {**_task(job, GUEST, "reader_0"), "log_type": "task_error"}
    talk.ask("log_query__of_failed", "GET", "/log/query", params=where)


def _stopped_job(talk: Conversation) -> None:
    job = talk.ask("job_submit__to_stop", "POST", "/job/submit", body={"dag_schema": psi_job()})["job_id"]
    named = {"job_id": job}
    talk.ask("job_stop", "POST", "/job/stop", body=named)
    talk.ask("job_query__canceled", "GET", "/job/query", params=named)
    talk.ask("job_task_query__canceled", "GET", "/job/task/query", params=named)
    talk.ask("job_rerun", "POST", "/job/rerun", body=named)
    talk.ask("job_query__rerun", "GET", "/job/query", params=named)
    time.sleep(3 * talk.pause)
    talk.ask("job_stop__rerun", "POST", "/job/stop", body=named)
    talk.until_over(job)


def _ending(talk: Conversation) -> None:
    talk.ask("job_queue_clean", "POST", "/job/queue/clean")
    last = talk.http.get("/job/list/query", params={"limit": 1, "page": 1}).json()["data"]["data"][0]["job_id"]
    talk.ask("job_clean", "POST", "/job/clean", body={"job_id": last})
    talk.ask("job_query__cleaned", "GET", "/job/query", params={"job_id": last})
    for name in ("recorded_guest", "recorded_host"):
        talk.ask(f"table_delete__{name}", "POST", "/table/delete", body={"namespace": "experiment", "name": name})

"""``/data/*`` and ``/table/*`` of the fake server: uploads are jobs here too."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import dag as dags
from .jobs import FakeJob
from .replies import Answer, Call, Refusal, archive, envelope, missing
from .routing import route
from .script import Failure
from .tables import Table, read_csv

if TYPE_CHECKING:
    from .server import FakeFlow

_META = {
    "sample_id_name", "match_id_name", "match_id_list", "match_id_range", "label_name", "label_type", "weight_name",
    "weight_type", "header", "delimiter", "dtype", "na_values", "input_format", "tag_with_value", "tag_value_delimiter",
}  # fmt: skip
_LOCAL = [{"role": "local", "party_id": ["0"]}]


def _local_job(
    fake: FakeFlow,
    components: dict[str, str],
    parameters: dict[str, Any],
    warehouse: dict[str, Any] | None = None,
    **rest: Any,
) -> FakeJob:
    job_id = fake.new_id()
    tasks: dict[str, dict[str, Any]] = {}
    for name, component in components.items():
        tasks[name] = {
            "component_ref": component,
            "parties": _LOCAL,
            "conf": {"provider": "fate:2.2.0@local"},
            "inputs": {
                "data": {
                    "table": {"task_output_artifact": {"producer_task": "upload_0", "output_artifact_key": "table"}}
                }
            }
            if name == "transformer_0" and "upload_0" in components
            else {"data": {"table": {"data_warehouse": warehouse}}}
            if warehouse
            else None,
        }
    schema = {
        "schema_version": "2.2.0",
        "dag": {
            "parties": _LOCAL,
            "stage": "default",
            "conf": {"scheduler_party_id": "0", "task": {"provider": "fate_flow:2.2.0@local"}},
            "tasks": tasks,
            "party_tasks": {
                "local_0": {
                    "parties": _LOCAL,
                    "tasks": {name: {"parameters": parameters.get(name)} for name in components},
                }
            },
        },
    }
    return fake.add_job(dags.complete(schema, job_id=job_id, own_party=fake.party_id), job_id, **rest)


def _start_upload(
    fake: FakeFlow,
    read: Any,
    fields: dict[str, Any],
    namespace: str | None,
    name: str | None,
) -> Answer:
    raw = not (namespace and name)
    target = ("upload", str(uuid.uuid1())) if raw else (str(namespace), str(name))
    if raw:
        fields = {**fields, "namespace": target[0], "name": target[1]}

    def check(job: FakeJob, task: str, party: tuple[str, str]) -> Failure | None:
        if unknown := set(fields["meta"]) - _META:
            text = f"MetaParam.__init__() got an unexpected keyword argument '{min(unknown)}'"
            return Failure(f"TypeError: {text}") if task == "upload_0" else None
        return None

    def finish(job: FakeJob) -> None:
        columns, rows = read_csv(
            read(), fields["meta"], head=bool(fields["head"]), extend_sid=bool(fields["extend_sid"])
        )
        last = "upload" if raw else "dataframe_transformer"
        source = {
            "component": last,
            "output_artifact_key": "dataframe_output",
            "output_index": None,
            "party_task_id": f"{job.job_id}_transformer_0_0_local_0",
            "task_id": f"{job.job_id}_transformer_0",
            "task_name": "transformer_0",
        }
        kind = "table" if raw else "dataframe"
        fake.tables.add(Table(*target, kind, columns, rows, source, meta=fields["meta"]))

    components = {"upload_0": "upload"} | ({} if raw else {"transformer_0": "dataframe_transformer"})
    parameters = {"upload_0": fields, "transformer_0": {"namespace": namespace, "name": name}}
    job = _local_job(fake, components, parameters, on_success=finish, checks=check)
    return envelope({"name": target[1], "namespace": target[0]}, job_id=job.job_id)


@route("POST", "/data/component/upload", "file", "head", "partitions", "meta")
def upload(fake: FakeFlow, call: Call) -> Answer:
    body = call.body
    fields = {key: body.get(key) for key in ("file", "head", "partitions", "extend_sid", "meta")}
    return _start_upload(fake, Path(body["file"]).read_bytes, fields, body.get("namespace"), body.get("name"))


@route("POST", "/data/component/upload/file", "head", "partitions", "meta", place="form")
def upload_file(fake: FakeFlow, call: Call) -> Answer:
    if call.file is None:
        raise Refusal(5007, "No Found File")
    content = call.file
    fields = {
        "file": "temps/upload",
        "head": call.form["head"] == "true",
        "partitions": int(call.form["partitions"]),
        "extend_sid": call.form.get("extend_sid") == "true",
        "meta": json.loads(call.form["meta"]),
    }
    return _start_upload(fake, lambda: content, fields, call.form.get("namespace"), call.form.get("name"))


@route("POST", "/data/component/dataframe/transformer", "data_warehouse", "namespace", "name")
def transformer(fake: FakeFlow, call: Call) -> Answer:
    body = call.body
    namespace, name, source = body["namespace"], body["name"], body["data_warehouse"]
    if fake.tables.get(namespace, name) and not body.get("drop", True):
        raise missing("Exists table", 7002, name=name, namespace=namespace)
    fake.tables.remove(namespace, name)  # at once, whatever becomes of the job

    def check(job: FakeJob, task: str, party: tuple[str, str]) -> Failure | None:
        if fake.tables.get(source.get("namespace"), source.get("name")):
            return None
        return Failure("No found table")

    def finish(job: FakeJob) -> None:
        raw = fake.tables.get(source["namespace"], source["name"])
        assert raw is not None
        made_by = {"task_id": f"{job.job_id}_transformer_0", "component": "dataframe_transformer"}
        fake.tables.add(Table(namespace, name, "dataframe", raw.columns, raw.rows, made_by, meta=raw.meta))
        fake.tables.remove(raw.namespace, raw.name)  # FATE takes a raw table that was read for a temporary one

    named = {"transformer_0": {"namespace": namespace, "name": name}}
    job = _local_job(fake, {"transformer_0": "dataframe_transformer"}, named, source, on_success=finish, checks=check)
    return envelope({"name": name, "namespace": namespace}, job_id=job.job_id)


@route("POST", "/data/component/download", "name", "namespace")
def download_on_server(fake: FakeFlow, call: Call) -> Answer:
    named = {key: call.body[key] for key in ("name", "namespace", "path")}
    job = _local_job(fake, {"download_0": "download"}, {"download_0": named})
    return envelope(named, job_id=job.job_id)


def _table(fake: FakeFlow, namespace: str | None, name: str | None) -> Table:
    if (table := fake.tables.get(namespace, name)) is None:
        raise missing("No found table", 7001, name=name, namespace=namespace)
    return table


@route("GET", "/data/download", "name", "namespace")
def download(fake: FakeFlow, call: Call) -> Answer:
    table = _table(fake, call.arg("namespace"), call.arg("name"))
    files = {f"data/0.{kind}": content for kind, content in table.archive.items()}
    return archive(files, filename=f"download_data_{table.namespace}_{table.name}.tar.gz")


@route("GET", "/table/query", "namespace", "name")
def table_query(fake: FakeFlow, call: Call) -> Answer:
    table = _table(fake, call.arg("namespace"), call.arg("name"))
    return envelope(table.record(display=call.arg("display") == "true"))


@route("POST", "/table/delete", "namespace", "name")
def table_delete(fake: FakeFlow, call: Call) -> Answer:
    table = _table(fake, call.body["namespace"], call.body["name"])
    if table.kind == "data_directory":
        raise Refusal(6000, "NotImplementedError('can not be initialized with storage engine: path')")
    fake.tables.remove(table.namespace, table.name)
    if job := fake.jobs.get(table.namespace.partition("_")[0]):
        job.deleted_outputs.add((table.namespace, table.name))
    return envelope()


@route("POST", "/table/bind/path", "namespace", "name", "path")
def bind_path(fake: FakeFlow, call: Call) -> Answer:
    body = call.body
    fake.tables.add(Table(body["namespace"], body["name"], "data_directory", path=body["path"]))
    return envelope()

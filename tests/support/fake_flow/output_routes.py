"""``/output/*`` and ``/log/*`` of the fake server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .jobs import FakeJob, FakeTask, named_outputs
from .model_routes import learns, predicts, trained
from .replies import Answer, Call, Refusal, archive, bare, envelope, missing
from .routing import route
from .tables import Table

if TYPE_CHECKING:
    from .server import FakeFlow

_TASK = ("job_id", "role", "party_id", "task_name")
_WITHOUT_DATA = ("evaluation", "download")
_LOG_TYPES = ("schedule_info", "schedule_error", "task_error", "task_warning", "task_info", "task_debug")
_DEFAULT = [{"index": None, "name": "default"}]


def _find(fake: FakeFlow, call: Call) -> tuple[FakeJob, FakeTask]:
    named = call.body if call.method == "POST" else {name: call.arg(name) for name in _TASK}
    job = fake.jobs.get(named["job_id"] or "")
    for task in job.tasks if job else ():
        if (task.name, *task.party) == (named["task_name"], named["role"], named["party_id"]) and fake.sees(task.party):
            assert job is not None
            return job, task
    raise missing("No found task", 2000, **{name: named[name] for name in _TASK})


def _metrics(fake: FakeFlow, job: FakeJob, task: FakeTask) -> list[dict[str, Any]]:
    if task.status != "success":
        return []
    if task.name in job.script.metrics:
        return job.script.metrics[task.name]
    parts: list[tuple[str, str | None, list[Any], Any]] = []
    if task.component == "psi":
        parts = [("intersect_id_count", "custom", _DEFAULT, {"intersect_count": 569})]
        summary = {"input_count": 569, "intersect_count": 569, "intersect_rate": 1.0, "method": "curve25519"}
        parts.append(("summary", None, _DEFAULT, summary))
    if task.component == "evaluation" and task.party[0] == "guest":
        scores = {"train_set": [{"metric": "auc", "val": 0.9958}]}
        parts = [("evaluation", "evaluation", _DEFAULT, {"sbt_0": scores})]
    if task.component == "upload":
        parts = [("upload", None, [], {"count": 0, "name": "0f", "namespace": "upload"})]
    return [
        {"data": data, "groups": groups, "name": name, "step_axis": None, "type": kind}
        for name, kind, groups, data in parts
    ]


@route("GET", "/output/metric/query", *_TASK)
def metric_query(fake: FakeFlow, call: Call) -> Answer:
    return envelope(_metrics(fake, *_find(fake, call)))


@route("GET", "/output/metric/key/query", *_TASK)
def metric_keys(fake: FakeFlow, call: Call) -> Answer:
    metrics = _metrics(fake, *_find(fake, call))
    return envelope([{key: value for key, value in metric.items() if key != "data"} for metric in metrics])


@route("POST", "/output/metric/delete", *_TASK)
def metric_delete(fake: FakeFlow, call: Call) -> Answer:
    return envelope(bool(_metrics(fake, *_find(fake, call))))


@route("GET", "/output/model/query", *_TASK)
def model_query(fake: FakeFlow, call: Call) -> Answer:
    model = trained(*_find(fake, call))
    if model is None:
        raise missing("No found output model", 2005, **{name: call.arg(name) for name in _TASK})
    return envelope({"output_model": json.loads(model.get("json_model", b"[]"))})


@route("GET", "/output/model/download", *_TASK)
def model_download(fake: FakeFlow, call: Call) -> Answer:
    model = trained(*_find(fake, call))
    if model is None:
        raise Refusal(6000, "ValueError('No found model')")
    return archive(model, filename="output_model", compressed=False)


@route("POST", "/output/model/delete", *_TASK)
def output_model_delete(fake: FakeFlow, call: Call) -> Answer:
    job, task = _find(fake, call)
    if trained(job, task) is None:
        raise missing("No found output model", 2005, **{name: call.body[name] for name in _TASK})
    job.deleted_models.add((task.name, task.party))
    return envelope()


def _outputs(fake: FakeFlow, job: FakeJob, task: FakeTask) -> dict[str, list[Table]]:
    """Return the tables that a task has made, by output key; like all tables they can be asked for by their names."""
    if task.status != "success" or (task.component in _WITHOUT_DATA and task.name not in job.script.data):
        return {}
    key = {"upload": "table", "dataframe_transformer": "dataframe_output"}.get(task.component, "output_data")
    if learns(task) and predicts(job, task):
        key = "test_output_data"
    if task.name not in job.script.data and (named := named_outputs(job, task)):
        return {key: [fake.tables.get(*name) or Table(*name, "dataframe") for name in named]}
    one = Table("", "", "dataframe", ["extend_sid", "id"], [["0f0", "1"]], meta={"match_id_name": "id"})
    inheritance = job.schema["dag"]["conf"]["inheritance"] or {"task_list": []}
    maker = inheritance["job_id"] if task.name in inheritance["task_list"] else job.job_id  # the names are copied
    outputs: dict[str, list[Table]] = {}
    for made, tables in job.script.data.get(task.name, {key: [one]}).items():
        for table in tables:
            number = sum(map(len, outputs.values()))
            own = replace(table, namespace=f"{maker}_{task.name}", name=f"{task.party[0]}{task.party[1]}{number}f")
            if task.component == "upload":  # a raw table, which the transformer that has read it has deleted
                outputs.setdefault(made, []).append(replace(own, namespace="upload", name=f"{job.job_id}f"))
                continue
            outputs.setdefault(made, []).append(own)
            if (own.namespace, own.name) not in job.deleted_outputs:
                fake.tables.add(own)
    return outputs


@route("GET", "/output/data/table", *_TASK)
def data_table(fake: FakeFlow, call: Call) -> Answer:
    job, task = _find(fake, call)
    outputs = _outputs(fake, job, task)
    return bare({key: [{"name": t.name, "namespace": t.namespace} for t in tables] for key, tables in outputs.items()})


@route("GET", "/output/data/display", *_TASK)
def data_display(fake: FakeFlow, call: Call) -> Answer:
    outputs = _outputs(fake, *_find(fake, call))
    return bare(
        {
            key: [{"data": table.rows[:100], "metadata": {}, "total": len(table.rows)} for table in tables]
            for key, tables in outputs.items()
        }
    )


@route("GET", "/output/data/download", *_TASK)
def data_download(fake: FakeFlow, call: Call) -> Answer:
    job, task = _find(fake, call)
    files = {
        f"{key}/{index}.{kind}": content
        for key, tables in _outputs(fake, job, task).items()
        if call.arg("output_key") in (None, key)
        for index, table in enumerate(tables)
        for kind, content in table.archive.items()
    }
    if not files:
        raise Refusal(7001, "No found table")
    return archive(files, filename=f"{job.job_id}_{task.party[0]}_{task.party[1]}_{task.name}")


# --- logs ---


def _lines(fake: FakeFlow, call: Call) -> list[str]:
    job = fake.jobs.get(call.arg("job_id") or "")
    kind = call.arg("log_type") or ""
    if job is None:
        return []
    if kind.startswith("schedule_"):
        return {"schedule_info": job.schedule_log, "schedule_error": job.schedule_errors}.get(kind, [])
    party = (call.arg("role"), call.arg("party_id"))
    tasks = [task for task in job.tasks if task.party == party and call.arg("task_name") in (None, task.name)]
    lines: list[str] = []
    for task in tasks if fake.sees((party[0] or "", party[1] or "")) else ():
        if kind == "task_error" and task.error_report:
            failure = job.script.failure(task.name, task.component)
            lines += (failure.log if failure and failure.log is not None else None) or task.error_report.splitlines()
        elif kind == "task_info" and task.started is not None:
            lines += [f"[INFO][_wraps.preprocess][line:113]: start {task.name}", "[INFO] run component success"]
    return lines


@route("GET", "/log/count", "log_type", "job_id")
def log_count(fake: FakeFlow, call: Call) -> Answer:
    return envelope(len(_lines(fake, call)))


@route("GET", "/log/query", "log_type", "job_id", "role", "party_id")
def log_query(fake: FakeFlow, call: Call) -> Answer:
    if call.arg("log_type") not in _LOG_TYPES:
        raise Refusal(6000, f"Exception('no found log type {call.arg('log_type')}')")
    begin = call.number("begin") or 1
    lines = _lines(fake, call)[begin - 1 : call.number("end") or None]
    if not lines:
        return envelope([])
    # FATE-Flow splits the text at line ends, so there is one empty line more.
    return envelope([{"content": text, "line_num": begin + index} for index, text in enumerate([*lines, ""])])

"""``/job/*`` of the fake server."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from . import dag as dags
from .jobs import FakeJob, Party, named_outputs
from .records import job_record, listed, task_record
from .replies import Answer, Call, Refusal, archive, envelope, missing
from .routing import route
from .script import Failure

if TYPE_CHECKING:
    from .server import FakeFlow


def _create_failed(party: Party, code: int, message: str) -> str:
    return (
        'Traceback (most recent call last):\n  File "scheduler.py", line 389, in create_all_job\n'
        '    raise Exception("create job failed", response)\n'
        f"Exception: {('create job failed', {party[0]: {party[1]: {'code': code, 'message': message}}})}\n"
    )


def _check_table(fake: FakeFlow) -> Any:
    def check(job: FakeJob, task: str, party: Party) -> Failure | None:
        if not fake.check_tables or job.schema["dag"]["tasks"][task]["component_ref"] != "reader":
            return None
        named = dags.parameters(job.schema, task, party)
        if fake.tables.get(named.get("namespace"), named.get("name")):
            return None
        text = f"No found table: name[{named.get('name')}],namespace[{named.get('namespace')}]"
        return Failure(f'Check failed[{{"code":7001,"message":"{text}"}}\n]', party=party)

    return check


@route("POST", "/job/submit", "dag_schema")
def submit(fake: FakeFlow, call: Call) -> Answer:
    schema = call.body["dag_schema"]
    if not isinstance(schema, dict):
        raise Refusal(5001, "Invalid request.", data={"json": {"dag_schema": ["Not a valid mapping type."]}})
    job_id = fake.new_id()
    try:
        completed = dags.complete(copy.deepcopy(schema), job_id=job_id, own_party=fake.party_id)
    except dags.UnreadableDag:
        raise Refusal(6000, "AttributeError(\"'dict' object has no attribute 'conf'\")") from None
    data = {"model_id": completed["dag"]["conf"]["model_id"], "model_version": "0"}
    provider = completed["dag"]["conf"]["task"]["provider"]
    job = fake.add_job(completed, job_id, checks=_check_table(fake))
    if provider and provider not in fake.providers:
        job.status = dict.fromkeys(job.parties, "failed")
        job.tag = "job_end"
        job.tasks.clear()
        text = _create_failed(job.parties[0], 1002, f"Create job failed: detail[Not found provider[{provider}]]")
        return envelope(data, code=1002, message=text, job_id=job_id)
    job.user_name = call.headers.get("User-Name", "")
    return envelope(data, job_id=job_id)


def _rows(fake: FakeFlow) -> list[tuple[FakeJob, Party]]:
    return [(job, party) for job in fake.jobs.values() for party in job.parties if fake.sees(party)]


@route("GET", "/job/query")
def query(fake: FakeFlow, call: Call) -> Answer:
    job_id, role, party_id, status = (call.arg(name) for name in ("job_id", "role", "party_id", "status"))
    user = call.headers.get("User-Name")
    asked = any(value is not None for value in (job_id, role, party_id, status, user))
    found = [
        job_record(job, party)
        for job, party in (_rows(fake) if asked else ())
        if job_id in (None, job.job_id)
        and role in (None, party[0])
        and party_id in (None, party[1])
        and status in (None, job.status[party])
        and user in (None, job.user_name)
    ]
    if not found:
        raise missing("No found job", 1001, job_id=job_id, role=role, party_id=party_id, status=status)
    return envelope(found)


@route("GET", "/job/list/query")
def list_query(fake: FakeFlow, call: Call) -> Answer:
    given = [value for value in (call.arg("order_by"), call.arg("order")) if value]
    if len(given) == 1:
        raise Refusal(6000, "ValueError('not enough values to unpack (expected 2, got 1)')")
    order_by, order = given or ["create_time", "desc"]
    user = call.headers.get("User-Name")
    found = [
        (job, party)
        for job, party in _rows(fake)
        if job.tag != "submit_failed"
        and (call.arg("job_id") or "") in job.job_id
        and (call.arg("description") or "") in job.notes.get(party, "")
        and (call.arg("party_id") or "") in party[1]
        and party[0] in call.query.get("role", [party[0]])
        and job.status[party] in call.query.get("status", [job.status[party]])
        and user in (None, job.user_name)
    ]
    if order_by == "create_time":  # what nearly everybody asks for; the records are there in this order
        if order == "desc":
            found.reverse()
    else:
        if found and order_by not in job_record(*found[0]):
            raise Refusal(6000, f"AttributeError(\"type object 'Job' has no attribute 'f_{order_by}'\")")
        found.sort(key=lambda row: str(job_record(*row)[order_by]), reverse=order == "desc")
    count = len(found)
    limit, page = call.number("limit"), call.number("page")
    if limit > 0:
        start = max(0, limit * (page - 1))
        found = found[start : start + limit]
    records = [listed(job, party) for job, party in found]
    if partner := call.arg("partner"):
        records = [record for record in records if partner in record["partners"]]
    return envelope({"count": count, "data": records})


@route("POST", "/job/stop", "job_id")
def stop(fake: FakeFlow, call: Call) -> Answer:
    fake.find(call.body["job_id"]).stop()
    return envelope()


@route("POST", "/job/rerun", "job_id")
def rerun(fake: FakeFlow, call: Call) -> Answer:
    job = fake.find(call.body["job_id"])
    job.rerun()
    fake.activate(job)
    return envelope()


@route("POST", "/job/clean", "job_id")
def clean(fake: FakeFlow, call: Call) -> Answer:
    job = fake.find(call.body["job_id"])
    for task in job.tasks:
        for table in named_outputs(job, task) if fake.sees(task.party) else ():
            if (known := fake.tables.get(*table)) and known.kind != "data_directory":
                fake.tables.remove(*table)
    fake.remove_job(job.job_id)
    return envelope()


@route("POST", "/job/queue/clean")
def clean_queue(fake: FakeFlow, call: Call) -> Answer:
    waiting = [job for job in fake.jobs.values() if job.state == "waiting"]
    for job in waiting:
        job.stop(by_partner=True)  # these read failed first, too
        fake.activate(job)
    return envelope({job.job_id: {"code": 0, "message": "success"} for job in waiting})


@route("POST", "/job/notes/add", "job_id", "role", "party_id", "notes")
def add_notes(fake: FakeFlow, call: Call) -> Answer:
    job = fake.find(call.body["job_id"])
    job.notes[call.body["role"], call.body["party_id"]] = call.body["notes"]
    return envelope()


def _one(fake: FakeFlow, call: Call) -> tuple[FakeJob, Party]:
    job = fake.jobs.get(call.arg("job_id") or "")
    party = (call.arg("role") or "", call.arg("party_id") or "")
    if job is None or party not in job.parties or not fake.sees(party):
        raise missing("No found job", 1001, job_id=call.arg("job_id"), role=party[0], party_id=party[1])
    return job, party


@route("GET", "/job/data/view", "job_id", "role", "party_id")
def data_view(fake: FakeFlow, call: Call) -> Answer:
    job, (role, _) = _one(fake, call)
    view: dict[str, dict[str, list[Any]]] = {}
    for party in job.parties:
        readers = [
            dags.parameters(job.schema, task.name, party)
            for task in job.tasks
            if task.component == "reader" and task.party == party
        ]
        tables = [{"name": named.get("name"), "namespace": named.get("namespace")} for named in readers]
        view.setdefault(party[0], {})[party[1]] = tables
    # The party id is that of the last party, whoever asked: FATE-Flow's own mistake.
    return envelope({"data_view": view, "party_id": job.parties[-1][1], "role": role})


@route("GET", "/job/dag/dependency", "job_id", "role", "party_id")
def dependency(fake: FakeFlow, call: Call) -> Answer:
    job, _ = _one(fake, call)
    tasks = job.schema["dag"]["tasks"]
    return envelope(
        {
            "component_list": job.order,
            "component_module": {name: tasks[name]["component_ref"] for name in job.order},
            "component_stage": {name: tasks[name]["stage"] or job.schema["dag"]["stage"] for name in job.order},
            "dependencies": {
                name: [
                    {
                        "component_name": producer,
                        "model_type": "data",
                        "type": "input_data",
                        "up_output_info": ["output_data"],
                    }
                    for producer in sorted(dags.producers(tasks[name]))
                ]
                or [{"up_output_info": []}]
                for name in job.order
            },
        }
    )


@route("POST", "/job/log/download", "job_id")
def download_logs(fake: FakeFlow, call: Call) -> Answer:
    job = fake.jobs.get(call.body["job_id"])
    if job is None:
        raise missing("No found file or dir", 8001, path=f"logs/{call.body['job_id']}")
    log = "\n".join(job.schedule_log).encode()
    return archive({"fate_flow_schedule.log": log}, filename=f"job_{job.job_id}_log.tar.gz")


# --- tasks ---


def _tasks(fake: FakeFlow, call: Call, *, versions: bool) -> list[dict[str, Any]]:
    names = ("job_id", "role", "party_id", "task_name") + (() if versions else ("status", "task_id", "task_version"))
    asked = {name: value for name in names if (value := call.arg(name)) is not None}
    jobs = [fake.jobs[asked["job_id"]]] if asked.get("job_id") in fake.jobs else []
    if "job_id" not in asked and (asked or versions):
        jobs = list(fake.jobs.values())
    records = [
        task_record(job, task)
        for job in jobs
        for task in sorted([*job.old, *job.tasks] if versions else job.tasks, key=lambda task: task.created)
        if fake.sees(task.party)
    ]
    return [record for record in records if all(str(record[name]) == value for name, value in asked.items())]


@route("GET", "/job/task/query")
def task_query(fake: FakeFlow, call: Call) -> Answer:
    found = _tasks(fake, call, versions=False)
    if not found:
        raise missing("No found task", 2000)
    return envelope(found)


@route("GET", "/job/task/list/query")
def task_list(fake: FakeFlow, call: Call) -> Answer:
    if call.arg("order"):
        raise Refusal(6000, "ValueError('not enough values to unpack (expected 2, got 1)')")
    found = _tasks(fake, call, versions=True)[::-1]
    limit, page = call.number("limit"), call.number("page")
    start = max(0, limit * (page - 1))
    return envelope({"count": len(found), "data": found[start : start + limit] if limit else found})

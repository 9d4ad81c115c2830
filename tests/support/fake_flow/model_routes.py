"""``/model/*`` and ``/worker/model/*`` of the fake server: models by their id and version."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from .jobs import FakeJob, FakeTask
from .replies import Answer, Call, Refusal, archive, envelope, missing
from .routing import route

if TYPE_CHECKING:
    from .server import FakeFlow

KEY = "output_model"
TEMPORARY = "/tmp/tmp5k2_x1ab"
_LEARN = ("_lr", "_linr", "secureboost", "_nn", "feature_scale", "_binning", "_selection")


def learns(task: FakeTask) -> bool:
    """Whether what a task runs makes a model when it trains."""
    return task.component.endswith(_LEARN)


def predicts(job: FakeJob, task: FakeTask) -> bool:
    """Whether a task applies a model."""
    dag = job.schema["dag"]
    return bool((dag["tasks"][task.name].get("stage") or dag.get("stage")) == "predict")


def trained(job: FakeJob, task: FakeTask) -> dict[str, bytes] | None:
    """The files of the model that a task has made for its party."""
    if task.status != "success" or job.without_models or (task.name, task.party) in job.deleted_models:
        return None
    if task.party[0] == "arbiter" and task.component.startswith("homo_lr"):
        return None
    if task.name in job.script.models:
        files = dict(job.script.models[task.name])
    elif learns(task) and not predicts(job, task):
        files = {"json_model": json.dumps({"meta": {"max_iter": 3}, "param": {"job": job.job_id}}).encode()}
    else:
        return None
    kind = "json_model" if "json_model" in files else "model_directory"
    meta = {
        "model_key": kind,
        "type_name": kind,
        "source": {"task_name": task.name, "component": task.component, "output_artifact_key": KEY},
        "model_overview": {"party": {"role": task.party[0], "partyid": task.party[1]}},
    }
    return {**files, f"{kind}.meta.yaml": json.dumps(meta).encode()}


def _parts(fake: FakeFlow, model: tuple[str, str]) -> dict[tuple[str, str, str, str], bytes]:
    """The archives of a model, by role, party, task and output key."""
    found = dict(fake.models.get(model, {}))
    for job in fake.jobs.values():
        if (job.model_id, str(job.schema["dag"]["conf"]["model_version"])) == model:
            for task in job.tasks:
                files = trained(job, task)
                if files is not None and (*task.party, task.name, KEY) not in found and fake.sees(task.party):
                    tar = archive(files, filename=KEY, compressed=False)
                    found[(*task.party, task.name, KEY)] = tar.body
    return found


def _named(named: Any) -> tuple[str, str]:
    return str(named["model_id"]), str(named["model_version"])


def _no_model(named: dict[str, Any], *names: str) -> Refusal:
    return missing("No found output model", 2005, **{name: named.get(name) for name in names})


@route("POST", "/model/load")
@route("POST", "/model/migrate")
@route("POST", "/model/store")
@route("POST", "/model/restore")
def stub(fake: FakeFlow, call: Call) -> Answer:
    return envelope()


@route("POST", "/model/export", "model_id", "model_version", "party_id", "role", "path")
def model_export(fake: FakeFlow, call: Call) -> Answer:
    party = (call.body["role"], call.body["party_id"])
    if not any(part[:2] == party for part in _parts(fake, _named(call.body))):
        raise _no_model(call.body, "model_id", "model_version", "role", "party_id")
    return envelope()


@route("POST", "/model/import", "model_id", "model_version", place="form")
def model_import(fake: FakeFlow, call: Call) -> Answer:
    if call.file is None:
        raise Refusal(5007, "No Found File")
    if not zipfile.is_zipfile(io.BytesIO(call.file)):
        raise Refusal(6000, f"ReadError('{TEMPORARY}/file is not a zip file')")
    with zipfile.ZipFile(io.BytesIO(call.file)) as sent:
        for name in sent.namelist():
            path = f"{TEMPORARY}/{name}".lstrip(f"{TEMPORARY}/").split("/")
            if len(path) != 6:
                number = f"not enough values to unpack (expected 6, got {len(path)})"
                raise Refusal(6000, f"ValueError('{number}')")
            role, party_id, task, key = path[2:]
            model = fake.models.setdefault((call.form["model_id"], call.form["model_version"]), {})
            model[role, party_id, task, key] = sent.read(name)
    return envelope()


@route("POST", "/model/delete", "model_id", "model_version")
def model_delete(fake: FakeFlow, call: Call) -> Answer:
    wanted = [call.body.get(name) for name in ("role", "party_id", "task_name", "output_key")]
    found = [
        part
        for part in _parts(fake, _named(call.body))
        if all(one in (None, name) for one, name in zip(wanted, part, strict=True))
    ]
    if not found:
        raise _no_model(call.body, "model_id", "model_version")
    for role, party_id, task, key in found:
        fake.models.get(_named(call.body), {}).pop((role, party_id, task, key), None)
        for job in fake.jobs.values():
            if (job.model_id, str(job.schema["dag"]["conf"]["model_version"])) == _named(call.body):
                job.deleted_models.add((task, (role, party_id)))
    return envelope({"count": True})


@route("GET", "/worker/model/download", "model_id", "model_version", "role", "party_id", "task_name", "output_key")
def worker_model_download(fake: FakeFlow, call: Call) -> Answer:
    part = tuple(str(call.arg(name)) for name in ("role", "party_id", "task_name", "output_key"))
    parts = _parts(fake, (str(call.arg("model_id")), str(call.arg("model_version"))))
    if part not in parts:
        text = f"Request uri {fake.url}/v2/worker/model/download failed: No found model"
        raise Refusal(5008, text)
    return Answer(parts[part], "application/x-tar", filename=str(part[-1]))

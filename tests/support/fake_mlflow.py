"""An MLflow server in memory, as far as it is spoken to; contract tests hold it to the real one."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.support.json_server import Answer, JsonServer

API = "/api/2.0"
ARTIFACTS = f"{API}/mlflow-artifacts/artifacts/"
_PAIR = re.compile(r"(?:(name)|tags\.`([^`]+)`) (=|LIKE) '([^']*)'")
_ALIAS = re.compile(r"[\w\-]*")


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, name: str, message: str) -> None:
        status = {"RESOURCE_DOES_NOT_EXIST": 404}.get(name, 400)
        self.answer: Answer = (status, {"error_code": name, "message": message})


def missing(what: str) -> Refused:
    return Refused("RESOURCE_DOES_NOT_EXIST", f"{what} not found")


def invalid(message: str) -> Refused:
    return Refused("INVALID_PARAMETER_VALUE", message)


class FakeMlflow(JsonServer):
    """Experiments, runs, artifacts, registered models.

    :ivar page: so many versions are answered at once.
    :ivar artifacts: bytes by path.
    """

    def __init__(self) -> None:
        super().__init__()
        self.page = 1000
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, bytes] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.artifact_root = "mlflow-artifacts:"

    def failed(self, words: str) -> Answer:
        return 500, {"error_code": "INTERNAL_ERROR", "message": words}

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if path == "/version":
            return 200, b"3.17.2"
        if path.startswith(ARTIFACTS):
            return self._artifact(method, path.removeprefix(ARTIFACTS), body)
        name = path.removeprefix(f"{API}/mlflow/").replace("/", "_").replace("-", "_")
        handle: Callable[[dict[str, Any]], Any] | None = getattr(self, f"_{method.lower()}_{name}", None)
        if handle is None:
            return 404, b"<!doctype html><title>404 Not Found</title>"
        try:
            return 200, handle(query if method == "GET" else json.loads(body))
        except Refused as refused:
            return refused.answer

    # -- experiments and runs ----------------------------------------------------------------------------------------

    def _get_experiments_get_by_name(self, asked: dict[str, Any]) -> Any:
        name = asked["experiment_name"]
        if name not in self.experiments:
            raise missing(f"Experiment {name}")
        return {"experiment": self.experiments[name]}

    def _post_experiments_create(self, asked: dict[str, Any]) -> Any:
        name = asked["name"]
        if name in self.experiments:
            raise Refused("RESOURCE_ALREADY_EXISTS", f"Experiment(name={name}) already exists.")
        number = str(len(self.experiments) + 1)
        self.experiments[name] = {"experiment_id": number, "name": name, "lifecycle_stage": "active"}
        return {"experiment_id": number}

    def _post_runs_create(self, asked: dict[str, Any]) -> Any:
        run_id = uuid.uuid4().hex
        info = {
            "run_id": run_id,
            "experiment_id": asked["experiment_id"],
            "status": "RUNNING",
            "start_time": asked["start_time"],
            "artifact_uri": f"{self.artifact_root}/{asked['experiment_id']}/{run_id}/artifacts",
            "lifecycle_stage": "active",
        }
        tags = {pair["key"]: pair["value"] for pair in asked["tags"]} | {"mlflow.runName": asked["run_name"]}
        self.runs[run_id] = {"info": info, "params": {}, "tags": tags, "metrics": {}}
        return {"run": self._run(run_id)}

    def _run(self, run_id: str) -> dict[str, Any]:
        if run_id not in self.runs:
            raise missing(f"Run with id={run_id}")
        run = self.runs[run_id]
        data: dict[str, Any] = {
            name: [{"key": k, "value": v} for k, v in run[name].items()] for name in ("params", "tags")
        }
        newest = {key: max(points) for key, points in run["metrics"].items()}
        data["metrics"] = [{"key": k, "value": value, "step": step} for k, (step, _, value) in newest.items()]
        return {"info": run["info"], "data": {name: values for name, values in data.items() if values}}

    def _active(self, run_id: str) -> dict[str, Any]:
        self._run(run_id)
        run = self.runs[run_id]
        if run["info"]["lifecycle_stage"] != "active":
            raise invalid(f"The run {run_id} must be in the 'active' state. Current state is deleted.")
        return run

    def _get_runs_get(self, asked: dict[str, Any]) -> Any:
        return {"run": self._run(asked["run_id"])}

    def _post_runs_search(self, asked: dict[str, Any]) -> Any:
        found = []
        for run_id, run in self.runs.items():
            info = run["info"]
            is_here = info["experiment_id"] in asked["experiment_ids"] and info["lifecycle_stage"] == "active"
            if is_here and _holds(asked["filter"], "", run["tags"]):
                found.append(self._run(run_id))
        found.sort(key=lambda run: run["info"]["start_time"])
        return {"runs": found[: asked["max_results"]]} if found else {}

    def _post_runs_log_batch(self, asked: dict[str, Any]) -> Any:
        run = self._active(asked["run_id"])
        if len(asked["params"]) > 100 or len(asked["tags"]) > 100 or len(asked["metrics"]) > 1000:
            raise invalid("A batch logging request can contain at most 100 params, 100 tags and 1000 metrics.")
        for pair in asked["params"]:
            _unchanged(run, pair["key"], pair["value"])
        for point in asked["metrics"]:
            points = run["metrics"].setdefault(point["key"], set())
            points.add((point["step"], point["timestamp"], point["value"]))
        run["params"] |= {pair["key"]: pair["value"] for pair in asked["params"]}
        run["tags"] |= {pair["key"]: pair["value"] for pair in asked["tags"]}
        return {}

    def _post_runs_log_parameter(self, asked: dict[str, Any]) -> Any:
        run = self._active(asked["run_id"])
        _unchanged(run, asked["key"], asked["value"])
        run["params"][asked["key"]] = asked["value"]
        return {}

    def _post_runs_update(self, asked: dict[str, Any]) -> Any:
        run = self._active(asked["run_id"])
        run["info"] |= {"status": asked["status"], "end_time": asked["end_time"]}
        return {"run_info": run["info"]}

    def _post_runs_delete(self, asked: dict[str, Any]) -> Any:
        self._run(asked["run_id"])["info"]["lifecycle_stage"] = "deleted"
        return {}

    # -- artifacts ---------------------------------------------------------------------------------------------------

    def _artifact(self, method: str, path: str, body: bytes) -> Answer:
        if method == "PUT":
            self.artifacts[path] = body
            return 200, b""
        if path not in self.artifacts:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such artifact"}
        return 200, self.artifacts[path]

    def _get_artifacts_list(self, asked: dict[str, Any]) -> Any:
        root = self._run(asked["run_id"])["info"]["artifact_uri"].partition(":/")[2]
        inside = sorted(path for path in self.artifacts if path.startswith(f"{root}/{asked['path']}/"))
        return {"files": [{"path": path.removeprefix(f"{root}/"), "is_dir": False} for path in inside]}

    # -- registered models -------------------------------------------------------------------------------------------

    def _post_registered_models_create(self, asked: dict[str, Any]) -> Any:
        name = asked["name"]
        if name in self.models:
            raise Refused("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
        self.models[name] = {"name": name, "tags": asked["tags"], "aliases": {}, "versions": {}, "last": 0}
        return {"registered_model": {"name": name}}

    def _get_registered_models_get(self, asked: dict[str, Any]) -> Any:
        model = self._model(asked["name"])
        told = {"name": model["name"], "last_updated_timestamp": _now(), "tags": model["tags"]}
        aliases = [{"alias": alias, "version": str(version)} for alias, version in model["aliases"].items()]
        return {"registered_model": told | ({"aliases": aliases} if aliases else {})}

    def _model(self, name: str) -> dict[str, Any]:
        if name not in self.models:
            raise missing(f"Registered Model with name={name}")
        return self.models[name]

    def _version(self, name: str, version: str) -> dict[str, Any]:
        found = self.models.get(name, {"versions": {}})["versions"].get(int(version))
        if found is None:
            raise missing(f"Model Version (name={name}, version={version})")
        told: dict[str, Any] = found
        return told

    def _post_model_versions_create(self, asked: dict[str, Any]) -> Any:
        if asked["run_id"] not in self.runs:
            raise invalid("The run_id request parameter must identify the resource that contains the source.")
        model = self._model(asked["name"])
        model["last"] += 1
        known = ("name", "source", "run_id", "tags", "description")
        made = {key: asked[key] for key in known} | {"version": str(model["last"]), "creation_timestamp": _now()}
        model["versions"][model["last"]] = made
        return {"model_version": made}

    def _get_model_versions_get(self, asked: dict[str, Any]) -> Any:
        return {"model_version": self._version(asked["name"], asked["version"])}

    def _get_model_versions_search(self, asked: dict[str, Any]) -> Any:
        every = [version for model in self.models.values() for version in model["versions"].values()]
        tags = [{pair["key"]: pair["value"] for pair in version["tags"]} for version in every]
        found = [v for v, t in zip(every, tags, strict=True) if _holds(asked["filter"], v["name"], t)]
        found.sort(key=lambda version: -int(version["version"]))
        start = int(base64.b64decode(asked["page_token"])) if "page_token" in asked else 0
        size = min(self.page, int(asked["max_results"]))
        answer: dict[str, Any] = {"model_versions": found[start : start + size]} if found else {}
        if found[start + size :]:
            answer["next_page_token"] = base64.b64encode(str(start + size).encode()).decode()
        return answer

    def _delete_model_versions_delete(self, asked: dict[str, Any]) -> Any:
        self._version(asked["name"], asked["version"])
        model = self.models[asked["name"]]
        del model["versions"][int(asked["version"])]
        model["aliases"] = {alias: at for alias, at in model["aliases"].items() if at != int(asked["version"])}
        return {}

    def _post_registered_models_alias(self, asked: dict[str, Any]) -> Any:
        alias = asked["alias"]
        if not _ALIAS.fullmatch(alias):
            raise invalid(f"Invalid alias name: '{alias}'.")
        if alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias):
            raise invalid(f"Version alias name '{alias}' is reserved.")
        self._version(asked["name"], asked["version"])
        self.models[asked["name"]]["aliases"][alias] = int(asked["version"])
        return {}

    def _delete_registered_models_alias(self, asked: dict[str, Any]) -> Any:
        self._model(asked["name"])["aliases"].pop(asked["alias"], None)
        return {}


def _unchanged(run: dict[str, Any], key: str, value: str) -> None:
    if run["params"].get(key, value) != value:
        raise invalid(f"Changing param values is not allowed. Param with key='{key}' was already logged.")


def _holds(condition: str, name: str, tags: dict[str, str]) -> bool:
    for part in condition.split(" and ") if condition else ():
        found = _PAIR.fullmatch(part)
        if found is None:
            raise invalid(f"Invalid filter string: {part}")
        is_name, key, operator, value = found.groups()
        actual = name if is_name else tags.get(key)
        if actual is None or (operator == "=" and actual != value):
            return False
    return True


def _now() -> int:
    return int(time.time() * 1000)

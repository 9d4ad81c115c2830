"""What KubeFATE's handlers answer to who has logged in."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import yaml

from .records import new_chart, new_job
from .state import FakeState
from .web import WebAnswer
from .workers import delete, install, update

_KEYS = ("name", "namespace", "chart_name", "chart_version", "cover", "data", "Keep_upgrade_job")


class Wrong(Exception):
    """An answer ``{"error": ...}``."""

    def __init__(self, words: str, status: int = 500) -> None:
        super().__init__(words)
        self.status = status


class Handlers(FakeState):
    """Routes below ``/v1``."""

    def handle(self, method: str, path: list[str], query: dict[str, str], body: bytes) -> WebAnswer:
        match method, path:
            case "GET", ["version"]:
                return 200, {"msg": "getVersion Success", "version": "v1.4.5"}, {}
            case "GET", ["user"]:
                return 200, {"data": [{"username": "admin", "password": "e20bb7", "salt": "hd2x"}], "msg": "x"}, {}
            case "GET", ["namespace"]:
                return self._namespaces()
            case "POST", ["cluster"]:
                return self._install(_orders(body))
            case "PUT", ["cluster"]:
                return self._update(_orders(body))
            case "GET", ["cluster"]:
                rows = self.clusters if query.get("all") == "true" else self.live
                return 200, {"data": list(rows), "msg": "getClusterList Success"}, {}
            case "GET", ["cluster", cluster_id]:
                return 200, {"data": self._look(_row(self.clusters, cluster_id)), "msg": "getCluster Success"}, {}
            case "DELETE", ["cluster", cluster_id]:
                return self._delete(_row(self.clusters, cluster_id))
            case "GET", ["job"]:
                rows = [job for job in self.jobs if job["DeletedAt"] is None]
                return 200, {"data": rows, "msg": "getJobList Success"}, {}
            case "GET", ["job", job_id]:
                return 200, {"data": _row(self.jobs, job_id), "msg": "getJob Success"}, {}
            case "PUT", ["job", job_id]:
                return self._stop(job_id, query)
            case "DELETE", ["job", job_id]:
                _row(self.jobs, job_id)["DeletedAt"] = self.moment()
                return 200, {"msg": "delete Job Success"}, {}
            case "GET", ["chart"]:
                rows = [chart for chart in self.charts if chart["DeletedAt"] is None]
                return 200, {"data": rows, "msg": "getChartList Success"}, {}
            case "POST", ["chart"]:
                return self._upload(body)
            case "DELETE", ["chart", chart_id]:
                for chart in self.charts:
                    if chart["uuid"] == chart_id:
                        chart["DeletedAt"] = self.moment()
                return 200, {"msg": "deleteChart Success"}, {}
            case "GET", ["chart", "valueTemplateExample", *_]:
                raise Wrong(
                    'looks like "http://127.0.0.1:9/charts" is not a valid Chart repository or cannot be reached: Get '
                    '"http://127.0.0.1:9/charts/index.yaml": dial tcp 127.0.0.1:9: connect: connection refused'
                )
            case "GET", ["log", cluster_id]:
                return self._log(cluster_id, query)
        return 404, b"404 page not found", {}

    def _namespaces(self) -> WebAnswer:
        if self.kubernetes.away:
            raise Wrong(
                'Get namespaces failed. Please check if user has the privilege to list resource "namespaces" at the '
                'cluster scope: Get "http://127.0.0.1:16443/api/v1/namespaces": dial tcp 127.0.0.1:16443: connect: '
                "connection refused"
            )
        rows = [
            {"Name": name, "Status": "Active", "Labels": None, "Annotations": None, "Age": "29m"}
            for name in self.kubernetes.namespaces
        ]
        return 200, {"data": rows, "msg": "getNamespaceList Success"}, {}

    def _install(self, orders: dict[str, Any]) -> WebAnswer:
        if not orders["chart_version"] or not orders["chart_name"]:
            raise Wrong("chartVersion cannot be empty")
        if self._named(orders) is not None:
            raise Wrong(f"name={orders['name']} & namespace={orders['namespace']} Cluster already existed")
        job = new_job(len(self.jobs) + 1, "ClusterInstall", orders, "", self.now())
        self.jobs.append(job)
        answer = dict(job)
        self.begin(install(self, job))
        return 200, {"data": answer, "msg": "createCluster Success"}, {}

    def _update(self, orders: dict[str, Any]) -> WebAnswer:
        cluster = self._named(orders)
        if cluster is None:
            raise Wrong(f"name={orders['name']} Cluster is not existed")
        spec = yaml.safe_load(base64.b64decode(orders["data"] or ""))
        if cluster["chart_name"] == "fate":
            old = cluster["Spec"]
            if old["chartName"] != spec["chartName"]:
                raise Wrong("doesn't support upgrade between different charts")
            if old == spec:
                raise Wrong("the configuration file did not change")
            if _number(spec["chartVersion"]) < _number(old["chartVersion"]):
                raise Wrong("using kubefate to downgrade a cluster is not supported yet")
            if old["chartVersion"] != spec["chartVersion"] and _number(old["chartVersion"]) <= (1, 7, 1):
                raise Wrong("upgrade from FATE version <= 1.7.1 is not supported by KubeFATE")
        job = new_job(len(self.jobs) + 1, "ClusterUpdate", orders, cluster["uuid"], self.now())
        self.jobs.append(job)
        answer = dict(job)
        self.begin(update(self, job, cluster, spec))
        return 200, {"data": answer, "msg": "setCluster Success"}, {}

    def _delete(self, cluster: dict[str, Any]) -> WebAnswer:
        job = new_job(len(self.jobs) + 1, "ClusterDelete", None, cluster["uuid"], self.now())
        self.jobs.append(job)
        answer = dict(job)
        self.begin(delete(self, job, cluster))
        return 200, {"data": answer, "msg": "deleteCluster Success"}, {}

    def _stop(self, job_id: str, query: dict[str, str]) -> WebAnswer:
        if query.get("jobStatus") != "stop":
            raise Wrong("jobStatus error", 400)
        try:
            job = _row(self.jobs, job_id)
        except Wrong as e:
            raise Wrong(f"get job by jobID error, please check job ID, {e}") from None
        if job["status"] != "Running":
            raise Wrong(f"job status is {job['status']}, not support stop")
        if job["method"] != "ClusterInstall":
            raise Wrong(f"{job['method']} type jobs do not support stop")
        self.write(job, status="Stopping")
        return 200, {"data": "Stop Job Success", "msg": "stop Job Success"}, {}

    def _look(self, cluster: dict[str, Any]) -> dict[str, Any]:
        """A cluster as it is on Kubernetes; its status is judged by its Deployments alone."""
        if self.kubernetes.away:
            raise Wrong(
                'Get "http://127.0.0.1:16443/api/v1/nodes": dial tcp 127.0.0.1:16443: connect: connection refused'
            )
        deployments, stateful = self.kubernetes.workloads(cluster["namespaces"], cluster["name"])
        if cluster["status"] in ("Running", "Unavailable"):
            ready = bool(deployments) and all(state == "Available" for state in deployments.values())
            cluster["status"] = "Running" if ready else "Unavailable"
        info = {
            "dashboard": self.kubernetes.hosts(cluster["namespaces"], cluster["name"]),
            "ip": "127.0.0.1",
            "status": {"containers": {}, "deployments": deployments, "statefulSets": stateful},
        }
        return cluster | {"Info": info}

    def _log(self, cluster_id: str, query: dict[str, str]) -> WebAnswer:
        """All containers of a cluster, or one; with several, each line begins with pod and container."""
        try:
            cluster = _row(self.clusters, cluster_id)
        except Wrong as e:
            raise Wrong(f"get Cluster error, {e}", 400) from None
        deployments, stateful = self.kubernetes.workloads(cluster["namespaces"], cluster["name"])
        chosen = [name for name in deployments | stateful if query.get("container") in (None, name)]
        written = {name: [*self.kubernetes.logs.get(name, [f"{name} has started"])] for name in chosen}
        tail = int(query.get("tail") or 0)
        lines = [
            f"[{name}-0 {name}] {line}" if len(chosen) > 1 else line
            for name, said in written.items()
            for line in said[-tail:]
        ]
        return 200, {"data": "\n".join(lines), "msg": "getClusterLog Success"}, {}

    def _upload(self, body: bytes) -> WebAnswer:
        head, _, rest = body.partition(b"\r\n\r\n")
        if b'name="file"' not in head:
            raise Wrong("http: no such file", 400)
        if not rest.startswith(b"\x1f\x8b"):
            raise Wrong("gzip: invalid header")
        name, _, version = head.split(b'filename="')[1].split(b'"')[0].decode().removesuffix(".tgz").rpartition("-")
        for chart in self.charts:
            if (chart["name"], chart["version"]) == (name, version):
                chart["DeletedAt"] = self.moment()
        chart = new_chart(len(self.charts) + 1, name, version, self.now())
        self.charts.append(chart)
        return 200, {"data": {"helmUUID": chart["uuid"]}, "msg": "CreateChart Success"}, {}

    def _named(self, orders: dict[str, Any]) -> dict[str, Any] | None:
        wanted = (orders["name"], orders["namespace"])
        return next((row for row in self.live if (row["name"], row["namespaces"]) == wanted), None)


def _row(rows: list[dict[str, Any]], uuid: str) -> dict[str, Any]:
    found = next((row for row in rows if row["uuid"] == uuid and row["DeletedAt"] is None), None)
    if found is None:
        raise Wrong("record not found")
    return found


def _orders(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except ValueError:
        letter = body[:1].decode()
        raise Wrong(f"invalid character '{letter}' looking for beginning of value", 400) from None
    if isinstance(given.get("data"), dict):
        raise Wrong("json: cannot unmarshal object into Go struct field ClusterArgs.data of type []uint8", 400)
    try:
        base64.b64decode(given.get("data") or "", validate=True)
    except binascii.Error:
        raise Wrong("illegal base64 data at input byte 0", 400) from None
    empty: dict[str, Any] = {"cover": False, "Keep_upgrade_job": False, "data": None}
    return {key: given.get(key, empty.get(key, "")) for key in _KEYS}


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))

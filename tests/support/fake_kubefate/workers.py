"""What KubeFATE's goroutines do, step by step; each yields the seconds that it takes before its next step."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml

from .kubernetes import HelmError
from .records import EMPTY_ORDERS, new_cluster

if TYPE_CHECKING:
    from .state import FakeState

Worker = Iterator[float]


def install(fake: FakeState, job: dict[str, Any]) -> Worker:
    yield 0.05
    fake.write(job, status="Running")
    states = ["update job status to Running"]
    fake.write(job, states=list(states))
    yield 0.1
    orders = job["meta_data"]
    text = base64.b64decode(orders["data"] or "").decode()
    try:
        spec = yaml.safe_load(text)
    except yaml.YAMLError:
        # The job is left as it is, for ever.
        fake.write(job, states=[*states, "create Cluster error, error converting YAML to JSON: yaml: line 1: did not"])
        return
    cluster = new_cluster(len(fake.clusters) + 1, orders, text, spec, fake.now())
    fake.clusters.append(cluster)
    states.append("create Cluster in DB Success")
    # The row is written with what the worker has read before: it is Pending again.
    fake.write(job, status="Pending", cluster_id=cluster["uuid"], states=list(states))
    yield fake.helm_takes
    try:
        fake.download(orders["chart_name"], orders["chart_version"])
        fake.kubernetes.install(orders["namespace"], orders["name"], spec or {})
    except HelmError as e:
        fake.write(job, status="Failed")
        _clean(fake, cluster)
        fake.write(job, states=[*states, f"helm install error, {e}"])
        return
    fake.write(job, status="Running", states=[*states, "helm install Success"])
    states.append("helm install Success")
    check = 0
    while True:
        check += 1
        fake.write(job, states=[*states, f"checkout Cluster status [{check}]"])
        if job["DeletedAt"] is not None:
            return  # nobody is told
        if job["status"] == "Stopping":
            _clean(fake, cluster)
            fake.write(job, status="Canceled", states=[*job["states"], "job stopped"])
            return
        if cluster["DeletedAt"] is not None or cluster["status"] == "Deleting":
            _clean(fake, cluster)
            fake.write(job, status="Failed", states=[*job["states"], "Cluster delete"])
            return
        if check > fake.checks_at_most:
            fake.write(job, status="Failed", states=[*job["states"], "checkout Cluster status timeOut!"])
            _clean(fake, cluster)
            return
        if _is_ready(fake, job, cluster):
            fake.write(job, status="Success", states=[*job["states"], "job run Success"])
            cluster["status"] = "Running"
            cluster["revision"] += 1
            yield 0.05
            fake.write(job, end_time=fake.moment())
            return
        yield 1.0


def update(fake: FakeState, job: dict[str, Any], cluster: dict[str, Any], spec: dict[str, Any]) -> Worker:
    fake.write(job, status="Running")
    orders, before = job["meta_data"], {name: cluster[name] for name in ("values", "Spec")}
    cluster["status"] = "Updating"
    if cluster["chart_name"] == "fate" and cluster["Spec"]["chartVersion"] != spec["chartVersion"]:
        yield fake.helm_takes
        if fake.upgrade_manager_fails:
            fake.write(job, status="Failed")  # and nothing else is written, neither here nor in the cluster
            return
    cluster["values"], cluster["Spec"] = base64.b64decode(orders["data"]).decode(), spec
    yield fake.helm_takes
    cluster["helm_revision"] += 1
    cluster["chart_version"] = orders["chart_version"]
    try:
        fake.download(orders["chart_name"], orders["chart_version"])
        fake.kubernetes.upgrade(orders["namespace"], orders["name"], spec)
    except HelmError as e:
        fake.write(job, status="Failed", states=[str(e)])
        yield 0.5
        cluster |= before
        cluster["status"] = "Rollback"
        yield 1.0
        if fake.rollback_fails:
            fake.write(job, status="Failed", states=[*job["states"], "UPGRADE FAILED: release: not found"])
        else:
            # It counts updates only, Helm the installation, too: a second update goes back to what was at first.
            fake.kubernetes.rollback(cluster["namespaces"], cluster["name"], cluster["helm_revision"] - 1)
            fake.write(job, status="Rollback", states=[*job["states"], "Cluster run rollback Success"])
        fake.write(job, end_time=fake.moment())
        return
    fake.write(job, states=["Cluster update Success"])
    while not _is_ready(fake, job, cluster):
        yield 5.0
    fake.write(job, status="Success")
    cluster["status"] = "Running"
    cluster["revision"] += 1
    yield 0.05
    fake.write(job, end_time=fake.moment())


def delete(fake: FakeState, job: dict[str, Any], cluster: dict[str, Any]) -> Worker:
    yield 0.05
    fake.write(job, status="Running", meta_data=dict(EMPTY_ORDERS))
    cluster["status"] = "Deleting"
    yield 0.9
    try:
        fake.kubernetes.uninstall(cluster["namespaces"], cluster["name"])
        status, states = "Success", ["uninstall Success"]
    except HelmError as e:
        status, states = "Failed", [str(e)]
    _delete_row(fake, cluster)  # also where Helm has failed
    fake.write(job, status=status, states=states, end_time=fake.moment())


def _is_ready(fake: FakeState, job: dict[str, Any], cluster: dict[str, Any]) -> bool:
    # By the release's own name; the objects carry the name that the document says.
    deployments, stateful = fake.kubernetes.workloads(cluster["namespaces"], cluster["name"])
    states = deployments | stateful
    fake.write(
        job,
        sub_jobs={
            name: {
                "ModuleName": name,
                "Status": "Success" if state == "Available" else "Running",
                "ModulesStatus": state,
                "StartTime": job["start_time"],
                "EndTime": fake.moment(),
            }
            for name, state in states.items()
        },
    )
    return bool(states) and all(state == "Available" for state in states.values())


def _clean(fake: FakeState, cluster: dict[str, Any]) -> None:
    _delete_row(fake, cluster)
    fake.kubernetes.releases.pop((cluster["namespaces"], cluster["name"]), None)


def _delete_row(fake: FakeState, cluster: dict[str, Any]) -> None:
    cluster["status"] = "Deleted"
    cluster["DeletedAt"] = fake.moment()

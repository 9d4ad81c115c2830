"""Render Airflow's official chart with our values: python -m tests.deploy.render CHART.tgz (`make helm CHART=...`).

The chart is in no package registry: get it with `helm pull apache-airflow/airflow --version 1.22.0`. The templates are
rendered by Helm's own library, the values are checked by the chart's schema, and what comes out is looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

VALUES = Path(__file__).resolve().parents[2] / "helm" / "airflow-values.yaml"
RELEASE = {"name": "airflow", "namespace": "airflow"}
PODS = ("Deployment", "StatefulSet", "Job", "DaemonSet")


def rendered(chart: str) -> Iterator[dict[str, Any]]:
    """All objects that the chart makes.

    :param chart: its folder or archive.
    """
    from helm_python.chart import Chart

    loaded = Chart.load(chart)
    values = yaml.safe_load(VALUES.read_text())
    loaded.validate_schema(loaded.merge_values(values))
    for name, text in loaded.render(values, **RELEASE, is_install=True).items():
        if name.endswith("NOTES.txt"):
            print(*(line for line in text.splitlines() if "deprecat" in line.lower()), sep="\n")
        else:
            yield from filter(None, yaml.safe_load_all(text))


def wrong(objects: list[dict[str, Any]]) -> Iterator[str]:
    """What a person who reads the objects would complain about."""
    made = {(found["kind"], found["metadata"]["name"]) for found in objects}
    workloads = {found["metadata"]["name"]: found for found in objects if found["kind"] in PODS}
    for part in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        workload = workloads.get(f"airflow-{part}")
        if workload is None:
            yield f"there is no {part}"
            continue
        pod = workload["spec"]["template"]["spec"]
        if not pod["securityContext"].get("runAsNonRoot"):
            yield f"{part} may run as root"
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            where = f"{part}/{container['name']}"
            known = {"secretRef": {"name": "fate-connections"}} in container.get("envFrom", ())
            if container["name"] == part and not known:
                yield f"{where} does not know the connections"
            if container["securityContext"].get("capabilities") != {"drop": ["ALL"]}:
                yield f"{where} has capabilities"
    for name, seconds in (("worker", 600), ("triggerer", 60)):
        given = workloads[f"airflow-{name}"]["spec"]["template"]["spec"].get("terminationGracePeriodSeconds")
        if given != seconds:
            yield f"{name} gets {given} s to end"
    for account in ("airflow-worker", "airflow-triggerer"):
        if ("ServiceAccount", account) not in made:
            yield f"helm/rbac.yaml names the account {account}, which is not made"
    if ("Job", "airflow-create-user") in made:
        yield "a user is made whose password everybody knows"
    config = next(found["data"]["airflow.cfg"] for found in objects if found["metadata"]["name"] == "airflow-config")
    for line in ("deployment_id = kubernetes", "poll_interval = 5", "remote_base_log_folder = s3://airflow-logs/"):
        if line not in config:
            yield f"airflow.cfg lacks {line!r}"


def main(chart: str) -> int:
    """Run the command line."""
    objects = list(rendered(chart))
    found = list(wrong(objects))
    for kind in sorted({made["kind"] for made in objects}):
        names = ", ".join(sorted(made["metadata"]["name"] for made in objects if made["kind"] == kind))
        print(f"{kind}: {names}")
    print(*(f"WRONG: {line}" for line in found), sep="\n")
    print(f"{len(objects)} objects, {len(found)} wrong")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

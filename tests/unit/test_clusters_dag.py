"""The DAG of a federation's life: what it removes again, and what Airflow keeps of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clusters import ClusterDocument, ClusterFederation, check_cluster

FOLDER = Path(__file__).parents[2] / "dags" / "clusters"


@pytest.fixture(scope="module")
def dag() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER.parent))
        spec = importlib.util.spec_from_file_location("clusters_lifecycle_dag", FOLDER / "lifecycle.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.clusters_lifecycle()


def test_what_it_sets_up_it_tears_down(dag: Any) -> None:
    setups = {task.task_id for task in dag.tasks if task.is_setup}
    teardowns = {task.task_id for task in dag.tasks if task.is_teardown}
    assert (setups, teardowns) == ({"deploy", "connect"}, {"forget", "remove"})
    assert {"forget", "report"} & dag.get_task("remove").upstream_task_ids == {"forget"}
    assert "deploy" in dag.get_task("remove").upstream_task_ids


def test_each_party_is_a_mapped_task(dag: Any) -> None:
    for task_id in ("deploy", "connect", "healthy", "link", "forget", "remove"):
        assert dag.get_task(task_id).is_mapped, task_id


def test_airflow_keeps_the_names_of_passwords_and_no_password(dag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    text = str(DagSerialization.to_dict(dag))
    assert "{{ conn.fate_clusters_mysql.password }}" in text


def test_its_description_has_no_problem_that_is_fatal() -> None:
    federation = ClusterFederation.read(FOLDER / "federation.yaml")
    assert [str(problem) for problem in federation.problems() if problem.fatal] == []
    upgraded = ClusterDocument.of(federation.document("9999", chartVersion="v2.2.0"))
    assert [str(problem) for problem in check_cluster(upgraded) if problem.fatal] == []

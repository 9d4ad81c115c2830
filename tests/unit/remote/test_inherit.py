"""Which tasks a new job takes over, for FATE-Flow's own form of a DAG and for any change."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.jobs import HeteroSecureBoost, Party
from airflow_provider_fate.remote.kinds.fate_again import same_job
from airflow_provider_fate.site.inherit import inheritable, unchanged_tasks, with_inheritance
from tests.support.fake_flow import dag as dags

RECIPE = HeteroSecureBoost(guest=Party("9999", "a.guest"), hosts=[Party("10000", "a.host")])
NEW = RECIPE.dag()
OLD = dags.complete(copy.deepcopy(NEW), job_id="1", own_party="9999")
ALL = list(NEW["dag"]["tasks"])


def changed(task: str, **parameters: object) -> dict:
    dag = copy.deepcopy(NEW)
    dag["dag"]["tasks"][task].setdefault("parameters", {}).update(parameters)
    return dag


def test_a_dag_is_known_again_in_the_form_that_fate_flow_gives_back():
    assert same_job(OLD, NEW)
    assert sorted(unchanged_tasks(OLD, NEW)) == sorted(ALL)


@pytest.mark.parametrize("task", ALL)
def test_a_changed_task_and_all_that_read_it_are_not_taken_over(task):
    kept = unchanged_tasks(OLD, changed(task, something="else"))
    assert task not in kept
    order = ["reader_0", "psi_0", "sbt_0", "evaluation_0"]
    assert kept == [name for name in ALL if order.index(name) < order.index(task)]


def test_a_table_of_another_name_changes_its_reader():
    dag = copy.deepcopy(NEW)
    dag["dag"]["party_tasks"]["host_10000"]["tasks"]["reader_0"]["parameters"]["name"] = "other"
    assert unchanged_tasks(OLD, dag) == []


def test_another_partner_changes_everything():
    other = HeteroSecureBoost(guest=Party("9999", "a.guest"), hosts=[Party("10001", "a.host")]).dag()
    assert unchanged_tasks(OLD, other) == []


def test_more_cores_change_nothing():
    dag = copy.deepcopy(NEW)
    dag["dag"]["conf"] = {"cores": 8, "task": {"engine_run": {"cores": 8}}}
    assert sorted(unchanged_tasks(OLD, dag)) == sorted(ALL)


@given(st.sets(st.sampled_from(ALL)))
def test_only_finished_tasks_with_finished_producers_are_taken_over(finished):
    taken = inheritable(OLD, NEW, finished)
    assert set(taken) <= finished
    chain = ["reader_0", "psi_0", "sbt_0", "evaluation_0"]
    for name in taken:
        assert set(chain[: chain.index(name)]) <= set(taken)


def test_the_given_dag_is_left_alone():
    before = copy.deepcopy(NEW)
    dag = with_inheritance(NEW, "1", ["reader_0"])
    assert dag["dag"]["conf"]["inheritance"] == {"job_id": "1", "task_list": ["reader_0"]}
    assert before == NEW

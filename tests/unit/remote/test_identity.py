from types import SimpleNamespace

from airflow_provider_fate.remote.identity import WorkIdentity


def context(**overrides):
    ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "max_tries": 0, "try_number": 1} | overrides
    return {"ti": SimpleNamespace(**ti)}


def test_every_try_of_a_task_instance_has_the_same_identity():
    first = WorkIdentity.of(context(try_number=1, max_tries=2))
    second = WorkIdentity.of(context(try_number=2, max_tries=2))
    assert (first.key, first.epoch) == (second.key, second.epoch)


def test_a_cleared_task_keeps_its_key_and_begins_a_new_epoch():
    before = WorkIdentity.of(context(try_number=1, max_tries=0))
    after = WorkIdentity.of(context(try_number=2, max_tries=1))
    assert before.key == after.key
    assert before.epoch != after.epoch


def test_tasks_runs_dags_and_map_indexes_have_their_own_identity():
    variants = [{}, {"dag_id": "x"}, {"run_id": "x"}, {"task_id": "x"}, {"map_index": 0}, {"map_index": 1}]
    assert len({WorkIdentity.of(context(**v)).key for v in variants}) == len(variants)


def test_names_cannot_be_joined_into_each_other():
    assert (
        WorkIdentity.of(context(dag_id="a", run_id="b.c")).key != WorkIdentity.of(context(dag_id="a.b", run_id="c")).key
    )


def test_the_key_tells_a_partner_nothing():
    key = WorkIdentity.of(context(dag_id="secret_merger", task_id="train")).key
    assert len(key) == 32
    assert int(key, 16) >= 0


def test_two_deployments_do_not_find_each_others_jobs(monkeypatch):
    one = WorkIdentity.of(context()).key
    monkeypatch.setenv("AIRFLOW__FATE__DEPLOYMENT_ID", "staging")
    assert WorkIdentity.of(context()).key != one

"""A training that goes on from an earlier job, and one that takes over what an earlier job has finished."""

import logging
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG
from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi, SsheLR
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.psi import FatePsiOperator
from tests.support.fake_flow import FakeFlow, Table
from tests.support.task import CONN_ID, FakeTaskInstance, Task

PARTIES = {"guest": Party("9999", "old.bank"), "hosts": [Party("10000", "old.telco")]}
META = {"match_id_name": "id", "label_name": "y"}


def table(name, columns=("extend_sid", "id", "y", "a", "b")):
    namespace, _, name = name.partition(".")
    return Table(namespace, name, "dataframe", list(columns), [["0"] * len(columns)] * 3, meta=META)


@pytest.fixture
def bank(site: FakeFlow) -> FakeFlow:
    site.tables.add(table("old.bank"))
    return site


def job(recipe, run_id="run_2", operator=FateJobOperator, **kwargs):
    arguments = {"task_id": "train", "job": recipe, "fate_conn_id": CONN_ID} | kwargs
    return Task(lambda: operator(**arguments), FakeTaskInstance(task_id="train", run_id=run_id))


def train(recipe):
    return job(recipe, run_id="run_1", check_tables=False).run()


def submitted(site, job_id):
    return site.jobs[job_id].schema["dag"]


def refused(site, task):
    before = len(site.jobs)
    with pytest.raises(AirflowFailException) as caught:
        task.start()
    assert len(site.jobs) == before, "nothing was submitted"
    return str(caught.value)


@pytest.mark.parametrize("form", ["result", "id", "template", "mapping"])
def test_the_earlier_job_is_looked_up_at_the_site(bank, form):
    first = train(SsheLR(**PARTIES))
    recipe = SsheLR(**PARTIES, warm_start={"result": first, "template": "{{ earlier }}"}.get(form, first["job_id"]))
    task = job(recipe.serialize() if form == "mapping" else recipe)
    task.templates["earlier"] = first["job_id"]
    second = task.run()
    tasks = submitted(bank, second["job_id"])["tasks"]
    for name, key in (("lr_0", "warm_start_model"), ("scale_0", "input_model")):
        found = tasks[name]["inputs"]["model"][key]["model_warehouse"]
        assert (found["model_id"], found["model_version"]) == (first["model_id"], first["model_version"])
        assert found["producer_task"] == name


def test_without_an_earlier_job_a_template_trains_anew(bank):
    task = job(SsheLR(**PARTIES, warm_start="{{ earlier or '' }}"))
    task.templates["earlier"] = None
    assert "model" not in submitted(bank, task.run()["job_id"])["tasks"]["lr_0"]["inputs"]


def test_of_a_model_asset_the_newest_event_counts(bank):
    first = train(SsheLR(**PARTIES))
    asset = model_asset("9999", "credit")
    extra = {"party_id": "9999", "job_id": first["job_id"], "model_id": first["model_id"]}
    task = job(SsheLR(**PARTIES, warm_start=asset))
    event = SimpleNamespace(asset=asset, source_aliases=[], timestamp=1, extra=extra)
    task.templates |= {"triggering_asset_events": TriggeringAssetEventsAccessor.build([event])}
    tasks = submitted(bank, task.run()["job_id"])["tasks"]
    assert tasks["lr_0"]["inputs"]["model"]["warm_start_model"]["model_warehouse"]["model_id"] == first["model_id"]


def test_the_output_of_another_task_draws_its_edge():
    with DAG("d"):
        first = FateJobOperator(task_id="first", job=SsheLR(**PARTIES))
        second = FateJobOperator(task_id="second", job=SsheLR(**PARTIES, warm_start=first.output))
    assert second.upstream_task_ids == {"first"}


def test_a_job_that_the_site_does_not_know_is_named(bank):
    assert "does not know job 77, which is to have trained the model" in refused(
        bank, job(SsheLR(**PARTIES, warm_start="77"))
    )


def test_a_model_of_another_kind_is_refused(bank):
    first = train(HeteroSecureBoost(**PARTIES))
    said = refused(bank, job(SsheLR(**PARTIES, warm_start=first)))
    assert "has trained hetero_secureboost, and FATE goes on with sshe_lr only from sshe_lr" in said


def test_a_model_that_was_deleted_here_is_missed(bank):
    first = train(SsheLR(**PARTIES))
    bank.jobs[first["job_id"]].deleted_models.add(("scale_0", ("guest", "9999")))
    said = refused(bank, job(SsheLR(**PARTIES, warm_start=first)))
    assert f"The model of task scale_0 of job {first['job_id']} is not at this site" in said


def test_a_table_with_other_columns_is_refused(bank):
    first = train(SsheLR(**PARTIES))
    bank.tables.add(table("new.bank", ("extend_sid", "id", "y", "b", "a")))
    changed = {"guest": Party("9999", "new.bank"), "hosts": PARTIES["hosts"]}
    said = refused(bank, job(SsheLR(**changed, warm_start=first)))
    assert "new.bank, which guest 9999 is to train on, is not like what job" in said
    assert "column 1 is 'b', and was 'a'" in said


def test_another_model_than_that_of_the_job_is_refused(bank):
    first = train(SsheLR(**PARTIES))
    said = refused(bank, job(SsheLR(**PARTIES, warm_start=first | {"model_id": "elsewhere"})))
    assert f"has trained model {first['model_id']}, and not elsewhere" in said


# -- taking over what is finished ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["result", "id"])
def test_the_intersection_of_an_earlier_job_is_taken_over(bank, form):
    psi = job(Psi(**PARTIES), run_id="run_1", operator=FatePsiOperator).run()
    task = job(HeteroSecureBoost(**PARTIES, holdout=0.2), inherit=psi if form == "result" else psi["job_id"])
    conf = submitted(bank, task.run()["job_id"])["conf"]
    assert conf["inheritance"] == {"job_id": psi["job_id"], "task_list": ["reader_0", "psi_0"]}


def test_steps_that_are_the_same_are_taken_over_and_the_model_is_not(bank):
    first = train(SsheLR(**PARTIES, holdout=0.2))
    task = job(SsheLR(**PARTIES, holdout=0.2, learning_rate=0.5), inherit=first)
    taken = submitted(bank, task.run()["job_id"])["conf"]["inheritance"]["task_list"]
    assert taken == ["reader_0", "psi_0", "data_split_0", "scale_0", "scale_0_validate"]


def test_where_nothing_is_the_same_everything_is_run_and_that_is_said(bank, caplog):
    psi = job(Psi(guest=Party("9999", "old.bank"), hosts=[Party("10000", "a.b")]), run_id="run_1").run()
    with caplog.at_level(logging.WARNING):
        task = job(HeteroSecureBoost(**PARTIES), inherit=psi)
        assert submitted(bank, task.run()["job_id"])["conf"]["inheritance"] is None
    assert f"No finished task of job {psi['job_id']} is described as in this one" in caplog.text


@pytest.mark.parametrize("given", [{"metrics": {}}, 7, "no job"])
def test_what_names_no_job_to_inherit_from_is_refused(bank, given):
    assert "names no job" in refused(bank, job(Psi(**PARTIES), inherit=given))


def test_an_earlier_job_that_is_gone_is_named(bank):
    said = refused(bank, job(Psi(**PARTIES), inherit="77"))
    assert "does not know job 77, from which tasks are to be inherited" in said

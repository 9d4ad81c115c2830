"""A training that goes on from an earlier job, and one that takes over what an earlier job has finished."""

import json
import logging
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG
from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.errors import FateModelNotFound
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi, SsheLR
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.psi import FatePsiOperator
from tests.support.fake_flow import FakeFlow, Script, Table
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


# -- what becomes of the model, and of folds -----------------------------------------------------------------------


def test_the_package_of_a_continued_model_has_the_steps_of_the_first_job(bank, tmp_path):
    recipe = SsheLR(**PARTIES, holdout=0.2)
    first = train(recipe)
    second = job(SsheLR(**PARTIES, holdout=0.2, warm_start=first)).run()
    told = export(second, tmp_path / "second")
    assert told["tasks"] == ["lr_0", "scale_0"]
    names = [name for name in ZipFile(told["package"]).namelist() if "scale_0" in name and name.endswith("json_model")]
    (scale,) = (json.loads(ZipFile(told["package"]).read(name)) for name in names)
    assert scale["param"]["job"] == first["job_id"]


def test_a_step_that_was_deleted_with_the_first_job_is_missed_in_the_package(bank, tmp_path):
    first = train(SsheLR(**PARTIES))
    second = job(SsheLR(**PARTIES, warm_start=first)).run()
    bank.jobs[first["job_id"]].deleted_models.add(("scale_0", ("guest", "9999")))
    with pytest.raises(FateModelNotFound, match=r"has trained a model in scale_0, but guest 9999 has it no more"):
        export(second, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", ["score", "go on"])
def test_a_step_of_the_first_job_is_missed_before_anything_is_submitted(bank, use):
    first = train(SsheLR(**PARTIES))
    second = job(SsheLR(**PARTIES, warm_start=first)).run()
    bank.jobs[first["job_id"]].deleted_models.add(("scale_0", ("guest", "9999")))
    tables = {"guest": "old.bank", "host": "old.telco"}
    arguments = {"task_id": "score", "model": second, "tables": tables, "fate_conn_id": CONN_ID}
    task = {
        "score": Task(lambda: FatePredictOperator(**arguments), FakeTaskInstance(run_id="run_3")),
        "go on": job(SsheLR(**PARTIES, warm_start=second), run_id="run_3"),
    }[use]
    said = refused(bank, task)
    assert (
        f"Job {second['job_id']} goes on from job {first['job_id']}, and the model of that job's task scale_0" in said
    )


def export(model, target):
    arguments = {"task_id": "export", "fate_conn_id": CONN_ID, "model": model, "target": str(target)}
    return Task(lambda: FateModelExportOperator(**arguments), FakeTaskInstance(task_id="export")).run()


def fold(number, *rows):
    columns = ["extend_sid", "id", "label", "predict_score", "predict_result", "predict_detail", "type"]
    lines = [
        [
            *(f"s{place}", f"p{place}", str(label), str(score), str(int(score > 0.5))),
            f"\"{{'0': {1 - score}, '1': {score}}}\"",
            part,
        ]
        for place, (label, score, part) in enumerate(rows)
    ]
    text = dict.fromkeys(("predict_score", "predict_result", "predict_detail", "type"), "object")
    return Table("folds", f"fold_{number}", "dataframe", columns, lines, meta={"label_name": "label"}, dtypes=text)


def test_folds_are_judged_by_the_rows_that_they_hold_out(bank, tmp_path):
    seen = [(1, 0.1, "train_set"), (0, 0.9, "train_set")]
    folds = [
        fold(0, *seen, (1, 0.9, "validate_set"), (0, 0.2, "validate_set")),
        fold(1, *seen, (1, 0.3, "validate_set"), (0, 0.2, "validate_set"), (0, 0.4, "validate_set")),
    ]
    bank.plan(Script(data={"sbt_0": {"cv_output_datas": folds}}))
    judged = job(HeteroSecureBoost(**PARTIES, cross_validation=2)).run()
    metrics = judged["metrics"]
    assert (metrics["cv.fold_0.auc"], metrics["cv.fold_1.auc"]) == (1, 0.5)
    assert metrics["cv.auc.mean"] == metrics["auc"] == 0.75
    assert metrics["cv.auc.std"] == 0.25
    with pytest.raises(AirflowFailException, match=r"cross-validated \(sbt_0\), which leaves no model"):
        export(judged, tmp_path)
    said = refused(bank, job(HeteroSecureBoost(**PARTIES, warm_start=judged), run_id="run_3"))
    assert "its task sbt_0 was cross validated, which leaves no model" in said


def test_a_fold_of_one_class_spoils_the_mean_and_nothing_else(bank):
    folds = [
        fold(0, (1, 0.9, "validate_set"), (0, 0.2, "validate_set")),
        fold(1, (0, 0.3, "validate_set"), (0, 0.2, "validate_set")),
    ]
    bank.plan(Script(data={"sbt_0": {"cv_output_datas": folds}}))
    metrics = job(HeteroSecureBoost(**PARTIES, cross_validation=2)).run()["metrics"]
    assert metrics["cv.fold_0.auc"] == 1
    assert not {"cv.fold_1.auc", "cv.auc.mean", "auc"} & metrics.keys()
    assert metrics["cv.binary_accuracy.mean"] == 1

import logging
import uuid
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG
from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.errors import FateJobFailed, FateOverlapError, FateServerError
from airflow_provider_fate.jobs import HeteroSecureBoost, HomoLR, HomoNN, Party, Psi, SsheLR, mlp
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.upload import FateUploadOperator
from tests.support.fake_flow import Failure, FakeFlow, Script, Table
from tests.support.task import CONN_ID, FakeTaskInstance, Task, connect

PARTIES = {"guest": Party("9999", "old.bank"), "hosts": [Party("10000", "old.telco")]}
TABLES = {"guest": "new.bank_{{ day }}", "10000": "new.telco"}
META = {"match_id_name": "id", "label_name": "y"}
COLUMNS = ["extend_sid", "id", "y", "a", "b"]


def dataframe(name, columns=COLUMNS, **kwargs):
    namespace, _, name = name.partition(".")
    return Table(namespace, name, "dataframe", columns, [["0"] * len(columns)] * 3, meta=META, **kwargs)


@pytest.fixture
def bank(site: FakeFlow) -> FakeFlow:
    """The site with the guest's table of the training and a new one."""
    for name in ("old.bank", "new.bank_20260101"):
        site.tables.add(dataframe(name))
    return site


def train(recipe=None, **kwargs):
    arguments = {"task_id": "train", "job": recipe or HeteroSecureBoost(**PARTIES), "fate_conn_id": CONN_ID} | kwargs
    return Task(
        lambda: FateJobOperator(check_tables=False, **arguments), FakeTaskInstance(task_id="train", run_id="run_1")
    ).run()


def score(model, **kwargs):
    arguments = {"task_id": "score", "model": model, "tables": TABLES, "fate_conn_id": CONN_ID} | kwargs
    return Task(
        lambda: FatePredictOperator(**arguments),
        FakeTaskInstance(task_id="score", run_id=uuid.uuid4().hex),
        templates={"day": "20260101", "model_job": model.get("job_id") if isinstance(model, dict) else model},
    )


def refused(site, model, **kwargs):
    """The error of a task that has submitted nothing."""
    before = len(site.jobs)
    with pytest.raises(AirflowFailException) as caught:
        score(model, **kwargs).start()
    assert len(site.jobs) == before, "nothing was submitted"
    return str(caught.value)


# -- the usual way -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_scores_and_tells_where_the_scores_are(bank, deferrable):
    trained = train()
    task = score(trained, deferrable=deferrable)
    found = dict(task.run())
    (job_id,) = bank.jobs.keys() - {trained["job_id"]}
    assert task.ti.xcoms["overlap"] == {"overlap": 569, "own_rows": 569, "share": 1.0}
    table = {key: found.pop(key) for key in ("namespace", "name", "table", "rows")}
    assert bank.tables.get(table["namespace"], table["name"]) is not None
    assert table["table"] == f"{table['namespace']}.{table['name']}"
    assert table["rows"] == 1
    metrics = found.pop("metrics")
    assert metrics["psi_0.intersect_count"] == 569
    assert found == {
        "job_id": job_id,
        "model_id": trained["model_id"],
        "model_version": "0",
        "status": "success",
        "trained_by": trained["job_id"],
        "task": "sbt_0",
        "output": "test_output_data",
        "overlap": 569,
        "own_rows": 569,
        "share": 1.0,
    }


def test_the_job_reads_the_new_tables_and_the_model_of_the_training(bank):
    trained = train()
    score(trained).run()
    dag = list(bank.jobs.values())[-1].schema["dag"]
    assert dag["stage"] == "predict"
    assert list(dag["tasks"]) == ["reader_0", "psi_0", "sbt_0"]
    assert dag["conf"]["model_warehouse"] == {"model_id": trained["model_id"], "model_version": "0"}
    read = {key: entry["tasks"]["reader_0"]["parameters"] for key, entry in dag["party_tasks"].items()}
    assert read == {
        "guest_9999": {"namespace": "new", "name": "bank_20260101"},
        "host_10000": {"namespace": "new", "name": "telco"},
    }


@pytest.mark.parametrize("form", ["result", "extra", "id", "template"])
def test_a_model_is_given_by_whatever_knows_its_job(bank, form):
    trained = train()
    extra = {key: trained[key] for key in ("job_id", "model_id", "model_version")}
    model = {"result": trained, "extra": extra, "id": trained["job_id"], "template": "{{ model_job }}"}[form]
    task = score(model)
    task.templates["model_job"] = trained["job_id"]
    assert task.run()["trained_by"] == trained["job_id"]


def test_of_a_model_asset_the_newest_event_counts(bank):
    trained = train()
    asset = model_asset("9999", "credit")
    extra = {"party_id": "9999", "job_id": trained["job_id"], "model_id": trained["model_id"]}
    task = score(asset)
    event = SimpleNamespace(asset=asset, source_aliases=[], timestamp=1, extra=extra)
    task.templates |= {"triggering_asset_events": TriggeringAssetEventsAccessor.build([event])}
    assert task.run()["trained_by"] == trained["job_id"]


@pytest.mark.parametrize(
    "tables",
    [
        {"tables": None, "guest": "new.bank_{{ day }}", "hosts": "new.telco"},
        {"tables": None, "guest": {"table": "new.bank_20260101"}, "hosts": {"10000": "new.telco"}},
        {"tables": None, "guest": "new.bank_20260101", "hosts": {"table": "new.telco", "rows": 3}},
        {"tables": {"9999": "new.bank_20260101"}, "hosts": ["new.telco"]},
    ],
)
def test_tables_are_given_in_one_mapping_or_by_role(bank, tables):
    assert score(train(), **tables).run()["status"] == "success"


def test_outputs_of_other_tasks_draw_their_edges():
    with DAG("dag"):
        load = FateUploadOperator(task_id="load", source="/tmp/x.csv", table="new.bank", match_id="id")
        trained = FateJobOperator(task_id="train", job=HeteroSecureBoost(**PARTIES))
        scored = FatePredictOperator(task_id="score", model=trained.output, guest=load.output, hosts="new.telco")
    assert scored.upstream_task_ids == {"load", "train"}


def test_a_cleared_task_takes_up_the_job_that_it_has(bank):
    trained = train()
    task = score(trained, on_clear="attach")
    first = task.run()
    task.clear()
    assert task.run()["job_id"] == first["job_id"]
    assert len(bank.jobs) == 2


def test_a_job_that_fails_is_explained_as_every_job(bank):
    trained = train()
    bank.plan(Script(fail={"sbt_0": Failure("RuntimeError: Download model failed")}))
    with pytest.raises(FateJobFailed, match="Download model failed"):
        score(trained).run()


def test_a_horizontal_model_has_no_overlap_to_tell(bank):
    trained = train(HomoLR(**PARTIES))
    task = score(trained)
    assert "overlap" not in task.run()
    assert "overlap" not in task.ti.xcoms


def test_a_party_that_fate_gives_no_scores_is_told_so(bank):
    trained = train()
    bank.plan(Script(data={"sbt_0": {}}))
    found = score(trained).run()
    assert (found["table"], found["rows"]) == (None, None)


def test_the_evaluation_is_kept_if_it_is_asked_for(bank):
    assert score(train(), evaluate=True).run()["metrics"]["auc"] == 0.9958


# -- too little in common ------------------------------------------------------------------------------------------


def measured(rows, common):
    summary = {"input_count": rows, "intersect_count": common, "intersect_rate": common / rows}
    metric = {"name": "summary", "type": None, "groups": [], "step_axis": None, "data": summary}
    return Script(metrics={"psi_0": [metric]})


def test_too_little_in_common_fails_with_figures(bank):
    trained = train()
    bank.plan(measured(400, 100))
    task = score(trained, min_overlap=200, min_share="0.2")
    with pytest.raises(AirflowFailException, match=r"Only 100 of 400 rows .* host 10000 .* min_overlap=200") as caught:
        task.run()
    assert isinstance(caught.value.__cause__, FateOverlapError)
    assert task.ti.xcoms["overlap"] == {"overlap": 100, "own_rows": 400, "share": 0.25}


def test_enough_in_common_passes(bank):
    trained = train()
    bank.plan(measured(400, 100))
    assert score(trained, min_overlap="100", min_share=0.25).run()["share"] == 0.25


@pytest.mark.parametrize("kwargs", [{"min_overlap": 0}, {"min_share": 20}, {"min_overlap": "many"}])
def test_thresholds_that_cannot_be_are_refused(bank, kwargs):
    assert f"{next(iter(kwargs))}=" in refused(bank, train(), **kwargs)


def test_a_threshold_needs_an_intersection(bank):
    assert "need an intersection" in refused(bank, train(HomoLR(**PARTIES)), min_overlap=3)


# -- what is wrong before anything is submitted --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["extend_sid", "id", "y", "a"], "it lacks b"),
        (["extend_sid", "id", "y", "a", "b", "c"], "it has c, which old.bank has not"),
        (["extend_sid", "id", "y", "b", "a"], "the order is another: column 1 is 'b', and was 'a'"),
        (["extend_sid", "id", "y", "x"], "it lacks a, b; it has x, which old.bank has not"),
    ],
)
def test_other_columns_than_those_of_the_training_are_named(bank, columns, said):
    bank.tables.add(dataframe("new.bank_20260101", columns))
    text = refused(bank, train())
    assert "new.bank_20260101, which guest 9999 is to score, is not like what job" in text
    assert said in text


def test_other_types_are_named(bank):
    bank.tables.add(dataframe("new.bank_20260101", dtypes={"a": "float64", "b": "int64"}))
    said = "of another type are a (float64 instead of float32), b (int64 instead of float32)"
    assert said in refused(bank, train())


def test_many_differences_are_abridged(bank):
    bank.tables.add(dataframe("new.bank_20260101", ["id", *(f"c{n}" for n in range(30))]))
    assert "c9 and 20 more" in refused(bank, train())


def test_rows_without_a_label_may_be_scored_but_not_judged(bank):
    bank.tables.add(dataframe("new.bank_20260101", ["extend_sid", "id", "a", "b"]))
    trained = train()
    assert score(trained).run()["status"] == "success"
    said = "new.bank_20260101, which guest 9999 is to score, has no label, and evaluate=True needs one"
    assert said in refused(bank, trained, evaluate=True)


def test_a_network_needs_a_label_and_any_will_do(bank):
    trained = train(HomoNN(**PARTIES, layers=mlp(2, 2)))
    assert score(trained).run()["status"] == "success"
    bank.tables.add(dataframe("new.bank_20260101", ["extend_sid", "id", "a", "b"]))
    said = refused(bank, trained)
    assert "has no label, and FATE 2.2 cannot score rows without one by homo_nn" in said
    assert "placeholders" in said


def test_where_the_table_of_the_training_is_gone_the_rows_that_the_intersection_kept_are_compared(bank):
    bank.plan(Script(data={"psi_0": {"output_data": [dataframe("x.y")]}}))
    trained = train()
    bank.tables.remove("old", "bank")
    bank.tables.add(dataframe("new.bank_20260101", ["extend_sid", "id", "y", "a"]))
    assert "it lacks b" in refused(bank, trained)


def test_where_nothing_is_left_of_the_training_the_log_says_that_nothing_is_compared(bank, caplog):
    trained = train(HomoLR(**PARTIES))
    bank.tables.remove("old", "bank")
    with caplog.at_level(logging.WARNING):
        assert score(trained).run()["status"] == "success"
    assert "The columns of new.bank_20260101 are not compared" in caplog.text


def test_a_table_that_is_not_there_is_named(bank):
    bank.tables.remove("new", "bank_20260101")
    trained = train()
    with pytest.raises(Exception, match="has no such table"):
        score(trained).start()
    assert len(bank.jobs) == 1


def test_checks_of_the_table_can_be_left_out(bank):
    bank.tables.add(dataframe("new.bank_20260101", ["id", "z"]))
    assert score(train(), check_tables=False).run()["status"] == "success"


@pytest.mark.parametrize("recipe", [HeteroSecureBoost(**PARTIES), SsheLR(**PARTIES)])
def test_a_model_that_was_deleted_here_is_named(bank, recipe):
    trained = train(recipe)
    bank.jobs[trained["job_id"]].without_models = True
    text = refused(bank, trained)
    assert f"of job {trained['job_id']} is not at this site (guest 9999) any more: it was deleted" in text


def test_a_job_that_the_site_does_not_know_is_named(bank):
    assert "does not know job 202600000000000000000" in refused(bank, "202600000000000000000")


def test_a_job_that_has_not_succeeded_is_refused(bank):
    bank.plan(Script(fail={"sbt_0": Failure()}))
    with pytest.raises(FateJobFailed):
        train()
    (job_id,) = bank.jobs
    assert f"Job {job_id}, which is to have trained the model, is failed" in refused(bank, job_id)


def test_a_job_that_trains_no_model_is_refused(bank):
    assert "none of the job's tasks trains a model" in refused(bank, train(Psi(**PARTIES)))


@pytest.mark.parametrize("model", [{"metrics": {}}, {}, "", None, "../etc", 7])
def test_what_names_no_job_is_refused(bank, model):
    assert "names no job" in refused(bank, model)


def test_a_model_of_another_job_is_refused(bank):
    trained = train()
    text = refused(bank, {"job_id": trained["job_id"], "model_id": "credit"})
    assert f"has trained model {trained['model_id']}, and not credit" in text


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"tables": None}, "no table is given to be scored"),
        ({"tables": ["new.bank"]}, "is no mapping"),
        ({"guest": "new.x"}, "guest is in tables already"),
        ({"tables": {"guest": "new.bank_20260101"}}, "host 10000 brought a table to the training, and has none here"),
        ({"task": "stb_0"}, "Did you mean 'sbt_0'?"),
    ],
)
def test_tables_and_tasks_that_cannot_be_are_refused(bank, kwargs, said):
    assert said in refused(bank, train(), **kwargs)


def test_figures_that_cannot_be_read_are_an_error(bank):
    trained = train()
    bank.plan(Script(metrics={"psi_0": []}))
    with pytest.raises(FateServerError, match="cannot be read"):
        score(trained).run()


def test_a_real_site_sees_its_own_side(fake_site, monkeypatch):
    connect(monkeypatch, fake_site)
    for name in ("old.bank", "new.bank_20260101"):
        fake_site.tables.add(dataframe(name))
    found = score(train()).run()
    assert found["rows"] == 1

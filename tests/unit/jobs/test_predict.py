"""From a training job to the job that scores: what is kept, what is left out, and what cannot be."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from airflow_provider_fate.errors import FateInvalidJobError
from airflow_provider_fate.jobs import (
    Binning,
    CoordinatedLR,
    HeteroSecureBoost,
    HomoLR,
    Party,
    Psi,
    Selection,
    SsheLR,
    Statistics,
    require_valid,
)
from airflow_provider_fate.jobs.builder import DagBuilder
from airflow_provider_fate.jobs.predict import PredictJob, Scoring, TrainedModel, derive_predict

PARTIES: dict[str, Any] = {"guest": Party("9999", "old.bank"), "hosts": [Party("10000", "old.telco")]}
TABLES = {"guest": "new.bank", "host": "new.telco"}
MODEL = TrainedModel("20260101", "3", "20260101")


def derive(training: Any, tables: Any = None, **kwargs: Any) -> PredictJob:
    dag = training if isinstance(training, dict) else training.dag()
    found = derive_predict(dag, model=MODEL, tables=TABLES if tables is None else tables, **kwargs)
    require_valid(found.document)
    return found


def tasks_of(found: PredictJob) -> dict[str, Any]:
    tasks: dict[str, Any] = found.document["dag"]["tasks"]  # type: ignore[index]
    return tasks


def source(found: PredictJob, task: str, key: str = "test_data", kind: str = "data") -> Any:
    (channels,) = tasks_of(found)[task]["inputs"][kind][key].values()
    return channels


def refused(training: Any, tables: Any = None, **kwargs: Any) -> str:
    with pytest.raises(FateInvalidJobError) as caught:
        derive(training, tables, **kwargs)
    assert caught.value.problems
    return str(caught.value)


def read(found: PredictJob) -> dict[str, str]:
    """Table by party, of the readers."""
    entries = found.document["dag"]["party_tasks"]  # type: ignore[index]
    return {
        f"{party['role']} {party_id}": f"{own['parameters']['namespace']}.{own['parameters']['name']}"
        for entry in entries.values()
        for party in entry["parties"]
        for party_id in party["party_id"]
        for name, own in entry["tasks"].items()
        if name.startswith("reader")
    }


# -- what is kept --------------------------------------------------------------------------------------------------


def test_scaling_and_selection_are_done_to_new_rows_with_what_they_learned() -> None:
    recipe = SsheLR(**PARTIES, holdout=0.2, statistics=Statistics(), binning=Binning(), selection=Selection(), epochs=1)
    found = derive(recipe)
    assert found.tasks == ("reader_0", "psi_0", "selection_0", "scale_0", "lr_0")
    assert found.models == ("selection_0", "scale_0", "lr_0")
    assert [source(found, task)["producer_task"] for task in found.tasks[2:]] == ["psi_0", "selection_0", "scale_0"]
    model = source(found, "selection_0", "input_model", "model")
    assert (model["producer_task"], model["output_artifact_key"]) == ("selection_0", "train_output_model")
    assert found.document["dag"]["conf"]["model_warehouse"] == {  # type: ignore[index]
        "model_id": "20260101",
        "model_version": "3",
    }


def test_binning_that_transforms_is_told_its_method_again_and_asks_for_no_label() -> None:
    found = derive(HeteroSecureBoost(**PARTIES, binning=Binning(transform="bin_idx"), selection=Selection()))
    parameters = tasks_of(found)["binning_0"]["parameters"]
    assert (parameters["transform_method"], parameters["skip_metrics"]) == ("bin_idx", True)
    assert "evaluation_0" not in found.tasks


def test_binning_that_transforms_at_the_guest_alone_is_passed_by_at_the_host() -> None:
    dag, rows = by_hand()
    binned = dag.add("bins", "hetero_feature_binning", inputs={"train_data": rows})["train_output_data"]
    dag.set_party_parameters("guest", "9999", "bins", {"transform_method": "bin_idx"})
    dag.set_party_parameters("host", "10000", "bins", {"n_bins": 5})
    dag.add("boost", "hetero_secureboost", inputs={"train_data": binned})
    document = dag.document()
    for key, reader, name in (("guest_9999", "reader_g", "bank"), ("host_10000", "reader_h", "telco")):
        table = {"parameters": {"namespace": "old", "name": name}}
        document["dag"]["party_tasks"][key]["tasks"][reader] = table  # type: ignore[index]
    found = derive(document)
    guest, host = {"role": "guest", "party_id": ["9999"]}, {"role": "host", "party_id": ["10000"]}
    assert tasks_of(found)["bins"]["parties"] == [guest]
    assert [(c["producer_task"], c["parties"]) for c in source(found, "boost")] == [
        ("bins", [guest]),
        ("match", [host]),
    ]
    assert source(found, "bins", "input_model", "model")["parties"] == [guest]
    told = found.document["dag"]["party_tasks"]  # type: ignore[index]
    assert told["guest_9999"]["tasks"]["bins"] == {"parameters": {"transform_method": "bin_idx"}}
    assert "bins" not in told["host_10000"]["tasks"], "FATE-Flow fails over what is told of a task that does not run"


def test_weights_of_evidence_are_refused_because_fate_does_not_put_them_in() -> None:
    said = refused(HeteroSecureBoost(**PARTIES, binning=Binning(transform="woe")))
    assert "tasks.binning_0 = 'woe': FATE 2.2 does not put weights of evidence into rows" in said
    assert "'bin_idx'" in said


def test_binning_that_only_measures_is_no_end() -> None:
    said = refused(HeteroSecureBoost(**PARTIES, binning=Binning()), task="binning_0")
    assert "it has only measured the columns, and changes no data" in said


def test_binning_that_only_measures_is_left_out() -> None:
    assert "binning_0" not in derive(HeteroSecureBoost(**PARTIES, binning=Binning())).tasks


def test_a_threshold_of_the_training_is_kept() -> None:
    found = derive(HomoLR(**PARTIES, threshold=0.3))
    assert tasks_of(found)["lr_0"]["parameters"]["threshold"] == 0.3


def test_the_tables_of_the_training_are_nowhere_left() -> None:
    training = HeteroSecureBoost(
        guest=Party("9999", "old.bank", holdout_table="old.bank_h"),
        hosts=[Party("10000", "old.telco", holdout_table="old.telco_h")],
    )
    found = derive(training)
    assert "old" not in str(found.document)
    assert read(found) == {"guest 9999": "new.bank", "host 10000": "new.telco"}
    assert found.tasks == ("reader_0", "psi_0", "sbt_0")


def test_what_belongs_to_the_one_training_is_not_taken_over() -> None:
    training = HeteroSecureBoost(**PARTIES, extra={"mine": 1, "airflow": {"key": "of the training"}}, priority=3).dag()
    training["dag"]["conf"] |= {  # type: ignore[index]
        "inheritance": {"job_id": "1", "task_list": ["psi_0"]},
        "model_id": "1",
        "model_version": "0",
        "initiator_party_id": "9999",
    }
    conf = derive(training).document["dag"]["conf"]  # type: ignore[index]
    assert conf["priority"] == 3
    assert conf["task"] == {"engine_run": {"cores": 1}, "timeout": 86400}
    assert set(conf["extra"]) == {"predict"}
    assert not {"inheritance", "model_id", "model_version", "initiator_party_id"} & set(conf)


def test_a_predict_job_says_what_it_does() -> None:
    found = derive(CoordinatedLR(**PARTIES, arbiter="10000"))
    extra = found.document["dag"]["conf"]["extra"]  # type: ignore[index]
    assert Scoring.read(extra) == found.scoring
    assert found.scoring == Scoring("lr_0", "test_output_data", "20260101", "3", "20260101", "psi_0")
    assert Scoring.read({}) is None
    assert Scoring.read({"predict": {"task": "lr_0"}}) is None


def test_the_training_is_left_as_it_was() -> None:
    training = HeteroSecureBoost(**PARTIES, binning=Binning(transform="bin_idx")).dag()
    before = copy.deepcopy(training)
    derive(training)
    assert training == before


def test_every_task_can_be_the_end_that_has_a_model() -> None:
    found = derive(SsheLR(**PARTIES), task="scale_0")
    assert found.tasks == ("reader_0", "psi_0", "scale_0")
    assert found.scoring.output == "test_output_data"


# -- evaluation ----------------------------------------------------------------------------------------------------


def test_the_evaluation_judges_the_new_scores_if_it_is_asked_for() -> None:
    training = HeteroSecureBoost(**PARTIES, guest_baseline=True, holdout=0.2)
    found = derive(training, task="sbt_0", evaluate=True)
    assert found.tasks[-1] == "evaluation_0"
    (judged,) = source(found, "evaluation_0", "input_datas")
    assert (judged["producer_task"], judged["output_artifact_key"]) == ("sbt_0", "test_output_data")
    assert judged["parties"] == [{"role": "guest", "party_id": ["9999"]}]


def test_an_evaluation_that_the_training_does_not_have_cannot_be_kept() -> None:
    said = refused(HeteroSecureBoost(**PARTIES, evaluation=None), evaluate=True)
    assert "the training has no evaluation of sbt_0" in said


# -- jobs that people write themselves -----------------------------------------------------------------------------


def by_hand(stage: str = "train") -> tuple[DagBuilder, Any]:
    """A reader for each party, and an intersection of both."""
    dag = DagBuilder({"guest": ["9999"], "host": ["10000"]})
    guest = dag.add("reader_g", "reader", roles=["guest"])["output_data"]
    host = dag.add("reader_h", "reader", roles=["host"])["output_data"]
    dag.set_party_parameters("guest", "9999", "reader_g", {"namespace": "old", "name": "bank"})
    dag.set_party_parameters("host", "10000", "reader_h", {"namespace": "old", "name": "telco"})
    return dag, dag.add("match", "psi", inputs={"input_data": [guest, host]})["output_data"]


def test_each_party_may_have_a_reader_of_its_own() -> None:
    dag, rows = by_hand()
    dag.add("boost", "hetero_secureboost", inputs={"train_data": rows})
    found = derive(dag.document())
    assert found.tasks == ("reader_g", "reader_h", "match", "boost")
    assert [(c["producer_task"], c["parties"][0]["role"]) for c in source(found, "match", "input_data")] == [
        ("reader_g", "guest"),
        ("reader_h", "host"),
    ]
    assert read(found) == {"guest 9999": "new.bank", "host 10000": "new.telco"}


def test_a_union_of_rows_that_were_treated_alike_becomes_one_table() -> None:
    dag = DagBuilder({"guest": ["9999"], "host": ["10000"]})
    parts = []
    for number in (0, 1):
        table = dag.add(f"reader_{number}", "reader")["output_data"]
        for role, party in (("guest", "9999"), ("host", "10000")):
            dag.set_party_parameters(role, party, f"reader_{number}", {"namespace": "old", "name": f"t{number}"})
        parts.append(dag.add(f"psi_{number}", "psi", inputs={"input_data": table})["output_data"])
    rows = dag.add("union_0", "union", inputs={"input_datas": parts})["output_data"]
    dag.add("boost", "hetero_secureboost", inputs={"train_data": rows})
    found = derive(dag.document())
    assert found.tasks == ("reader_0", "psi_0", "boost")


def test_a_union_of_rows_that_were_transformed_in_different_ways_is_refused() -> None:
    dag, rows = by_hand()
    scaled = dag.add("scale_0", "feature_scale", inputs={"train_data": rows})["train_output_data"]
    both = dag.add("union_0", "union", inputs={"input_datas": [rows, scaled]})["output_data"]
    dag.add("boost", "hetero_secureboost", inputs={"train_data": both})
    assert "tasks.union_0 = 'union': it puts rows together that were transformed in different ways" in refused(
        dag.document()
    )


def test_samples_and_splits_let_all_rows_through() -> None:
    dag, rows = by_hand()
    some = dag.add("sample_0", "sample", inputs={"input_data": rows}, parameters={"n": 10})["output_data"]
    part = dag.add("split_0", "data_split", inputs={"input_data": some})["train_output_data"]
    dag.add("boost", "hetero_secureboost", inputs={"train_data": part})
    assert derive(dag.document()).tasks == ("reader_g", "reader_h", "match", "boost")


def test_a_table_that_is_read_without_a_reader_gets_one() -> None:
    dag, _ = by_hand()
    document = dag.document()
    tasks = document["dag"]["tasks"]  # type: ignore[index]
    warehouse = [
        {"namespace": "old", "name": "bank", "parties": [{"role": "guest", "party_id": ["9999"]}]},
        {"namespace": "old", "name": "telco", "parties": [{"role": "host", "party_id": ["10000"]}]},
    ]
    tasks["match"]["inputs"] = {"data": {"input_data": {"data_warehouse": warehouse}}}
    del tasks["reader_g"], tasks["reader_h"]
    document["dag"].pop("party_tasks")  # type: ignore[attr-defined]
    rows = {"producer_task": "match", "output_artifact_key": "output_data"}
    tasks["boost"] = {
        "component_ref": "hetero_secureboost",
        "inputs": {"data": {"train_data": {"task_output_artifact": rows}}},
    }
    found = derive(document)
    assert found.tasks == ("reader_match", "match", "boost")
    assert read(found) == {"guest 9999": "new.bank", "host 10000": "new.telco"}


def test_rows_of_another_job_are_refused_because_nobody_knows_how_they_were_made() -> None:
    dag, rows = by_hand()
    dag.add("boost", "hetero_secureboost", inputs={"train_data": rows})
    document = dag.document()
    spec = document["dag"]["tasks"]["boost"]  # type: ignore[index]
    other = {"job_id": "777", "producer_task": "psi_0", "output_artifact_key": "output_data"}
    spec["inputs"] = {"data": {"train_data": {"data_warehouse": other}}}
    assert "output_data of psi_0 of job 777" in refused(document)


def test_a_step_that_applies_what_another_has_learned_uses_its_model() -> None:
    dag, rows = by_hand()
    learned = dag.add("scale_a", "feature_scale", inputs={"train_data": rows})
    applied = dag.add(
        "scale_b",
        "feature_scale",
        inputs={"test_data": rows, "input_model": learned["output_model"]},
        stage="predict",
    )["test_output_data"]
    dag.add("boost", "hetero_secureboost", inputs={"train_data": applied})
    found = derive(dag.document())
    assert found.tasks == ("reader_g", "reader_h", "match", "scale_b", "boost")
    assert found.models == ("scale_a", "boost")
    assert source(found, "scale_b", "input_model", "model")["producer_task"] == "scale_a"


def test_of_models_that_go_on_with_each_other_the_last_one_scores() -> None:
    dag, rows = by_hand()
    first = dag.add("lr_0", "sshe_lr", inputs={"train_data": rows})["output_model"]
    dag.add("lr_1", "sshe_lr", inputs={"train_data": rows, "warm_start_model": first})
    found = derive(dag.document())
    assert found.scoring.task == "lr_1"
    assert found.models == ("lr_1",)


# -- what cannot be ------------------------------------------------------------------------------------------------


def test_a_job_that_trains_no_model_is_refused() -> None:
    assert "none of the job's tasks trains a model that can score" in refused(Psi(**PARTIES, statistics=Statistics()))


def test_a_job_that_predicts_is_refused_with_the_model_that_it_has_used() -> None:
    said = refused(derive(HeteroSecureBoost(**PARTIES)).document)
    assert "model = '20260101': the job predicts itself" in said


def test_a_cross_validation_leaves_no_model() -> None:
    dag, rows = by_hand()
    dag.add("boost", "hetero_secureboost", inputs={"train_data": rows})
    document = dag.document()
    spec = document["dag"]["tasks"]["boost"]  # type: ignore[index]
    spec["stage"] = "cross_validation"
    spec["inputs"]["data"] = {"cv_data": spec["inputs"]["data"]["train_data"]}
    assert "tasks.boost = 'hetero_secureboost': it was cross validated, which leaves no model" in refused(document)


def test_a_component_of_another_provider_is_refused_by_name() -> None:
    dag, rows = by_hand()
    dag.add("tune", "homo_nn", inputs={"train_data": rows})
    document = dag.document()
    document["dag"]["tasks"]["tune"]["conf"] = {"provider": "fate_llm:2.2.0@local"}  # type: ignore[index]
    assert "tasks.tune = 'homo_nn': homo_nn is of provider fate_llm:2.2.0@local" in refused(document)


def test_which_of_several_models_is_asked_for() -> None:
    training = HeteroSecureBoost(**PARTIES, guest_baseline=True)
    assert "several models: sbt_0, sbt_alone_0" in refused(training)
    assert derive(training, task="sbt_alone_0").models == ("sbt_alone_0",)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("stb_0", "task = 'stb_0': the job has no such task. Did you mean 'sbt_0'?"),
        ("psi_0", "task = 'psi_0': psi has nothing to predict with. Take one of: sbt_0."),
        ("sbt_0_validate", "its stage is predict, so it has trained no model itself. Take one of: sbt_0."),
    ],
)
def test_a_task_that_cannot_score_is_refused(task: str, said: str) -> None:
    assert said in refused(HeteroSecureBoost(**PARTIES, holdout=0.2), task=task)


# -- tables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tables",
    [
        {"9999": "new.bank", "10000": "new.telco"},
        {"guest": {"table": "new.bank", "rows": 3}, "hosts": ["new.telco"]},
        {"guest": "new.bank", "10000": "new.telco"},
    ],
)
def test_tables_are_given_by_party_or_role(tables: dict[str, Any]) -> None:
    found = derive(HeteroSecureBoost(**PARTIES), tables)
    assert read(found) == {"guest 9999": "new.bank", "host 10000": "new.telco"}


def test_several_hosts_need_a_table_each() -> None:
    training = CoordinatedLR(
        guest=PARTIES["guest"], hosts=[Party("10000", "old.a"), Party("10001", "old.b")], arbiter="10000"
    )
    found = derive(training, {"guest": "new.bank", "host": ["new.a", "new.b"]})
    assert read(found) == {"guest 9999": "new.bank", "host 10000": "new.a", "host 10001": "new.b"}
    assert "the job has several: 10000, 10001" in refused(training, {"guest": "new.bank", "host": "new.a"})
    assert "there are 1 tables for 10000, 10001" in refused(training, {"guest": "new.bank", "host": ["new.a"]})
    assert "host 10001 brought a table to the training, and has none here" in refused(
        training, {"guest": "new.bank", "10000": "new.a"}
    )


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"guest": "new.bank"}, "tables.10000: host 10000 brought a table to the training, and has none here"),
        ({**TABLES, "1000": "new.x"}, "tables.1000 = '1000': no party of the job reads a table under this name"),
        ({**TABLES, "hots": "new.x"}, "Did you mean 'host'?"),
        ({**TABLES, "9999": "new.other"}, "guest 9999 has new.bank already"),
        ({**TABLES, "guest": "bank"}, "tables.guest = 'bank': table 'bank' is not of the form 'namespace.name'"),
        ({**TABLES, "guest": 7}, "tables.guest = 7: a table is written 'namespace.name'"),
    ],
)
def test_a_party_or_a_table_that_is_missing_or_wrong_is_named(tables: dict[str, Any], said: str) -> None:
    assert said in refused(HeteroSecureBoost(**PARTIES), tables)


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = refused(HeteroSecureBoost(**PARTIES, evaluation=None), {"guest": "bank", "x": "new.x"}, evaluate=True)
    assert "for 4 reasons" in said

"""A warm start is checked against the earlier job before anything is submitted, and finds each model where it is."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from airflow_provider_fate.errors import FateInvalidJobError
from airflow_provider_fate.jobs import (
    Binning,
    CoordinatedLR,
    CrossValidation,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Party,
    Psi,
    Recipe,
    Scaling,
    Selection,
    SsheLR,
    WarmStart,
    mlp,
    require_valid_document,
)
from airflow_provider_fate.jobs.continuing import continue_from
from airflow_provider_fate.jobs.predict import TrainedModel, derive_predict

Parties = dict[str, Any]
MODEL = TrainedModel("m1", "0", "j1")
TRAINED = {"job_id": "j1", "model_id": "m1", "model_version": "0", "status": "success", "metrics": {"auc": 0.9}}


def as_flow_gives_it_back(recipe: Recipe) -> dict[str, Any]:
    """FATE-Flow writes out what was not set."""
    document = copy.deepcopy(recipe.document())
    for task in document["dag"]["tasks"].values():  # type: ignore[index]
        task |= {"conf": None}
        for key in ("n_iter_no_change", "gh_pack"):
            task["parameters"].setdefault(key, None)
    return document


def go_on(recipe: Any, earlier: Recipe, model: TrainedModel = MODEL) -> Any:
    return continue_from(recipe, as_flow_gives_it_back(earlier), model)


def warehouse(recipe: Recipe, task: str, key: str) -> dict[str, Any]:
    tasks: Any = recipe.document()["dag"]["tasks"]  # type: ignore[index]
    return tasks[task]["inputs"]["model"][key]["model_warehouse"]


@pytest.mark.parametrize("given", ["j1", TRAINED, {"job_id": "j1", "task": "sbt_0"}, WarmStart(job_id="j1")])
def test_a_job_is_named_by_its_id_or_by_what_its_task_gives_back(hetero: Parties, given: Any) -> None:
    recipe = HeteroSecureBoost(**hetero, warm_start=given)
    assert isinstance(recipe.warm_start, WarmStart)
    assert recipe.warm_start.job_id == "j1"


@pytest.mark.parametrize("given", [None, "", "None"])
def test_without_an_earlier_job_the_training_begins_anew(hetero: Parties, given: Any) -> None:
    assert HeteroSecureBoost(**hetero, warm_start=given).warm_start is None


def test_a_template_is_kept_until_it_is_rendered(hetero: Parties) -> None:
    recipe = HeteroSecureBoost(**hetero, warm_start="{{ params.job }}")
    assert recipe.serialize()["warm_start"] == "{{ params.job }}"
    with pytest.raises(FateInvalidJobError, match="has not been rendered"):
        recipe.dag()


def test_the_job_of_a_mapping_may_be_a_template(hetero: Parties) -> None:
    given = {"job_id": "{{ params.job }}", "task": "sbt_alone_0"}
    recipe = HeteroSecureBoost(**hetero, warm_start=given)
    assert isinstance(recipe.warm_start, WarmStart)
    assert recipe.warm_start.job_id == "{{ params.job }}"
    with pytest.raises(FateInvalidJobError, match=r"warm_start\.job_id .*has not been rendered"):
        recipe.dag()


@pytest.mark.parametrize("given", [{"metrics": {}}, "no job", 7, {"job": "j1"}])
def test_what_names_no_job_is_refused(hetero: Parties, given: Any) -> None:
    with pytest.raises(FateInvalidJobError, match="warm_start"):
        HeteroSecureBoost(**hetero, warm_start=given)


def test_a_recipe_with_a_warm_start_survives_the_way_through_yaml(hetero: Parties) -> None:
    recipe = go_on(HeteroSecureBoost(**hetero, warm_start="j1"), HeteroSecureBoost(**hetero))
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert Recipe.from_mapping(recipe.serialize()) == recipe


def test_an_id_alone_is_not_enough_without_a_site(hetero: Parties) -> None:
    with pytest.raises(FateInvalidJobError, match=r"the site knows it.*FateJobOperator"):
        HeteroSecureBoost(**hetero, warm_start="j1").dag()
    assert warehouse(HeteroSecureBoost(**hetero, warm_start=TRAINED), "sbt_0", "warm_start_model")["model_id"] == "m1"


def test_trees_go_on_from_the_earlier_ones_at_both_parties(hetero: Parties) -> None:
    recipe = go_on(HeteroSecureBoost(**hetero, num_trees=7, warm_start="j1"), HeteroSecureBoost(**hetero))
    require_valid_document(recipe.dag())
    assert warehouse(recipe, "sbt_0", "warm_start_model") == {
        "model_id": "m1",
        "model_version": "0",
        "producer_task": "sbt_0",
        "output_artifact_key": "output_model",
        "parties": [{"role": "guest", "party_id": ["9999"]}, {"role": "host", "party_id": ["10000"]}],
    }


def test_an_arbiter_takes_its_part_only_where_it_has_one(hetero: Parties, homo: Parties) -> None:
    coordinated = {**hetero, "arbiter": "10000"}
    lr = go_on(CoordinatedLR(**coordinated, warm_start="j1"), CoordinatedLR(**coordinated))
    roles = [entry["role"] for entry in warehouse(lr, "lr_0", "warm_start_model")["parties"]]
    assert roles == ["guest", "host", "arbiter"]
    homo_lr = go_on(HomoLR(**homo, warm_start="j1"), HomoLR(**homo))
    roles = [entry["role"] for entry in warehouse(homo_lr, "lr_0", "warm_start_model")["parties"]]
    assert roles == ["guest", "host"]


def test_steps_are_applied_as_they_were_then(hetero: Parties) -> None:
    steps = {"binning": Binning(), "selection": Selection(), "scaling": Scaling(), "holdout": 0.2}
    recipe = go_on(SsheLR(**hetero, **steps, warm_start="j1"), SsheLR(**hetero, **steps))
    require_valid_document(recipe.dag())
    tasks = recipe.document()["dag"]["tasks"]
    assert "binning_0" not in tasks, "it only measures, and the selection knows what it chose"
    for name, key in (("selection_0", "train_output_model"), ("scale_0", "output_model")):
        for task in (name, f"{name}_validate"):
            assert tasks[task]["stage"] == "predict"
            found = warehouse(recipe, task, "input_model")
            assert (found["model_id"], found["producer_task"], found["output_artifact_key"]) == ("m1", name, key)
    data = tasks["lr_0"]["inputs"]["data"]
    assert data["train_data"]["task_output_artifact"]["producer_task"] == "scale_0"
    assert data["validate_data"]["task_output_artifact"]["producer_task"] == "scale_0_validate"


def test_a_third_training_takes_the_steps_of_the_first_and_the_model_of_the_second(hetero: Parties) -> None:
    first = SsheLR(**hetero)
    second = go_on(SsheLR(**hetero, warm_start="j1"), first)
    third = go_on(SsheLR(**hetero, warm_start="j2"), second, TrainedModel("m2", "0", "j2"))
    assert warehouse(third, "scale_0", "input_model")["model_id"] == "m1"
    assert warehouse(third, "lr_0", "warm_start_model")["model_id"] == "m2"


def test_the_scores_of_a_continued_model_use_the_steps_of_the_first(hetero: Parties) -> None:
    second = go_on(SsheLR(**hetero, warm_start="j1"), SsheLR(**hetero))
    tables = {"guest": "a.new", "host": "b.new"}
    found = derive_predict(second.dag(), model=TrainedModel("m2", "0", "j2"), tables=tables)
    tasks: Any = found.document["dag"]["tasks"]  # type: ignore[index]
    assert tasks["scale_0"]["inputs"]["model"]["input_model"]["model_warehouse"]["model_id"] == "m1"
    assert "model_id" not in tasks["lr_0"]["inputs"]["model"]["input_model"]["model_warehouse"]
    assert found.models == ("lr_0",)


def test_a_guest_that_trains_alone_goes_on_alone(hetero: Parties) -> None:
    alone = HeteroSecureBoost(**hetero, guest_only=True)
    recipe = go_on(alone.model_copy(update={"warm_start": WarmStart(job_id="j1")}), alone)
    tasks = recipe.document()["dag"]["tasks"]
    assert tasks["sbt_0"]["parameters"]["complete_secure"] > 10_000, "FATE counts from the first tree of all"


def test_the_task_that_is_meant_may_be_named(hetero: Parties) -> None:
    earlier = HeteroSecureBoost(**hetero, guest_baseline=True)
    asked = {"job_id": "j1", "task": "sbt_alone_0"}
    found = go_on(HeteroSecureBoost(**hetero, guest_only=True, warm_start=asked), earlier)
    assert warehouse(found, "sbt_0", "warm_start_model")["producer_task"] == "sbt_alone_0"
    with pytest.raises(FateInvalidJobError, match="Say which of its models is meant: sbt_0, sbt_alone_0"):
        go_on(HeteroSecureBoost(**hetero, warm_start={"job_id": "j1", "task": "sbt_9"}), earlier)


def other(hetero: Parties, **changes: Any) -> dict[str, Any]:
    return {**hetero, **changes}


def test_each_way_in_which_the_earlier_job_does_not_fit_is_named(hetero: Parties, homo: Parties) -> None:
    boost, lr = HeteroSecureBoost(**hetero), SsheLR(**hetero)
    with_host = other(hetero, hosts=[Party("9998", "a.b")])
    cases: list[tuple[Recipe, Recipe, str]] = [
        (lr, boost, "trained hetero_secureboost, and FATE goes on with sshe_lr only from sshe_lr"),
        (boost, Psi(**hetero), "trained no model"),
        (
            HeteroSecureBoost(**with_host),
            boost,
            "at guest 9999, host 10000, and the new job is of guest 9999, host 9998",
        ),
        (boost, HeteroSecureBoost(**hetero, cross_validation=3), "cross validated, which leaves no model"),
        (boost, HeteroSecureBoost(**hetero, learning_rate=0.1), r"learning_rate = 0.3: FATE goes on with 0.1"),
        (boost, HeteroSecureBoost(**hetero, objective="regression:l2"), "objective = 'binary:bce'"),
        (lr, SsheLR(**hetero, tol=0.1), "tol = 0.0001: FATE goes on with 0.1"),
        (lr, SsheLR(**hetero, scaling=None), "scaling: the earlier job has trained on columns without this step"),
        (SsheLR(**hetero, scaling=None), lr, "scaling: the earlier job has trained on columns after scale_0"),
        (lr, SsheLR(**hetero, scaling=Scaling(method="min_max")), "scaling.*in the earlier job it was.*min_max"),
        (
            HomoNN(**homo, layers=mlp(4, 8)),
            HomoNN(**homo, layers=mlp(4, 16)),
            "model_conf",
        ),
        (HomoLR(**homo, num_class=3), HomoLR(**homo), "ovr = True"),
    ]
    for recipe, earlier, message in cases:
        asked = type(recipe).model_validate({**recipe.model_dump(), "warm_start": "j1"})
        with pytest.raises(FateInvalidJobError, match=message):
            go_on(asked, earlier)


def test_numbers_of_rounds_steps_and_rows_may_be_others(hetero: Parties, homo: Parties) -> None:
    new = {"num_trees": 50, "max_depth": 5, "max_bin": 64, "holdout": 0.1, "evaluation": None}
    go_on(HeteroSecureBoost(**hetero, **new, warm_start="j1"), HeteroSecureBoost(**hetero))
    go_on(SsheLR(**hetero, epochs=1, batch_size=10, warm_start="j1"), SsheLR(**hetero))
    go_on(HomoLR(**homo, learning_rate=0.9, warm_start="j1"), HomoLR(**homo))


@pytest.mark.parametrize("recipe", ["Psi", "HomoLR", "HeteroNN"])
def test_recipes_that_fate_cannot_cross_validate_say_so(recipe: str, hetero: Parties) -> None:
    with pytest.raises(
        FateInvalidJobError, match=rf"(?s){recipe} cannot run: cross_validation = 5: .*(FATE 2.2|no model)"
    ):
        Recipe.from_mapping({"recipe": recipe, **hetero, "cross_validation": 5})


def test_an_intersection_has_nothing_to_go_on_from(hetero: Parties) -> None:
    with pytest.raises(FateInvalidJobError, match="Psi cannot run: warm_start = 'j1': an intersection trains no model"):
        Psi(**hetero, warm_start="j1")  # type: ignore[call-arg]
    Recipe.from_mapping({"recipe": "Psi", **hetero, "warm_start": None})


@pytest.mark.parametrize("given", [5, "5", {"n_splits": 5}, CrossValidation()])
def test_a_cross_validation_trains_each_fold_and_no_model(hetero: Parties, given: Any) -> None:
    document = SsheLR(**hetero, cross_validation=given).dag()
    task: Any = document["dag"]["tasks"]["lr_0"]  # type: ignore[index]
    assert task["stage"] == "cross_validation"
    assert task["parameters"]["cv_param"] == {"n_splits": 5, "shuffle": True, "random_state": 42}
    assert list(task["inputs"]["data"]) == ["cv_data"]


def test_no_seed_without_shuffling(hetero: Parties) -> None:
    recipe = HeteroSecureBoost(**hetero, cross_validation=CrossValidation(n_splits=2, shuffle=False))
    task: Any = recipe.dag()["dag"]["tasks"]["sbt_0"]  # type: ignore[index]
    assert task["parameters"]["cv_param"]["random_state"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("holdout", 0.2), ("warm_start", "j1"), ("guest_baseline", True), ("cross_validation", 1)],
)
def test_what_does_not_go_with_folds_is_refused(hetero: Parties, field: str, value: Any) -> None:
    with pytest.raises(FateInvalidJobError, match=field):
        HeteroSecureBoost(**{**hetero, "cross_validation": 3, field: value})


def test_weights_of_evidence_cannot_be_gone_on_with(hetero: Parties) -> None:
    with pytest.raises(FateInvalidJobError, match=r"binning\.transform = 'woe'"):
        SsheLR(**hetero, binning=Binning(transform="woe"), warm_start="j1")

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_fate.errors import FateInvalidJobError
from airflow_provider_fate.jobs import (
    CoordinatedLR,
    HeteroNN,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Layer,
    Party,
    Psi,
    Recipe,
    SsheLR,
    check_dag,
    load_dag,
    mlp,
)
from airflow_provider_fate.jobs.recipes.layers import network
from airflow_provider_fate.jobs.recipes.steps import Binning

Parties = dict[str, Any]
HETERO: Parties = {"guest": Party("9999", "ns.guest"), "hosts": [Party("10000", "ns.host")]}


def tasks(recipe: Recipe) -> dict[str, Any]:
    dag = recipe.dag()["dag"]
    assert isinstance(dag, dict)
    found = dag["tasks"]
    assert isinstance(found, dict)
    return found


# -- templates -----------------------------------------------------------------------------------------------------


def test_a_template_is_accepted_until_it_is_rendered(hetero: Parties) -> None:
    recipe = HeteroSecureBoost(**hetero, num_trees="{{ params.trees }}", holdout="{{ params.share }}")
    assert recipe.num_trees == "{{ params.trees }}"
    with pytest.raises(FateInvalidJobError, match=r"num_trees = '\{\{ params.trees \}\}': the template has not been"):
        recipe.dag()


def test_rendered_text_becomes_the_number_that_the_field_takes(hetero: Parties) -> None:
    recipe = HeteroSecureBoost(**hetero, num_trees="{{ t }}", goss="{{ g }}", holdout="{{ h }}")
    rendered = {**recipe.model_dump(), "num_trees": "20", "goss": "true", "holdout": "0.25"}
    parameters = tasks(HeteroSecureBoost.model_validate(rendered))["sbt_0"]["parameters"]
    assert parameters["num_trees"] == 20
    assert parameters["goss"] is True
    split = tasks(HeteroSecureBoost.model_validate(rendered))["data_split_0"]["parameters"]
    assert split["validate_size"] == 0.25
    assert split["train_size"] == 0.75


def test_a_rendered_value_is_checked_as_a_written_one(hetero: Parties) -> None:
    recipe = HeteroSecureBoost(**hetero, num_trees="{{ t }}")
    with pytest.raises(FateInvalidJobError, match="num_trees = '0': input should be greater than or equal to 1"):
        HeteroSecureBoost.model_validate({**recipe.model_dump(), "num_trees": "0"})


def test_what_depends_on_several_fields_waits_for_their_rendering(hetero: Parties) -> None:
    recipe = HeteroSecureBoost(**hetero, objective="{{ o }}", num_class=3)
    with pytest.raises(FateInvalidJobError, match="num_class"):
        HeteroSecureBoost.model_validate({**recipe.model_dump(), "objective": "binary:bce"})


def test_steps_take_templates_too(hetero: Parties) -> None:
    steps = {"binning": {"n_bins": "{{ bins }}"}, "encryption": {"key_length": "{{ bits }}"}}
    recipe = HeteroSecureBoost(**hetero, **steps, evaluation={"metrics": ["{{ metric }}"]})
    rendered = recipe.model_dump()
    rendered["binning"]["n_bins"], rendered["encryption"]["key_length"] = "5", "2048"
    rendered["evaluation"]["metrics"] = ["auc"]
    made = tasks(HeteroSecureBoost.model_validate(rendered))["binning_0"]["parameters"]
    assert (made["n_bins"], made["he_param"]["key_length"]) == (5, 2048)


def test_templates_in_tables_and_party_ids_are_kept(hetero: Parties) -> None:
    party = Party("{{ var.value.us }}", "credit.bank_{{ ds_nodash }}")
    dumped = Psi(guest=party, hosts=hetero["hosts"]).model_dump()
    assert dumped["guest"]["table"] == "credit.bank_{{ ds_nodash }}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Party("9999", "breast"), r"^Party cannot run: table = 'breast': .*namespace.name"),
        (lambda: Party("99 99", "a.b"), r"^Party cannot run: party_id = '99 99': a party id is"),
        (lambda: Party("9999", "a.b", houldout_table="a.c"), r"there is no such field. Did you mean 'holdout_table'"),
        (lambda: Binning(n_bins=0), r"^Binning cannot run: n_bins = 0: "),
        (lambda: Layer(type="Linaer"), r"^Layer cannot run: "),
    ],
)
def test_parts_of_recipes_speak_as_plainly_as_recipes(make: Any, message: str) -> None:
    with pytest.raises(FateInvalidJobError, match=message) as caught:
        make()
    assert "pydantic" not in str(caught.value)


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_trees": 0}, "num_trees = 0: .* It takes 1 to 5000 trees"),
        ({"num_tree": 3}, "num_tree = 3: there is no such field. Did you mean 'num_trees'"),
        ({"learning_rate": "fast"}, "learning_rate = 'fast'.*number above 0"),
        ({"hosts": []}, r"hosts = \[\]: nobody to federate with"),
        ({"hosts": [Party("9999", "a.b")]}, "hosts.0.party_id = '9999': this party is in the job already"),
        ({"guest": {"party_id": "9999", "table": "breast"}}, "guest.table = 'breast'.*namespace.name"),
        ({"guest": {"party_id": "99 99", "table": "a.b"}}, "guest.party_id = '99 99': a party id is"),
        ({"objective": "multi:ce"}, "num_class = 2: 'multi:ce' needs more than two classes"),
        ({"selection": {}}, "selection.*there is none. Add binning"),
        ({"guest_only": True, "guest_baseline": True}, "guest_baseline"),
        ({"goss": True, "top_rate": 0.8, "other_rate": 0.3}, "top_rate = 0.8: with other_rate 0.3 it is above 1"),
        ({"evaluation": {"metrics": ["acu"]}}, "FATE has no metric 'acu'; Did you mean 'auc'"),
        ({"encryption": {"key_length": 512}}, "encryption.key_length = 512"),
        ({"binning": {}, "objective": "regression:l2"}, "binning.*label is regression"),
        ({"guest": Party("9999", "a.b", "a.c")}, "hosts.0.holdout_table: other parties have a holdout table"),
    ],
)
def test_a_wrong_value_is_named_with_the_way_out(hetero: Parties, changes: Parties, message: str) -> None:
    with pytest.raises(FateInvalidJobError, match=message):
        HeteroSecureBoost(**{**hetero, **changes})


def test_all_that_is_wrong_is_said_at_once(hetero: Parties) -> None:
    with pytest.raises(FateInvalidJobError) as caught:
        HeteroSecureBoost(**hetero, num_trees=0, max_depth=99, cores=0)
    assert [problem.field for problem in caught.value.problems] == ["cores", "num_trees", "max_depth"]


def test_a_holdout_comes_from_tables_or_from_a_share_but_not_both() -> None:
    parties = {"guest": Party("1", "a.b", "a.c"), "hosts": [Party("2", "a.b", "a.c")]}
    with pytest.raises(FateInvalidJobError, match=r"holdout = 0\.2: the parties have holdout tables already"):
        HeteroSecureBoost(**parties, holdout=0.2)


def test_secret_sharing_refuses_a_second_host(hetero: Parties) -> None:
    hosts = [*hetero["hosts"], Party("9998", "ns.t")]
    with pytest.raises(FateInvalidJobError, match="one guest and one host"):
        SsheLR(guest=hetero["guest"], hosts=hosts)


def test_a_coordinated_job_asks_for_its_arbiter(hetero: Parties) -> None:
    with pytest.raises(FateInvalidJobError, match="arbiter: it is missing"):
        CoordinatedLR(**hetero)


# -- jobs ----------------------------------------------------------------------------------------------------------


def test_the_guest_alone_is_trained_on_the_same_rows_without_the_hosts_columns(hetero: Parties) -> None:
    made = tasks(HeteroSecureBoost(**hetero, num_trees=7, holdout=0.3, guest_baseline=True))
    assert made["sbt_0"]["inputs"] == made["sbt_alone_0"]["inputs"]
    assert "complete_secure" not in made["sbt_0"]["parameters"]
    assert made["sbt_alone_0"]["parameters"]["complete_secure"] == 7
    judged = made["evaluation_0"]["inputs"]["data"]["input_datas"]["task_output_artifact"]
    assert [channel["producer_task"] for channel in judged] == [
        *("sbt_0", "sbt_0_validate", "sbt_alone_0", "sbt_alone_0_validate"),
    ]


def test_guest_only_makes_every_tree_one_of_the_guest(hetero: Parties) -> None:
    made = tasks(HeteroSecureBoost(**hetero, num_trees=9, guest_only=True))
    assert made["sbt_0"]["parameters"]["complete_secure"] == 9


def test_held_out_rows_pass_the_steps_with_what_was_learned_from_the_others(hetero: Parties) -> None:
    made = tasks(SsheLR(**hetero, holdout=0.2, binning={"transform": "bin_idx"}, selection={}))
    applied = made["binning_0_validate"]
    assert applied["stage"] == "predict"
    assert applied["inputs"]["model"]["input_model"]["task_output_artifact"]["producer_task"] == "binning_0"
    assert applied["parameters"]["transform_method"] == "bin_idx"
    validate = made["lr_0"]["inputs"]["data"]["validate_data"]["task_output_artifact"]
    assert validate["producer_task"] == "scale_0_validate"


def test_weights_of_evidence_are_put_in_at_the_guest_alone(hetero: Parties) -> None:
    document = HeteroSecureBoost(**hetero, binning={"transform": "woe"}).dag()
    told = document["dag"]["party_tasks"]  # type: ignore[index]
    assert (
        "transform_method"
        not in tasks(HeteroSecureBoost(**hetero, binning={"transform": "woe"}))["binning_0"]["parameters"]
    )
    assert told["guest_9999"]["tasks"]["binning_0"] == {"parameters": {"transform_method": "woe"}}
    assert "binning_0" not in told["host_10000"]["tasks"], "FATE fails at a host that is told so"


def test_weights_of_evidence_hold_no_rows_out(hetero: Parties) -> None:
    with pytest.raises(FateInvalidJobError, match="leaves rows that it has not trained on without weights of evidence"):
        HeteroSecureBoost(**hetero, holdout=0.2, binning={"transform": "woe"})


def test_homo_parties_judge_the_model_each_by_its_own_rows(homo: Parties) -> None:
    made = tasks(HomoLR(**homo, holdout=0.2, num_class=4))
    assert [entry["role"] for entry in made["evaluation_0"]["parties"]] == ["guest", "host"]
    assert made["data_split_0"]["parameters"]["hetero_sync"] is False
    assert made["lr_0"]["parameters"]["label_num"] == 4
    assert made["evaluation_0"]["parameters"]["default_eval_setting"] == "multi"


def test_the_guest_is_the_arbiter_of_a_homo_job_unless_another_is_named(homo: Parties) -> None:
    dag = HomoLR(**homo).dag()["dag"]
    assert isinstance(dag, dict)
    assert dag["parties"][-1] == {"role": "arbiter", "party_id": ["9999"]}


def test_resources_go_where_fate_looks_for_them(hetero: Parties) -> None:
    recipe = Psi(
        **hetero, cores=2, job_cores=4, computing_partitions=4, priority=5, task_timeout=60, extra={"who": "me"}
    )
    dag = recipe.dag()["dag"]
    assert isinstance(dag, dict)
    assert dag["conf"] == {
        "task": {"engine_run": {"cores": 2}, "timeout": 60},
        "cores": 4,
        "computing_partitions": 4,
        "priority": 5,
        "extra": {"who": "me"},
    }


@settings(max_examples=40, deadline=None)
@given(
    trees=st.integers(1, 5000),
    depth=st.integers(1, 16),
    rate=st.floats(0.001, 1),
    holdout=st.none() | st.floats(0.01, 0.99),
    baseline=st.booleans(),
    hosts=st.integers(1, 4),
    binning=st.booleans(),
)
def test_every_valid_recipe_makes_a_valid_job_and_survives_yaml(
    trees: int, depth: int, rate: float, holdout: float | None, baseline: bool, hosts: int, binning: bool
) -> None:
    recipe = HeteroSecureBoost(
        guest=Party("1", "a.b"),
        hosts=[Party(str(number + 2), f"a.t{number}") for number in range(hosts)],
        num_trees=trees,
        max_depth=depth,
        learning_rate=rate,
        holdout=holdout,
        guest_baseline=baseline,
        binning={} if binning else None,
        selection={} if binning else None,
    )
    dag = recipe.dag()
    assert check_dag(dag, party_id="1") == []
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert type(recipe).model_validate(recipe.model_dump()).dag() == dag
    assert load_dag(recipe.to_yaml()) == dag


# -- text ----------------------------------------------------------------------------------------------------------


def test_an_unknown_recipe_is_named_with_the_closest(hetero: Parties) -> None:
    text = Psi(**hetero).to_yaml().replace("recipe: Psi", "recipe: HeteroSecureBost")
    with pytest.raises(FateInvalidJobError, match="Did you mean 'HeteroSecureBoost'"):
        Recipe.from_yaml(text)


def test_what_the_ui_shows_is_what_was_set(hetero: Parties) -> None:
    shown = HeteroSecureBoost(**hetero, num_trees="{{ params.trees }}").serialize()
    assert shown == {
        "recipe": "HeteroSecureBoost",
        "guest": {"party_id": "9999", "table": "experiment.breast_hetero_guest"},
        "hosts": [{"party_id": "10000", "table": "experiment.breast_hetero_host"}],
        "num_trees": "{{ params.trees }}",
    }


# -- networks ------------------------------------------------------------------------------------------------------


def test_more_than_ten_layers_keep_their_order_when_fate_sorts_their_keys() -> None:
    layers = mlp(4, 4, 4, 4, 4, 4)
    kwargs = network(layers)["kwargs"]
    assert isinstance(kwargs, dict)
    sequence = kwargs["seq_conf"]
    assert [sequence[key]["item_name"] for key in sorted(sequence)] == [layer.type for layer in layers]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["Liner"], "torch.nn has no layer 'Liner'. Did you mean 'Linear'"),
        ([{"type": "Linear", "in_features": 3}], "a Linear layer needs out_features"),
        ([*mlp(30, 16, end=None)], "BCELoss takes probabilities"),
        ([*mlp(30, 16, out=2)], "the network gives 2"),
        (
            [
                {"type": "Linear", "in_features": 3, "out_features": 4},
                "ReLU",
                {"type": "Linear", "in_features": 5, "out_features": 1},
                "Sigmoid",
            ],
            "layer 2 takes 5 values, but gets 4",
        ),
        ([], "at least 1 item"),
    ],
)
def test_a_network_that_torch_would_refuse_is_refused_here(homo: Parties, layers: list[Any], message: str) -> None:
    with pytest.raises(FateInvalidJobError, match=message):
        HomoNN(**homo, layers=layers)


def test_a_loss_is_written_as_torch_writes_it(homo: Parties) -> None:
    with pytest.raises(FateInvalidJobError, match=r"loss = 'bceloss'.*Did you mean 'BCELoss'"):
        HomoNN(**homo, layers=mlp(3), loss="bceloss")


def test_a_split_network_meets_in_layers_of_the_widths_given(hetero: Parties) -> None:
    lower = [Layer(type="Linear", kwargs={"in_features": 10, "out_features": 6}), "ReLU"]
    recipe = HeteroNN(**hetero, guest_layers=lower, host_layers=lower, top_layers=mlp(5))
    dag = recipe.dag()["dag"]
    assert isinstance(dag, dict)
    conf = dag["party_tasks"]["host_10000"]["tasks"]["nn_0"]["parameters"]["runner_conf"]
    assert conf["agglayer_arg_conf"] == {
        "agg_type": "hess",
        "guest_in_features": 6,
        "host_in_features": 6,
        "out_features": 5,
        "layer_lr": 0.01,
        "precision_bits": None,
    }
    assert "loss_conf" not in conf

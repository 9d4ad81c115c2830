"""A sweep is checked when it is written, and its result says what became of every trial."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from airflow_provider_fate.errors import FateInputError, FateInvalidJobError
from airflow_provider_fate.jobs import Binning, HeteroSecureBoost, Recipe, SsheLR, Sweep, best, sweep
from airflow_provider_fate.jobs.trials import judge

Parties = dict[str, Any]


@pytest.fixture
def boost(hetero: Parties) -> HeteroSecureBoost:
    return HeteroSecureBoost(**hetero, num_trees=3, extra={"team": "risk"})


def test_a_grid_has_each_combination_once_in_the_order_of_the_lists(boost: Recipe) -> None:
    made = sweep(boost, {"learning_rate": [0.1, 0.3], "max_depth": [2, 3]})
    assert made.parameters == [
        {"learning_rate": 0.1, "max_depth": 2},
        {"learning_rate": 0.1, "max_depth": 3},
        {"learning_rate": 0.3, "max_depth": 2},
        {"learning_rate": 0.3, "max_depth": 3},
    ]


def test_a_trial_is_the_recipe_with_its_parameters_and_says_which_one_it_is(boost: Recipe) -> None:
    job = sweep(boost, {"max_depth": [2, 4]}).jobs[1]
    json.dumps(job)
    recipe = Recipe.from_mapping(job)
    assert isinstance(recipe, HeteroSecureBoost)
    assert (recipe.max_depth, recipe.num_trees) == (4, 3)
    trial = {"number": 1, "parameters": {"max_depth": 4}, "label": "max_depth=4"}
    assert recipe.extra == {"team": "risk", "trial": trial}
    assert recipe.dag()["dag"]["conf"]["extra"]["trial"]["number"] == 1  # type: ignore[index]


def test_parameters_of_a_step_are_varied_by_their_path(hetero: Parties) -> None:
    recipe = SsheLR(**hetero, binning=Binning(n_bins=4, method="bucket"))
    trials = sweep(recipe, {"binning.n_bins": [5, 10], "scaling.method": ["min_max"]}).trials
    binnings = [trial.recipe.binning for trial in trials if isinstance(trial.recipe, SsheLR)]
    assert binnings == [Binning(n_bins=5, method="bucket"), Binning(n_bins=10, method="bucket")]


def test_a_step_that_the_recipe_lacks_is_added(boost: Recipe) -> None:
    trials = sweep(boost, {"binning.n_bins": [5]}).trials
    assert isinstance(trials[0].recipe, HeteroSecureBoost)
    assert trials[0].recipe.binning == Binning(n_bins=5)


def test_a_sample_is_the_same_each_time_and_another_with_another_seed(boost: Recipe) -> None:
    space = {"learning_rate": [n / 100 for n in range(1, 101)], "max_bin": list(range(2, 1000)), "goss": [False, True]}
    first, again = (sweep(boost, space, sample=5).parameters for _ in range(2))
    assert first == again
    assert len({str(trial) for trial in first}) == 5
    assert sweep(boost, space, sample=5, seed=1).parameters != first


def test_a_sample_larger_than_the_grid_is_the_grid(boost: Recipe) -> None:
    assert len(sweep(boost, {"max_depth": [2, 3]}, sample=10)) == 2


def test_templates_stay_templates(boost: Recipe) -> None:
    job = sweep(boost, {"num_trees": ["{{ params.few }}", "{{ params.many }}"]}).jobs[1]
    assert job["num_trees"] == "{{ params.many }}"


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ({}, {}, "varies nothing"),
        ({"depth": [1]}, {}, "depth: HeteroSecureBoost has no such parameter. Did you mean 'max_depth'?"),
        ({"max_depth": []}, {}, "no values to try"),
        ({"max_depth": "23"}, {}, "no values to try"),
        ({"max_depth": [2, 3, 2]}, {}, "same trial would be run twice"),
        ({"binning.bins": [2]}, {}, "binning.bins"),
        ({"hosts.table": ["a.b"]}, {}, "a party is given as a whole"),
        ({"max_depth": [1, 2, 3], "max_bin": [8, 16]}, {"limit": 5}, "6 trials, more than limit=5"),
        ({"max_depth": [1, 2, 3]}, {"limit": 2, "sample": 3}, "3 trials, more than limit=2"),
        ({"max_depth": [1, 2, 3]}, {"sample": 0}, "sample=0"),
    ],
)
def test_what_cannot_be_swept_is_said_when_the_dag_is_read(
    boost: Recipe, space: dict[str, Any], options: dict[str, int], message: str
) -> None:
    with pytest.raises((FateInputError, FateInvalidJobError), match=message):
        sweep(boost, space, **options)


def test_all_values_that_cannot_work_are_listed_once(boost: Recipe) -> None:
    with pytest.raises(FateInvalidJobError) as caught:
        sweep(boost, {"max_depth": [0, 2, 99], "learning_rate": [0.1, 0.2]})
    assert len(caught.value.problems) == 2


def result(auc: float | None, number: int = 0, **metrics: Any) -> dict[str, Any]:
    values = metrics | ({} if auc is None else {"auc": auc})
    return {"job_id": f"j{number}", "model_id": f"m{number}", "model_version": "0", "metrics": values}


def three(boost: Recipe) -> Sweep:
    return sweep(boost, {"max_depth": [2, 3, 4]})


def test_the_best_trial_is_ready_to_be_used_as_a_model(boost: Recipe) -> None:
    found = best([result(0.7, 0), result(0.9, 1), result(0.8, 2)], sweep=three(boost))
    assert (found["trial"], found["value"], found["parameters"]) == (1, 0.9, {"max_depth": 3})
    assert (found["job_id"], found["model_id"], found["model_version"]) == ("j1", "m1", "0")


def test_less_is_better_where_that_is_said() -> None:
    results = [result(None, n, rmse=value) for n, value in enumerate((3.0, 1.0, 2.0))]
    assert best(results, metric="rmse", mode="min")["trial"] == 1


def test_of_equal_trials_the_first_wins_and_the_others_are_named() -> None:
    found = best([result(0.5, 0), result(0.9, 1), result(0.9, 2), result(0.9, 3)])
    assert (found["trial"], found["tied"]) == (1, [2, 3])


def test_what_failed_has_no_metric_or_no_number_never_wins_and_is_named() -> None:
    results = [None, result(math.nan, 1), result(math.inf, 2), result(None, 3), result(0.6, 4), result(True, 5)]
    found = best(results)
    assert (found["trial"], found["failed"], found["without_metric"]) == (4, [0], [1, 2, 3, 5])


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([None, None], "All of them have failed"),
        ([result(math.nan)], "not a number in trial 0"),
        ([result(None, ks=0.4, aucc=0.4)], "Did you mean 'aucc'"),
        ([], "none of 0 trials"),
    ],
)
def test_without_any_number_it_is_said_why(results: list[Any], message: str) -> None:
    with pytest.raises(FateInputError, match=message):
        best(results)


def test_a_wrong_mode_and_a_wrong_number_of_results_are_refused(boost: Recipe) -> None:
    with pytest.raises(FateInputError, match="mode='maximum'"):
        best([result(0.5)], mode="maximum")  # type: ignore[arg-type]
    with pytest.raises(FateInputError, match="3 trials and 1 results"):
        best([result(0.5)], sweep=three(boost))


def test_the_table_has_the_best_first_and_every_trial(boost: Recipe) -> None:
    found = judge([result(0.7, 0), None, result(0.9, 2)], sweep=three(boost), jobs=[None, {"job_id": "j1"}, None])
    assert found.to_markdown().splitlines() == [
        "|  | trial | max_depth | auc | job |",
        "| --- | ---: | --- | ---: | --- |",
        "| best | 2 | 4 | 0.9 | j2 |",
        "| 2 | 0 | 2 | 0.7 | j0 |",
        "|  | 1 | 3 | failed | j1 |",
    ]
    json.dumps(found.to_json(), allow_nan=False)

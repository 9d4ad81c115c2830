"""A recipe posts what a data scientist's own fate-client script would post for the same job.

The references were compiled by fate-client 2.2.0 (see ``reference/make_reference.py`` and ``make_variants.py``). It
writes out defaults of its own; what counts is what FATE does, so parameters are compared after FATE's own defaults have
been filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_fate.jobs import (
    CoordinatedLinR,
    CoordinatedLR,
    CrossValidation,
    Evaluation,
    HeteroNN,
    HeteroSecureBoost,
    HomoLR,
    HomoNN,
    Party,
    Psi,
    Recipe,
    SsheLinR,
    SsheLR,
    mlp,
)
from airflow_provider_fate.jobs.catalogue import known_components

Reference = Callable[[str], dict[str, Any]]

# Arguments that torch's classes have by default and fate-client writes out.
TORCH_DEFAULTS = {
    "Linear": {"bias": True},
    "ReLU": {"inplace": False},
    "BCELoss": {"reduction": "mean"},
    "Adam": {"amsgrad": False, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0},
}


def normal(document: dict[str, Any]) -> dict[str, Any]:
    """Return what of a job FATE acts upon."""
    dag = document["dag"]
    parties = {(entry["role"], party) for entry in dag["parties"] for party in entry["party_id"]}
    conf = {**dag["conf"], "task": {key: value for key, value in dag["conf"]["task"].items() if key != "timeout"}}
    return {
        "parties": parties,
        "stage": dag["stage"],
        "conf": conf,
        "tasks": {name: task(dag, name, spec, parties) for name, spec in dag["tasks"].items()},
        "party_tasks": {
            key: {
                "parties": party_set(entry["parties"]),
                "tasks": {name: plain(own["parameters"]) for name, own in entry["tasks"].items()},
            }
            for key, entry in dag["party_tasks"].items()
        },
    }


def party_set(entries: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(entry["role"], party) for entry in entries for party in entry["party_id"]}


def task(dag: dict[str, Any], name: str, spec: dict[str, Any], parties: set[tuple[str, str]]) -> dict[str, Any]:
    component = known_components()[spec["component_ref"]]
    runs_on = party_set(spec["parties"]) if "parties" in spec else parties
    return {
        "component": component.name,
        "stage": spec.get("stage"),
        "runs_on": {party for party in runs_on if party[0] in component.roles},
        "depends_on": set(spec.get("dependent_tasks", [])),
        "inputs": {
            (kind, key, source): [channel(one) for one in (given if isinstance(given, list) else [given])]
            for kind, inputs in spec.get("inputs", {}).items()
            for key, sources in inputs.items()
            for source, given in sources.items()
        },
        # fate-client repeats its defaults of the training in the predict stage, where FATE takes none of them.
        "parameters": {} if spec.get("stage") == "predict" else effective(component.name, spec),
    }


def channel(spec: dict[str, Any]) -> tuple[Any, ...]:
    stored = (spec["model_id"], spec["model_version"]) if "model_id" in spec else ()
    return spec["producer_task"], spec["output_artifact_key"], tuple(sorted(party_set(spec["parties"]))), *stored


def effective(component: str, spec: dict[str, Any]) -> dict[str, Any]:
    given = spec.get("parameters", {})
    defaults = {name: spec.default for name, spec in known_components()[component].parameters.items()}
    filled = defaults | {name: value for name, value in given.items() if value is not None}
    if component == "hetero_secureboost" and not filled["goss"]:
        filled["goss_start_iter"] = None
    folds = spec.get("stage") == "cross_validation"
    for unused in ("output_cv_data", "metrics" if component == "sshe_lr" else "", "" if folds else "cv_param"):
        filled.pop(unused, None)
    return {name: plain(value) for name, value in filled.items()}


def plain(value: Any) -> Any:
    """Drop what is absent either way: nulls, and what torch takes by default."""
    if isinstance(value, dict):
        known = TORCH_DEFAULTS.get(str(value.get("item_name")), {})
        if "kwargs" in value:
            value = {**value, "kwargs": {k: v for k, v in value["kwargs"].items() if known.get(k) != v}}
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


SCALED_BY_HAND = {"scaling": None, "evaluation": Evaluation()}


def recipes(hetero: dict[str, Any], homo: dict[str, Any]) -> dict[str, Recipe]:
    first, second = hetero["hosts"][0], Party("9998", "experiment.breast_hetero_host_1")
    holdout = {
        "guest": Party("9999", "experiment.breast_hetero_guest", "experiment.breast_hetero_guest_test"),
        "hosts": [Party("10000", "experiment.breast_hetero_host", "experiment.breast_hetero_host_test")],
    }
    coordinated = {**hetero, **SCALED_BY_HAND, "arbiter": "10000", "epochs": 5, "batch_size": 300}
    coordinated |= {"learning_rate": 0.1, "threshold": 0.5}
    network = {"epochs": 2, "batch_size": 64, "seed": 7, "learning_rate": 0.01}
    earlier = {"job_id": "202601010000000000000", "model_id": "202601010000000000000", "model_version": "0"}
    folds = CrossValidation(n_splits=3, seed=7)
    lower = [{"type": "Linear", "in_features": 10, "out_features": 8}, "ReLU"]
    return {
        "psi_two_hosts": Psi(guest=hetero["guest"], hosts=[first, second]),
        "sbt_plain": HeteroSecureBoost(**hetero, num_trees=3, evaluation={"metrics": ["auc"]}),
        "sbt_validate": HeteroSecureBoost(**holdout, num_trees=3),
        "sshe_lr_prepared": SsheLR(
            **hetero,
            holdout=0.2,
            statistics={},
            binning={},
            selection={"iv_threshold": 0.1},
            epochs=5,
            batch_size=200,
        ),
        "sshe_linr": SsheLinR(**hetero, **SCALED_BY_HAND, epochs=5, batch_size=200, learning_rate=0.1),
        "coordinated_lr": CoordinatedLR(**coordinated),
        "coordinated_linr": CoordinatedLinR(**coordinated),
        "homo_lr": HomoLR(**homo, arbiter="10000", epochs=5, learning_rate=0.1),
        "homo_nn": HomoNN(**homo, arbiter="10000", layers=mlp(30, 16), **network),
        "hetero_nn": HeteroNN(
            **hetero,
            guest_layers=lower,
            host_layers=[{"type": "Linear", "in_features": 20, "out_features": 8}, "ReLU"],
            top_layers=mlp(8),
            **network,
        ),
        "sbt_warm": HeteroSecureBoost(**hetero, num_trees=3, evaluation={"metrics": ["auc"]}, warm_start=earlier),
        "coordinated_lr_warm": CoordinatedLR(**coordinated | {"scaling": {}}, warm_start=earlier),
        "homo_lr_warm": HomoLR(
            **homo, arbiter="10000", epochs=5, learning_rate=0.1, evaluation=None, warm_start=earlier
        ),
        "sbt_folds": HeteroSecureBoost(**hetero, num_trees=3, cross_validation=folds),
        "sshe_lr_folds": SsheLR(
            **hetero, scaling=None, epochs=5, batch_size=200, learning_rate=0.1, cross_validation=folds
        ),
    }


NAMES = [
    *("psi_two_hosts", "sbt_plain", "sbt_validate", "sshe_lr_prepared", "sshe_linr", "coordinated_lr"),
    *("coordinated_linr", "homo_lr", "homo_nn", "hetero_nn"),
    *("sbt_warm", "coordinated_lr_warm", "homo_lr_warm", "sbt_folds", "sshe_lr_folds"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_makes_the_dag_that_fate_client_compiles(
    name: str, hetero: dict[str, Any], homo: dict[str, Any], reference: Reference
) -> None:
    made = normal(recipes(hetero, homo)[name].dag())
    compiled = normal(reference(name))
    assert made == compiled


def test_every_reference_is_compared(reference: Reference) -> None:
    from tests.unit.jobs.conftest import REFERENCE

    assert {path.stem for path in REFERENCE.glob("*.json")} == set(NAMES)

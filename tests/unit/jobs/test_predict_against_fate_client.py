"""What is derived from a training job is what fate-client posts after ``deploy()`` of the same job.

The references were compiled by fate-client 2.2.0 (see ``reference/make_predict_reference.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_fate.jobs import require_valid
from airflow_provider_fate.jobs.catalogue import known_components
from airflow_provider_fate.jobs.predict import TrainedModel, derive_predict
from tests.unit.jobs.test_recipes_against_fate_client import effective, normal

Reference = Callable[[str], dict[str, Any]]
TABLES = {"9999": "experiment.guest_new", "10000": "experiment.host_new"}
TRAININGS = (
    *("sbt_plain", "sbt_validate", "sshe_lr_prepared", "sshe_linr", "coordinated_lr", "coordinated_linr"),
    *("homo_lr", "homo_nn", "hetero_nn"),
)


def acted_upon(document: dict[str, Any]) -> dict[str, Any]:
    """What of a predict job FATE acts upon."""
    kept = normal(document)
    conf = {key: value for key, value in kept["conf"].items() if key != "extra"}
    tasks = {}
    for name, task in kept["tasks"].items():
        component = known_components()[task["component"]]
        # fate-client names the arbiter's part of a model, too, which no component reads at this stage.
        inputs = {
            place: [
                (producer, key, tuple(p for p in parties if p[0] in component.model_inputs[place[1]].roles))
                if place[0] == "model"
                else (producer, key, parties)
                for producer, key, parties in channels
            ]
            for place, channels in task["inputs"].items()
        }
        tasks[name] = {**task, "inputs": inputs, "parameters": effective(component.name, task["parameters"])}
    # It leaves an empty entry for a party that has nothing of its own left, and the networks' layers, which are read
    # from the model at this stage.
    parties = {
        key: {name: own for name, own in entry["tasks"].items() if own} for key, entry in kept["party_tasks"].items()
    }
    return {**kept, "conf": conf, "tasks": tasks, "party_tasks": parties}


@pytest.mark.parametrize("name", TRAININGS)
def test_the_derived_job_is_that_of_fate_client(reference: Reference, name: str) -> None:
    derived = derive_predict(reference(name), model=TrainedModel("1", "0"), tables=TABLES).document
    require_valid(derived)
    assert acted_upon(derived) == acted_upon(reference(f"predict/{name}"))


@pytest.mark.parametrize("name", TRAININGS)
def test_a_job_as_the_server_gives_it_back_leads_to_the_same(reference: Reference, name: str) -> None:
    from tests.support.fake_flow.dag import complete

    as_given_back = complete(reference(name), job_id="7", own_party="9999")
    model = TrainedModel("1", "0")
    found = derive_predict(as_given_back, model=model, tables=TABLES).document
    written = derive_predict(reference(name), model=model, tables=TABLES).document
    assert acted_upon(found)["tasks"] == acted_upon(written)["tasks"]
    assert found["dag"]["party_tasks"] == written["dag"]["party_tasks"]  # type: ignore[index]
    assert "model_id" not in found["dag"]["conf"]  # type: ignore[index]

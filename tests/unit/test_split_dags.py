"""The examples of split scoring: nothing is opened before people have agreed; what is opened gives FATE's scores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.support.split import Parties
from tests.support.task import Task
from tests.unit.models.test_convert import both, forest, rows, sigmoid, tree_scores
from tests.unit.serving.split.samples import IDS, write_rows

DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture
def dags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    for folder in (DAGS, DAGS / "two_sites"):
        monkeypatch.syspath_prepend(str(folder))
    names = ("split_laboratory", "split_clinic")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return {name: getattr(import_module(name), f"two_sites_{name}")() for name in names}


@pytest.fixture
def parties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parties]:
    made = Parties(tmp_path, monkeypatch)
    yield made
    made.close()


def test_nothing_is_opened_before_people_have_agreed(dags: dict[str, Any]) -> None:
    after = {task.task_id: task.downstream_task_ids for task in dags["split_laboratory"].tasks}
    assert after == {
        "export": {"part", "agree"},
        "part": {"agree", "rows", "serve"},
        "patients": {"rows"},
        "rows": {"serve"},
        "agree": {"serve"},
        "serve": set(),
    }
    clinic = {task.task_id: task.downstream_task_ids for task in dags["split_clinic"].tasks}
    assert clinic["agree"] == clinic["rows"] == {"serve"}
    assert clinic["serve"] == clinic["scores"] == {"check"}
    assert clinic["predict"] == {"scores"}


def test_the_services_of_the_examples_give_the_scores_of_the_model(
    dags: dict[str, Any], parties: Parties, tmp_path: Path
) -> None:
    packages = dict(zip(dags, reversed(both(tmp_path, "hetero_secureboost", *forest("binary:bce", 3))), strict=True))
    # Both Airflows of the example have a connection to the laboratory's service: here they are one.
    for who, name in (("laboratory", "split_laboratory"), ("clinic", "split_clinic")):
        assert parties.address(who) == name
    results: dict[str, dict[str, Any]] = {}
    for name, dag in dags.items():
        done = results[name] = {}

        def run(task_id: str, dag: Any = dag, done: dict[str, Any] = done, **given: Any) -> None:
            operator = dag.get_task(task_id)
            for argument, value in given.items():  # what other tasks give back
                setattr(operator, argument, value)
            done[task_id] = Task(lambda: operator).run()

        run("part", package={"package": str(packages[name].path), "sha256": packages[name].sha256})
        source = write_rows(tmp_path / f"{name}.csv", done["part"]["columns"])
        source.write_text(source.read_text().replace("id,", "patient,", 1))
        run("rows", part=done["part"], source=str(source))
        run("serve", part=done["part"], signed_off=done["part"]["sha256"], features=done["rows"])

    whole = forest("binary:bce", 3)[0]
    lines = [f"{who},{sigmoid(tree_scores(whole, row, 1)[0])!r}" for who, row in zip(IDS, rows(), strict=True)]
    (tmp_path / "scores.csv").write_text("\n".join(["patient,predict_score", *lines]) + "\n")
    run("check", service=done["serve"], scores=str(tmp_path / "scores.csv"))
    assert done["check"]["rows"] == len(IDS)

"""A worse model is stopped, whatever it is stopped by, and everybody can read why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    DownstreamTasksSkipped,
)
from airflow.sdk import DAG, task, task_group
from pyarrow import parquet

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.decide import ScoreComparison
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from tests.support.fake_flow import FakeFlow, Table
from tests.support.scores import rows_of, write_card, write_csv
from tests.support.task import CONN_ID, FakeTaskInstance, Task

QUICK = {"resamples": 200}


def gate(**arguments: Any) -> Task:
    return Task(lambda: FateQualityGateOperator(**{"task_id": "task", "compare": QUICK} | arguments))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Scores of a good model and of a bad one, in files of both kinds."""
    parquet.write_table(pa.Table.from_pylist(rows_of(3, draw=1)), tmp_path / "bad.parquet")
    return {"good": write_csv(tmp_path / "good.csv", rows_of(0.2)), "bad": str(tmp_path / "bad.parquet")}


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_better_challenger_passes(files: dict[str, str]) -> None:
    told = gate(
        challenger=files["good"], champion={"target": files["bad"], "bytes": 1}, compare={"require": "better"}
    ).run()
    json.dumps(told)
    assert (told["passed"], told["first"], told["comparison"]["standing"]) == (True, False, "better")
    assert (told["challenger"], told["champion"]) == (files["good"], files["bad"])
    assert told["rows"]["rows"] == 200
    assert "## Quality gate" in told["markdown"]


def test_a_worse_challenger_fails_without_a_retry_and_its_verdict_is_kept(files: dict[str, str]) -> None:
    asked = gate(challenger=files["bad"], champion=files["good"], bounds={"scores.auc": ">= 0.5"})
    with pytest.raises(AirflowFailException, match=r"not passed. On 200 rows auc is .*the challenger is worse"):
        asked.run()
    told = asked.ti.xcoms["return_value"]
    assert (told["passed"], told["judged"]) == (False, True)
    assert told["bounds"] == [
        {"metric": "scores.auc", "bound": ">= 0.5", "held": True, "value": pytest.approx(0.64, abs=0.1)}
    ]


@pytest.mark.parametrize("none", [None, "None", ""])
def test_the_first_model_passes_by_its_bounds_alone(files: dict[str, str], none: Any) -> None:
    bounds = {"auc": ">= 0.75", "scores.auc": ">= 0.75"}
    trained = {"job_id": "1", "status": "success", "metrics": {"auc": 0.8, "psi_0.note": "x"}}
    told = gate(metrics=trained, bounds=bounds, challenger=files["good"], champion=none).run()
    assert (told["passed"], told["first"], told["comparison"]) == (True, True, None)
    assert "There is no champion to compare with: the bounds alone count." in told["reasons"]


def test_the_metrics_of_a_card_are_held_to_bounds(tmp_path: Path) -> None:
    exported = write_card(tmp_path / "model", auc=0.7)
    for given in (exported, exported["card"]):
        asked = gate(metrics=given, bounds={"auc": ">= {{ floor }}"})
        asked.templates = {"floor": 0.75}
        with pytest.raises(AirflowFailException, match=r"auc is 0\.7: not >= 0\.75"):
            asked.run()


def test_scores_that_are_still_at_the_site_are_read(site: FakeFlow) -> None:
    for name, rows in (("new", rows_of(0.2)), ("old", rows_of(3, draw=1))):
        # As FATE-Flow writes them.
        texts = [[str(value) for value in row.values()] for row in rows]
        for text in texts:
            text[5] = '"' + text[5].replace('"', "'") + '"'
        kinds = {"label": "int32", "predict_score": "float64", "predict_result": "int32", "predict_detail": "np_object"}
        kinds["type"] = "np_object"
        site.tables.add(
            Table("scores", name, "dataframe", list(rows[0]), texts, meta={"match_id_name": "id"}, dtypes=kinds)
        )
    told = gate(challenger={"table": "scores.new"}, champion={"table": "scores.old"}, fate_conn_id=CONN_ID).run()
    assert told["comparison"]["standing"] == "better"
    assert (told["challenger"], told["champion"]) == ("table scores.new", "table scores.old")


def test_a_comparison_may_be_an_object_and_columns_have_other_names(tmp_path: Path) -> None:
    rows = [{"patient": r["id"], "malignant": r["label"], "predict_score": r["predict_score"]} for r in rows_of(0.2)]
    rule = ScoreComparison(id="patient", label="malignant", metric="ks", resamples=100)
    place = write_csv(tmp_path / "s.csv", rows)
    assert gate(challenger=place, champion=place, compare=rule).run()["comparison"]["metric"] == "ks"
    with pytest.raises(AirflowFailException, match="no column 'id', which id names; it has patient, malignant"):
        gate(challenger=place, champion=place).run()


# --- what follows -----------------------------------------------------------------------------------------------------


def test_a_model_that_does_not_pass_is_skipped_if_that_is_wanted() -> None:
    asked = gate(metrics={"auc": 0.5}, bounds={"auc": "> 0.75"}, on_fail="skip")
    with pytest.raises(AirflowSkipException, match=r"auc is 0\.5: not > 0\.75"):
        asked.run()
    assert asked.ti.xcoms["return_value"]["passed"] is False


@pytest.mark.parametrize(
    ("auc", "skipped"), [(0.8, {"tell", "again.train"}), (0.6, {"approve"})], ids=["passed", "failed"]
)
def test_the_gate_branches(auc: float, skipped: set[str]) -> None:
    with DAG("dag") as dag:
        judged = FateQualityGateOperator(
            task_id="gate",
            metrics={"auc": auc},
            bounds={"auc": "> 0.75"},
            on_fail="branch",
            if_passed="approve",
            if_failed=["tell", "again"],
        )
        judged >> [BaseOperator(task_id="approve"), BaseOperator(task_id="tell")]

        @task_group(group_id="again")
        def again() -> None:
            BaseOperator(task_id="train")

        judged >> again()
    assert "again" in dag.task_group_dict
    ti: Any = FakeTaskInstance(task_id="gate")
    ti.task = judged
    with pytest.raises(DownstreamTasksSkipped) as end:
        judged.execute({"ti": ti})
    assert {item if isinstance(item, str) else item[0] for item in end.value.tasks} == skipped
    assert ti.xcoms["return_value"]["passed"] is (auc > 0.75)
    assert judged.inherits_from_skipmixin, "a task that is cleared stays skipped"


@pytest.mark.parametrize(
    "arguments",
    [
        {"on_fail": "stop"},
        {"if_unjudged": "ignore"},
        {"on_fail": "branch"},
        {"on_fail": "branch", "if_passed": "a"},
        {"on_fail": "skip", "if_passed": "a", "if_failed": "b"},
        {"if_failed": "b"},
    ],
)
def test_arguments_that_do_not_go_together_are_refused_when_the_dag_is_read(arguments: dict[str, Any]) -> None:
    with pytest.raises(FateInputError, match=r"on_fail|if_unjudged"):
        FateQualityGateOperator(task_id="gate", bounds={"auc": "> 0"}, **arguments)


# --- what cannot be ---------------------------------------------------------------------------------------------------


def test_what_cannot_be_judged_fails_the_task_or_counts_as_failed() -> None:
    asked = {"metrics": {"ks": 1}, "bounds": {"auc": "> 0"}, "on_fail": "skip"}
    with pytest.raises(AirflowFailException, match="no metric 'auc'"):
        gate(**asked).run()
    with pytest.raises(AirflowSkipException, match="not all of it could be judged"):
        gate(**asked, if_unjudged="reject").run()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "no champion and there are no bounds"),
        ({"champion": "x.csv"}, "champion is given, and challenger is not"),
        ({"metrics": 0.8, "bounds": {"auc": "> 0"}}, "metrics=0.8 has no metrics"),
        ({"metrics": "/no/card.json", "bounds": {"auc": "> 0"}}, "card='/no/card.json' is not there"),
        ({"bounds": ["auc > 0"]}, "is not a mapping"),
        ({"compare": {"metrik": "auc"}}, "is not a comparison"),
        ({"challenger": {"target": "db:scores", "bytes": None}}, "written into a database"),
        ({"challenger": {"job_id": "1", "table": None}}, "FATE gives this party no scores"),
        ({"challenger": {"job_id": "1"}}, "names no scores"),
        ({"challenger": 3}, "challenger is a int, which is no table"),
        ({"challenger": "s3://key:secret@bucket/x.csv"}, "has a password in its URL"),
    ],
)
def test_wrong_arguments_are_named_and_not_retried(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AirflowFailException, match=said) as caught:
        gate(**arguments).run()
    assert "secret" not in str(caught.value)


def test_what_is_no_card_is_named(tmp_path: Path) -> None:
    (place := tmp_path / "card.json").write_text('{"format": "other"}')
    with pytest.raises(AirflowFailException, match="is not a model card"):
        gate(metrics=str(place), bounds={"auc": "> 0"}).run()


def test_a_file_that_may_still_come_is_waited_for_by_a_retry(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        gate(challenger=str(tmp_path / "late.csv"), bounds={"scores.auc": "> 0"}).run()


# --- the decorator ----------------------------------------------------------------------------------------------------


def decorated(function: Any, *args: Any, **kwargs: Any) -> Task:
    def make() -> Any:
        with DAG("dag"):
            return task.fate_gate(function, **{"compare": QUICK} | kwargs)(*args).operator

    return Task(make, templates={"day": "20260101"})


def test_a_function_returns_the_metrics() -> None:
    def measured(value: str) -> dict[str, float]:
        return {"auc": float(value)}

    assert decorated(measured, "0.{{ 8 }}", bounds={"auc": ">= 0.8"}).run()["passed"] is True
    with pytest.raises(AirflowFailException, match=r"auc is 0.7: not >= 0.8"):
        decorated(measured, "0.7", bounds={"auc": ">= 0.8"}).run()


def test_a_function_returns_what_a_job_has_measured() -> None:
    assert decorated(lambda: {"job_id": "1", "metrics": {"auc": 0.9}}, task_id="g", bounds={"auc": "> 0.8"}).run()[
        "passed"
    ]


def test_a_function_returns_scores_in_memory_and_takes_its_context(files: dict[str, str]) -> None:
    def scored(when: str, **context: Any) -> dict[str, Any]:
        assert context["ti"] is not None
        rows = pa.Table.from_pylist(rows_of(0.2))
        columns = {name: rows[name].to_pylist() for name in ("id", "label", "predict_score")}
        return {
            "challenger": columns if when == context["day"] else None,
            "champion": rows,
            "bounds": {"scores.ks": "> 0"},
        }

    told = decorated(scored, "{{ day }}", on_fail="skip").run()
    assert (told["comparison"]["standing"], told["challenger"]) == ("not worse", "the challenger's rows")


def test_a_function_that_returns_no_mapping_is_named() -> None:
    def forgot() -> None:
        return None

    with pytest.raises(AirflowFailException, match="forgot has returned NoneType, and not a mapping"):
        decorated(forgot, bounds={"auc": "> 0"}).run()

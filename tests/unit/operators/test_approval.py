"""A person decides with all that is known before her, and everybody can read who it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    BaseOperator,
    DownstreamTasksSkipped,
    TaskDeferred,
)
from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators import hitl
from airflow.sdk import DAG
from pyarrow import parquet

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.card import ModelCard
from airflow_provider_fate.models.decide.bounds import read_bounds
from airflow_provider_fate.models.decide.judge import judge
from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from airflow_provider_fate.storage.folder import StoredFolder
from tests.support.s3 import CONN_ID as S3_CONN_ID
from tests.support.s3 import RunningS3
from tests.support.scores import rows_of, write_card, write_csv
from tests.support.task import FakeTaskInstance

WAITS: tuple[type[BaseException], ...] = (TaskDeferred, getattr(hitl, "TaskAwaitingInput", TaskDeferred))
NOW = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
VERDICT = judge(metrics={"auc": 0.8}, bounds=read_bounds({"auc": ">= 0.75"})).to_json()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Airflow was told to ask."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **given: found.append(given))
    return found


def approval(*, downstream: bool = True, **arguments: Any) -> tuple[FateApprovalOperator, Any]:
    with DAG("dag", params={"min_auc": 0.75}):
        operator = FateApprovalOperator(task_id="approve", **arguments)
        if downstream:
            operator >> BaseOperator(task_id="register")
    ti: Any = FakeTaskInstance(task_id="approve")
    ti.id, ti.task = "0", operator
    return operator, {"ti": ti, "task_instance": ti, "task": operator}


def ask(**arguments: Any) -> None:
    operator, context = approval(**arguments)
    with pytest.raises(WAITS):
        operator.execute(context)


def answer(option: str = "Approve", *, who: dict[str, str] | None, note: str | None = None) -> dict[str, Any]:
    """As Airflow resumes the task; nobody answers: the time has passed."""
    return {
        "chosen_options": [option],
        "params_input": {} if note is None else {"note": note},
        "responded_at": NOW,
        "responded_by_user": who,
        "timedout": who is None,
    }


ANNA = {"id": "7", "name": "anna"}


def test_card_verdict_and_champion_are_in_the_question(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    model = write_card(tmp_path / "new", 2, auc=0.8)
    champion = {"name": "credit", "version": 3, "metrics": {"auc": 0.78}}
    ask(model=model, verdict=VERDICT, champion=champion, body="Board of *risk*", response_timeout=timedelta(hours=2))
    (question,) = asked
    body = question["body"]
    order = [
        "Board of *risk*",
        "## Quality gate",
        "auc is 0.8: \\>= 0.75",
        "## Next to the champion, version 3",
        "# Model m2",
    ]
    assert [part for part in order if part in body] == order
    assert sorted(order, key=body.index) == order
    assert "| auc | 0.8 | 0.78 | +0.02 |" in body
    assert (question["options"], question["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert list(question["params"]) == ["note"]
    json.dumps(question["params"])


def test_an_approval_says_who_when_and_why_and_the_card_does_too(tmp_path: Path) -> None:
    model = write_card(tmp_path, 2, auc=0.8)
    operator, context = approval(model=model, verdict=VERDICT)
    told = operator.execute_complete(context, answer(who=ANNA, note=" seen by the <board> "))
    note = "seen by the <board>"
    assert told == {
        "approved": True,
        "by": "anna",
        "by_id": "7",
        "at": NOW.isoformat(),
        "note": note,
        "timed_out": False,
    }
    pushed = context["ti"].xcoms
    assert pushed["return_value"] == told
    assert pushed["tags"] == {
        "approved_by": "anna",
        "approved_at": NOW.isoformat(),
        "approval_note": note,
    }
    card = ModelCard.model_validate_json(Path(model["card"]).read_bytes())
    assert card.approval is not None
    assert (card.approval.by, card.approval.at, card.approval.note) == ("anna", NOW, note)
    assert "Approved by anna at 2026-11-30 09:30 UTC: seen by the \\<board\\>" in Path(model["card_text"]).read_text()


def test_the_card_is_left_alone_if_that_is_wanted(tmp_path: Path) -> None:
    model = write_card(tmp_path)
    operator, context = approval(model=model["card"], write_card=False)
    assert operator.execute_complete(context, answer(who=ANNA))["approved"] is True
    assert ModelCard.model_validate_json(Path(model["card"]).read_bytes()).approval is None


def test_an_answer_is_not_lost_with_a_card_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator, context = approval(model=str(tmp_path / "gone" / "card.json"))
    assert operator.execute_complete(context, answer(who=ANNA))["by"] == "anna"
    assert "could not be written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("event", "by", "timed_out"),
    [(answer("Reject", who=ANNA, note="too old"), "anna", False), (answer("Reject", who=None), None, True)],
    ids=["by somebody", "by nobody in time"],
)
def test_a_rejected_model_goes_no_further(
    tmp_path: Path, event: dict[str, Any], by: str | None, timed_out: bool
) -> None:
    model = write_card(tmp_path)
    operator, context = approval(model=model)
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        operator.execute_complete(context, event)
    assert [item if isinstance(item, str) else item[0] for item in skipped.value.tasks] == ["register"]
    told = context["ti"].xcoms["return_value"]
    assert (told["approved"], told["by"], told["timed_out"]) == (False, by, timed_out)
    assert "tags" not in context["ti"].xcoms
    assert ModelCard.model_validate_json(Path(model["card"]).read_bytes()).approval is None


def test_a_rejection_may_fail_the_task_and_is_still_told() -> None:
    operator, context = approval(verdict=VERDICT, fail_on_reject=True)
    with pytest.raises(HITLRejectException):
        operator.execute_complete(context, answer("Reject", who=ANNA))
    assert context["ti"].xcoms["return_value"]["approved"] is False


def test_without_tasks_that_depend_on_it_a_rejection_is_just_told() -> None:
    operator, context = approval(verdict=VERDICT, downstream=False)
    assert operator.execute_complete(context, answer("Reject", who=ANNA))["approved"] is False


@pytest.mark.parametrize(
    "arguments",
    [{}, {"verdict": VERDICT, "defaults": "Approve"}],
    ids=["nothing to decide about", "approved without an answer"],
)
def test_what_makes_no_approval_is_refused_when_the_dag_is_read(arguments: dict[str, Any]) -> None:
    with pytest.raises(FateInputError):
        FateApprovalOperator(task_id="approve", **arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "/no/card.json"}, "card='/no/card.json' is not there"),
        ({"model": {"job_id": "1"}}, "has no card"),
        ({"verdict": {"passed": True}}, "verdict is not that of a gate"),
        ({"verdict": VERDICT, "champion": 3}, "metrics=3 has no metrics"),
        ({"model": "s3://key:secret@bucket/card.json"}, "has a password in it"),
    ],
)
def test_nobody_is_asked_about_what_cannot_be_shown(asked: list[Any], arguments: dict[str, Any], said: str) -> None:
    operator, context = approval(**arguments)
    with pytest.raises(AirflowFailException, match=said):
        operator.execute(context)
    assert asked == []


def test_scores_and_cards_may_lie_in_an_object_store(
    s3: RunningS3, asked: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder = StoredFolder(f"s3://{S3_CONN_ID}@{s3.create_bucket()}/models")
    parquet.write_table(pa.Table.from_pylist(rows_of(3, draw=1)), tmp_path / "old.parquet")
    write_card(tmp_path, 2, auc=0.8)
    folder.write("new.csv", Path(write_csv(tmp_path / "new.csv", rows_of(0.2))))
    for name in ("old.parquet", "card.json"):
        folder.write(name, tmp_path / name)
    gate = FateQualityGateOperator(
        task_id="gate",
        metrics=folder.place("card.json"),
        bounds={"auc": ">= 0.8"},
        challenger=folder.place("new.csv"),
        champion={"target": folder.place("old.parquet"), "bytes": 1},
    )
    verdict = gate.execute({"ti": FakeTaskInstance()})
    assert (verdict["passed"], verdict["comparison"]["standing"]) == (True, "better")

    operator, context = approval(model=folder.place("card.json"), verdict=verdict)
    with pytest.raises(WAITS):
        operator.execute(context)
    assert "# Model m2" in asked[0]["body"]
    operator.execute_complete(context, answer(who=ANNA))
    folder.fetch("card.md", tmp_path / "card.md")
    assert "Approved by anna" in (tmp_path / "card.md").read_text()

"""The fake answers the recorded conversation with the same codes, keys and types as the real FATE-Flow did."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.fake_flow import FakeFlow

from .record import TRAFFIC
from .scenario import Conversation, Exchange, hold
from .shapes import differences, shape

RECORDED = sorted(path.stem for path in TRAFFIC.glob("*.json"))


@pytest.fixture(scope="module")
def conversation() -> dict[str, Exchange]:
    """The conversation, held with the fake."""
    with FakeFlow(check_tables=True) as fake:
        talk = Conversation(fake.url, patience=20, pause=0.05)
        hold(talk)
    return talk.exchanges


def _real(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((TRAFFIC / f"{name}.json").read_text())
    return content


def test_the_whole_conversation_was_recorded(conversation: dict[str, Exchange]) -> None:
    assert sorted(conversation) == RECORDED


@pytest.mark.parametrize("name", RECORDED)
def test_the_answer_has_the_same_shape(name: str, conversation: dict[str, Exchange]) -> None:
    real, fake = _real(name), conversation[name]

    assert fake.content_type == real["content_type"]
    if isinstance(real["body"], dict) and "code" in real["body"]:
        assert fake.body["code"] == real["body"]["code"], fake.body
    assert differences(shape(real["body"]), shape(fake.body)) == []


# What follows from the course of a job and not from the moment in which it was asked for.
SAME_STATES = [name for name in RECORDED if name.startswith(("job_query", "job_task_query")) and "rerun" not in name]


@pytest.mark.parametrize("name", SAME_STATES)
def test_jobs_and_tasks_are_in_the_same_states(name: str, conversation: dict[str, Exchange]) -> None:
    def states(body: dict[str, Any]) -> list[tuple[Any, ...]]:
        keys = ("role", "party_id", "task_name", "status", "party_status", "task_version", "tag", "progress")
        return sorted(tuple(str(record.get(key)) for key in keys) for record in body.get("data", []))

    assert states(conversation[name].body) == states(_real(name)["body"])


def test_nothing_names_the_machine_of_the_recording() -> None:
    paths = re.compile(r"""(?<=[\s"'\[=])/(?!srv\b)\w+/[\w./-]+""")
    found = {
        path.name: hits
        for path in TRAFFIC.glob("*.json")
        if (hits := paths.findall(json.dumps(_real(path.stem)["body"])))
    }

    assert found == {}

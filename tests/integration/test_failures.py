"""Whoever reads only the failed task's log can say what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.remote.times import times_replaced
from tests.integration.failures import CASES, PAGE, Stage, load_tables, play
from tests.support.fate import RunningFate

pytestmark = [pytest.mark.fate, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stage(fate_full: RunningFate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as flow:
        load_tables(flow, tmp_path_factory.mktemp("tables"))
        yield Stage(fate_full.local, flow)


@pytest.mark.parametrize("name", CASES)
def test_the_log_says_what_to_do(stage: Stage, name: str) -> None:
    case = CASES[name]

    with times_replaced(reach=3.0):
        _, log = play(case, stage)

    for wanted in case.says:
        assert re.search(wanted, log), f"{wanted!r} is not in:\n{log}"
    unfinished = stage.flow.job.list(statuses=("ready", "waiting", "running"), limit=0).jobs
    assert unfinished == [], "something was left running"


@pytest.mark.parametrize("name", CASES)
def test_the_page_shows_the_case(name: str) -> None:
    page = PAGE.read_text()
    section = page.partition(f"## {CASES[name].title}\n")[2].partition("\n## ")[0]
    for wanted in CASES[name].says:
        assert re.search(wanted, section), f"{wanted!r} is not in the page: make it anew"

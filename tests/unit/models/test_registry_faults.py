"""A registry on a server: killed between any two requests, answered with 500 or not at all, and others in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateConnectionError,
)
from tests.support.fake_kubeflow import FakeKubeflow
from tests.support.fake_mlflow import FakeMlflow
from tests.support.json_server import CLOSED, FAILS, FAILS_AFTER, LOST
from tests.support.killed import Killed, killed
from tests.support.registry_contract import RUN, Packages
from tests.support.registry_side import Side

NAME = "credit_risk"


@pytest.fixture
def package(tmp_path: Path) -> Packages:
    return Packages(tmp_path)


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with FakeMlflow() as fake:
        yield fake


@pytest.fixture
def kubeflow() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as fake:
        yield fake


@pytest.fixture(params=["mlflow", "kubeflow"])
def side(request: pytest.FixtureRequest) -> Side:
    return Side(request.getfixturevalue(request.param))


def work(side: Side, package: Packages, retries: int = 3) -> None:
    """Register a model, and make it the champion."""
    registry = side.open(retries)
    version, _ = registry.register(NAME, package(1))
    registry.move(NAME, "champion", version.version, run=RUN, reason="good")


def test_a_kill_at_any_request_ends_with_one_version(
    side: Side, package: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 0
    while True:
        at += 1
        with killed(monkeypatch, at) as seen:
            try:
                work(side, package)
            except Killed:
                pass
            else:
                break
        assert seen[0] == at
        work(side, package)
        side.is_whole()
        assert side.open().aliases(NAME) == {"champion": 1}
        assert [(move.version, move.reason) for move in side.open().history(NAME, "champion")] == [(1, "good")]
        for state in vars(side.fake).values():
            if isinstance(state, dict):
                state.clear()
    assert at > 12


@pytest.mark.parametrize(
    "fault",
    [FAILS, LOST, *(pytest.param(fault, marks=pytest.mark.thorough) for fault in (FAILS_AFTER, CLOSED))],
)
def test_one_failure_at_any_request_is_got_over_at_once(side: Side, package: Packages, fault: str) -> None:
    work(side, package)
    number = len(side.fake.asked)
    for at in range(1, number + 1):
        for state in vars(side.fake).values():
            if isinstance(state, dict):
                state.clear()
        side.fake.asked.clear()
        side.fake.faults[at] = fault
        work(side, package)
        side.is_whole()
        assert side.open().aliases(NAME) == {"champion": 1}
        assert len(side.open().history(NAME, "champion")) == 1


def test_a_server_that_stays_away_leaves_nothing_half_done(side: Side, package: Packages) -> None:
    side.fake.faults = dict.fromkeys(range(8, 200), FAILS)
    with pytest.raises((FateConnectionError, FateAmbiguousSubmitError)):
        work(side, package, retries=1)
    side.fake.faults = {}
    assert side.open().versions(NAME) == []
    assert side.open().names() == []
    work(side, package)
    side.is_whole()

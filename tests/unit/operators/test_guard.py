"""A partner's job that asks for more than was agreed is stopped, and each breach is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateAgreementError, FateJobNotFound
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.guard import FateJobGuardOperator
from airflow_provider_fate.site.job_rules import Hours
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task, connect


@pytest.fixture
def flow(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlowClient]:
    connect(monkeypatch, fake_flow, party_id="10000", role="host")
    fake_flow.plan(Script(waiting=0.0, seconds=60.0))
    fake_flow.tables.add(Table("credit", "telco", "dataframe", ["id"], [["1"], ["2"], ["3"]]))
    with FlowClient(fake_flow.settings) as client:
        yield client


@pytest.fixture
def job_id(flow: FlowClient) -> str:
    return flow.job.submit(Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "credit.telco")]).dag()).job_id


def guard(job_id: str, **rules: Any) -> Any:
    return Task(lambda: FateJobGuardOperator(task_id="t", fate_conn_id=CONN_ID, job_id=job_id, **rules)).run()


def status(flow: FlowClient, job_id: str) -> str:
    return str(flow.job.query(job_id=job_id)[0].status)


def test_a_job_that_keeps_to_all_rules_goes_on(flow: FlowClient, job_id: str) -> None:
    rules = {"initiators": ["9999"], "components": ["psi"], "tables": ["credit.*"], "max_rows": 3, "max_cores": 64}
    assert guard(job_id, **rules, hours=("00:00", "23:59:59.999999")) == {
        "job_id": job_id,
        "initiator": "9999",
        "components": ["psi", "reader"],
        "tables": ["credit.telco"],
    }
    assert status(flow, job_id) in ("waiting", "running")


@pytest.mark.parametrize(
    ("rules", "breach"),
    [
        ({"initiators": ["9998"]}, "party 9999 may not start jobs here"),
        ({"components": ["hetero_secureboost"]}, "it runs psi"),
        ({"tables": ["credit.telco_*"]}, r"it reads credit\.telco"),
        ({"max_rows": 2}, r"credit\.telco has 3 rows, more than 2"),
        ({"max_cores": 1}, "cores, more than 1"),
    ],
)
def test_a_breach_is_named_and_the_job_is_stopped(
    flow: FlowClient, job_id: str, rules: dict[str, Any], breach: str
) -> None:
    with pytest.raises(FateAgreementError, match=breach) as e:
        guard(job_id, **rules)
    assert "It is canceled." in str(e.value)
    assert status(flow, job_id) == "canceled"


def test_every_breach_is_named(job_id: str) -> None:
    with pytest.raises(FateAgreementError, match="it runs psi; it reads credit"):
        guard(job_id, components=["statistics"], tables=[])


def test_it_may_only_say_so(flow: FlowClient, job_id: str) -> None:
    with pytest.raises(FateAgreementError, match="It goes on"):
        guard(job_id, components=[], stop=False)
    assert status(flow, job_id) in ("waiting", "running")


@pytest.mark.parametrize(
    ("hours", "clock", "held"),
    [
        (("22:00", "06:00"), "23:30", True),
        (("22:00", "06:00"), "05:59", True),
        (("22:00", "06:00"), "06:00", False),
        (("08:00", "17:00"), "08:00", True),
        (("08:00", "17:00"), "17:00", False),
    ],
)
def test_hours_may_go_beyond_midnight(hours: tuple[str, str], clock: str, held: bool) -> None:
    moment = datetime.fromisoformat(f"2026-11-27T{clock}:00+00:00")
    assert Hours.of(hours, "UTC").hold(moment.timestamp()) is held
    assert Hours.of(hours, "UTC").hold(moment.astimezone(UTC).timestamp()) is held


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        ({}, "No rule is given"),
        ({"components": ["psy"]}, "'psy'"),
        ({"components": "psi"}, "is not a list"),
        ({"hours": ("22", "x")}, "hours="),
        ({"hours": ("22:00", "06:00"), "timezone": "Mars"}, "timezone='Mars'"),
    ],
)
def test_rules_that_cannot_be_right_are_not_retried(job_id: str, rules: dict[str, Any], names: str) -> None:
    with pytest.raises(AirflowFailException, match=names):
        guard(job_id, **rules)


@pytest.mark.usefixtures("flow")
def test_a_job_that_this_site_does_not_serve_is_not_found() -> None:
    with pytest.raises(FateJobNotFound, match="serves no job 2026"):
        guard("2026", components=[])

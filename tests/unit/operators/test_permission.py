"""A host publishes a table to a partner, and takes it back; FATE-Flow's traps are told, and never stepped into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.endpoints.access import CURE
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import (
    FateInvalidParameterError,
    FateNotOfferedError,
    FatePermissionError,
    FateServerError,
    FateTableNotFound,
)
from airflow_provider_fate.operators.permission import FateGrantOperator, FateRevokeOperator
from airflow_provider_fate.site.permissions import Permissions, grant, permissions_of, revoke
from tests.support.fake_flow import FakeFlow
from tests.support.fake_flow.tables import Table
from tests.support.task import Task, connect

TELCO = TableName("credit", "telco_20261127")
OTHER = TableName("credit", "other")
DASHED = TableName("bank-a", "loans-2026-11-22")


@pytest.fixture
def site(fake_site: FakeFlow) -> FakeFlow:
    """A host that checks what its partners use."""
    fake_site.gate.sites = True
    for table in (TELCO, OTHER, DASHED):
        fake_site.tables.add(Table(table.namespace, table.name, "dataframe", ["id"], [["1"]]))
    return fake_site


@pytest.fixture
def flow(site: FakeFlow) -> Iterator[FlowClient]:
    with FlowClient(site.settings) as client:
        yield client


def test_what_is_granted_can_be_read_back_and_reader_comes_with_it(flow: FlowClient) -> None:
    assert permissions_of(flow, "9999") == Permissions("9999")
    after = grant(flow, "9999", tables=[TELCO], components=["psi"])
    assert after == Permissions("9999", ("psi", "reader"), ("credit.telco_20261127",))


def test_granting_again_asks_for_nothing(flow: FlowClient, site: FakeFlow) -> None:
    grant(flow, "9999", tables=[TELCO], components=["psi"])
    before = site.requests.count("/permission/resource/grant")
    grant(flow, "9999", tables=[TELCO], components=["psi"])
    assert site.requests.count("/permission/resource/grant") == before == 1


def test_a_table_that_is_not_there_is_not_published(flow: FlowClient, site: FakeFlow) -> None:
    nowhere = TableName("credit", "nowhere")
    with pytest.raises(FateTableNotFound, match=r"no table credit\.nowhere"):
        grant(flow, "9999", tables=[TELCO, nowhere], components=["psi"])
    assert site.requests.count("/permission/resource/grant") == 0
    assert grant(flow, "9999", tables=[nowhere], components=["psi"], require_tables=False).has(nowhere)


def test_names_that_fate_garbles_are_recognized(flow: FlowClient) -> None:
    shown = grant(flow, "9999", tables=[DASHED], components=["psi"])
    assert shown.tables == ("bank:a.loans:2026:11:22",)
    assert shown.has(DASHED)
    assert not revoke(flow, "9999", tables=[DASHED], components=None).tables
    grant(flow, "9999", tables=[DASHED], components=["psi"])
    assert not revoke(flow, "9999", tables=None, components=None).tables


def test_one_table_is_revoked_and_the_others_keep_what_they_need(flow: FlowClient) -> None:
    grant(flow, "9999", tables=[TELCO, OTHER], components=["psi"])
    assert revoke(flow, "9999", tables=[TELCO], components=None) == Permissions(
        "9999", ("psi", "reader"), ("credit.other",)
    )
    assert revoke(flow, "9999", tables=[OTHER], components=None) == Permissions("9999"), "nothing needs them any more"
    assert revoke(flow, "9999", tables=[OTHER], components=None) == Permissions("9999"), "it may run again"


def test_everything_is_revoked_by_name(flow: FlowClient) -> None:
    grant(flow, "9999", tables=[TELCO, OTHER], components=["psi", "hetero_secureboost"])
    assert revoke(flow, "9999", tables=None, components=None) == Permissions("9999")


def test_a_revoke_without_effect_is_an_error(flow: FlowClient, site: FakeFlow) -> None:
    grant(flow, "9999", tables=[TELCO], components=["psi"])
    site.faults.answer(0, "success", "/permission/resource/delete")
    with pytest.raises(FateServerError, match="still shows it"):
        revoke(flow, "9999", tables=[TELCO], components=None)


def test_a_component_that_does_not_exist_is_refused_before_anything_is_asked(flow: FlowClient, site: FakeFlow) -> None:
    for name, hint in (("hetero_secureboot", "Did you mean 'hetero_secureboost'"), ("*", "Name each one")):
        with pytest.raises(FateInvalidParameterError, match=r"is not a component") as e:
            grant(flow, "9999", tables=[TELCO], components=[name])
        assert hint in str(e.value)
    assert site.requests.count() == 0


def test_where_nobody_is_checked_a_grant_would_protect_nothing(flow: FlowClient, site: FakeFlow) -> None:
    site.gate.sites = False
    with pytest.raises(FateNotOfferedError, match="a grant would protect nothing"):
        grant(flow, "9999", tables=[TELCO], components=["psi"])
    assert grant(flow, "9999", tables=[TELCO], components=["psi"], require_authentication=False).tables


def test_the_defect_of_client_authentication_is_told_with_its_cure(fake_flow_auth: FakeFlow) -> None:
    with FlowClient(fake_flow_auth.settings) as flow, pytest.raises(FatePermissionError, match="defect of FATE") as e:
        permissions_of(flow, "9999")
    assert CURE in str(e.value)


# -- the operators ----------------------------------------------------------------------------------------------------


def run(operator: type, monkeypatch: pytest.MonkeyPatch, site: FakeFlow, **arguments: Any) -> Any:
    connect(monkeypatch, site, party_id="9999")
    return Task(lambda: operator(task_id="t", fate_conn_id="fate_site", **arguments)).run()


def test_the_operators_grant_and_revoke(site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    granted = run(
        FateGrantOperator, monkeypatch, site, partner="9999", tables="credit.telco_20261127", components=["psi"]
    )
    assert granted == {"partner": "9999", "tables": ["credit.telco_20261127"], "components": ["psi", "reader"]}
    json.dumps(granted)
    assert run(FateRevokeOperator, monkeypatch, site, partner="9999")["tables"] == []


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"partner": "a b", "tables": "credit.other"}, "partner"),
        ({"partner": "9999", "tables": "nodot"}, "'namespace.name'"),
        ({"partner": "9999", "components": ["nope"]}, "'nope'"),
        ({"partner": "9999"}, "Nothing is named"),
    ],
)
def test_wrong_arguments_are_not_retried(
    site: FakeFlow, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], names: str
) -> None:
    with pytest.raises(AirflowFailException, match=names):
        run(FateGrantOperator, monkeypatch, site, **arguments)


def test_a_revoke_is_the_teardown_of_a_grant() -> None:
    with DAG("window", schedule=None) as dag:
        published = FateGrantOperator(task_id="publish", partner="9999", tables="a.b", components=["psi"])
        withdrawn = FateRevokeOperator(task_id="withdraw", partner="9999", tables="a.b")
        published >> withdrawn.as_teardown(setups=published)
    assert dag.get_task("withdraw").is_teardown
    assert dag.get_task("publish").is_setup

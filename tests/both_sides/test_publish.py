"""A host publishes a table to its partner, whose job waits for it; on sites that check all that they are asked."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateCreateJobError, FateSignatureError
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators import _partners
from airflow_provider_fate.operators.connectivity import FateConnectivityOperator
from airflow_provider_fate.operators.drain import FateSiteDrainOperator, FateSiteResumeOperator
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.permission import FateGrantOperator, FateRevokeOperator
from airflow_provider_fate.site.partners import accept, invite, partner
from tests.support.pair import Pair, give_tables, running_pair
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.pair, pytest.mark.timeout(600)]

JOB = Psi(guest=Party("9999", "pair.guest"), hosts=[Party("10000", "pair.host")])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two sites that sign what they say to each other, and have granted nothing yet."""
    with running_pair(tmp_path_factory.mktemp("sec"), secured=True) as pair:
        give_tables(pair, tmp_path_factory.mktemp("tables"))
        yield pair


def task(operator: type, pair_conn: str, **arguments: Any) -> Task:
    return Task(
        lambda: operator(task_id="t", fate_conn_id=pair_conn, **arguments), FakeTaskInstance(run_id=uuid.uuid4().hex)
    )


def test_a_job_waits_until_the_host_has_published_its_table(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_partners, "FIRST_PAUSE", timedelta(seconds=1))
    publish = task(
        FateGrantOperator, pair.host.conn_id, partner="9999", tables="pair.host", components=list(components_of(JOB))
    )
    withdraw = task(FateRevokeOperator, pair.host.conn_id, partner="9999")
    train = task(FateJobOperator, pair.guest.conn_id, job=JOB, deferrable=False, wait_for_partners=timedelta(minutes=5))
    monkeypatch.setattr(_partners.time, "sleep", lambda seconds: publish.run())  # what the host does meanwhile

    result = train.run(300)

    assert result["status"] == "success"
    assert result["metrics"]["psi_0.intersect_count"] > 0
    assert train.ti.xcoms["partners"]["tries"] == 1
    assert "host 10000 refuses: No Permission" in train.ti.xcoms["partners"]["waits_for"]
    assert withdraw.run() == {"partner": "9999", "tables": [], "components": []}
    with pytest.raises(FateCreateJobError, match="host 10000 refuses: No Permission"):
        task(FateJobOperator, pair.guest.conn_id, job=JOB).run()
    for site in pair.sites:
        assert site.unfinished() == []


def test_a_site_that_rests_refuses_what_comes_and_takes_it_afterwards(pair: Pair) -> None:
    granted = {"partner": "9999", "tables": "pair.host", "components": [*components_of(JOB), "toy_example"]}
    before = task(FateGrantOperator, pair.host.conn_id, **granted).run()
    assert task(FateSiteDrainOperator, pair.host.conn_id, partners="9999").run(120) == {
        "partners": ["9999"],
        "stale": [],
    }
    with pytest.raises(FateCreateJobError, match=r"host 10000 refuses: No Permission.*reader"):
        task(FateJobOperator, pair.guest.conn_id, job=JOB).run()
    assert task(FateSiteResumeOperator, pair.host.conn_id, partners="9999").run() == {"partners": ["9999"]}
    assert task(FateGrantOperator, pair.host.conn_id, **granted).run() == before
    assert task(FateConnectivityOperator, pair.guest.conn_id, partner="10000").run(120)["works"]
    task(FateRevokeOperator, pair.host.conn_id, partner="9999").run()


def test_a_partner_that_does_not_know_this_site_is_told_so_until_app_ids_are_exchanged(
    pair: Pair, tmp_path: Path
) -> None:
    assert partner(pair.host.flow, "9999").lacking == ""
    assert pair.host.flow.app.delete_site("9999")
    assert "it cannot ask this site" in partner(pair.host.flow, "9999").lacking
    with pytest.raises(FateCreateJobError, match="host 10000") as e:
        task(FateJobOperator, pair.guest.conn_id, job=JOB, wait_for_partners=timedelta(minutes=5)).run()
    assert "exchanged" in str(e.value) or "signature" in str(e.value)

    invitation = tmp_path / "for-9999.json"
    assert invite(pair.host.flow, "9999", invitation)
    accept(pair.guest.flow, "10000", invitation)
    assert partner(pair.host.flow, "9999").lacking == partner(pair.guest.flow, "10000").lacking == ""
    with pytest.raises(FateCreateJobError, match="host 10000 refuses: No Permission"):
        task(FateJobOperator, pair.guest.conn_id, job=JOB).run()


def test_a_wrong_token_of_this_client_is_told_at_once(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = json.loads(os.environ["AIRFLOW_CONN_FATE_9999"]) | {"password": "not-the-token"}
    monkeypatch.setenv("AIRFLOW_CONN_FATE_WRONG", json.dumps(connection))
    with pytest.raises(FateSignatureError, match="token"):
        task(FateJobOperator, "fate_wrong", job=JOB).run()


def components_of(job: Psi) -> set[str]:
    return {str(spec["component_ref"]) for spec in job.dag()["dag"]["tasks"].values()}

"""Upgrades and removals through FedLCM: what its status does not tell, and what it never comes back from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateClusterFailed, FateConflictError
from airflow_provider_fate.remote.times import times_replaced
from tests.support.fake_fedlcm import FakeFedlcm
from tests.support.fake_fedlcm.records import ACTIVE, REMOVING, UPGRADING
from tests.support.fedlcm_side import (
    cluster,
    connect_fedlcm,
    delete_federation,
    exchange,
    external,
    make_federation,
    remove,
    upgrade,
)
from tests.support.task import in_worker


@pytest.fixture
def fedlcm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFedlcm]:
    """With an exchange and a cluster of FATE 1.10."""
    with FakeFedlcm() as fake, times_replaced(settle=0.1, appear=1.0, appear_pause=0.05, first_event=0.0):
        connect_fedlcm(monkeypatch, fake)
        fake.with_endpoint()
        fake.pace = 0.005
        make_federation().run()
        exchange(version="v1.10.0").run()
        cluster(version="v1.10.0").run()
        fake.requests.clear()
        yield fake


def bank(fake: FakeFedlcm) -> dict[str, Any]:
    return next(row for row in fake.participants if row["name"] == "party-9999")


# -- upgrades ----------------------------------------------------------------------------------------------------------


def test_an_upgrade_ends_with_the_new_version_and_is_done_once(fedlcm: FakeFedlcm) -> None:
    said = upgrade().run()
    assert (said["version"], said["changed"], said["participant_id"]) == ("v1.11.1", True, bank(fedlcm)["uuid"])
    assert upgrade().run()["changed"] is False
    assert upgrade(role="exchange", name="").run()["changed"] is True
    assert len([asked for asked in fedlcm.requests if asked.startswith("POST") and "/upgrade?" in asked]) == 2


def test_a_failed_upgrade_is_active_again(fedlcm: FakeFedlcm) -> None:
    """The status alone cannot tell."""
    fedlcm.fails["upgrade"] = "job is Failed, job info: fate-upgrade-manager timed out"
    with pytest.raises(FateClusterFailed, match=r"fate-upgrade-manager timed out\nIt goes on with its old version"):
        upgrade().run()
    assert bank(fedlcm)["status"] == ACTIVE
    del fedlcm.fails["upgrade"]
    assert upgrade().run()["changed"] is True


def test_the_new_version_is_shown_while_the_upgrade_goes_on(fedlcm: FakeFedlcm) -> None:
    fedlcm.helm_takes = 10_000.0
    trigger = upgrade().start()
    assert hasattr(trigger, "wait")
    again = upgrade().start()  # another try takes up what goes on, and orders nothing
    assert (again.ref["uuid"], again.ref["ownership"]) == (trigger.ref["uuid"], "changed")
    assert len([asked for asked in fedlcm.requests if asked.startswith("POST") and "/upgrade?" in asked]) == 1
    in_worker(upgrade(), trigger).on_kill()
    assert bank(fedlcm)["status"] == UPGRADING  # it cannot be cancelled
    fedlcm.let_pass(60)
    fedlcm.restart()
    with pytest.raises(FateConflictError, match=r"does not go on with it any more \(Upgrading\)\nIt was restarted"):
        upgrade().run()


def test_a_lost_answer_to_an_upgrade_orders_no_second_one(fedlcm: FakeFedlcm) -> None:
    fedlcm.lose = 1
    assert upgrade().run()["version"] == "v1.11.1"
    assert len([asked for asked in fedlcm.requests if asked.startswith("POST") and "/upgrade?" in asked]) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"version": "v2.0.0"}, "has no chart of FATE 2"),
        ({"version": "v1.9.0"}, r"has v1\.10\.0, and can be upgraded to v1\.11\.1"),
        ({"name": "nobody"}, "FedLCM has no cluster 'nobody'"),
        ({"role": "envoy"}, "role='envoy' is not one of cluster, exchange"),
    ],
)
def test_upgrades_that_cannot_be_are_told(fedlcm: FakeFedlcm, given: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        upgrade(**given).run()
    assert bank(fedlcm)["status"] == ACTIVE


def test_what_fedlcm_did_not_deploy_it_does_not_upgrade(fedlcm: FakeFedlcm) -> None:
    external("cluster", name="telco", party_id="10000").run()
    with pytest.raises(AirflowFailException, match="was not deployed by FedLCM"):
        upgrade(name="telco").run()


# -- removals ----------------------------------------------------------------------------------------------------------


def test_a_federation_is_taken_down(fedlcm: FakeFedlcm) -> None:
    with pytest.raises(FateConflictError, match="cannot remove exchange as there are 1"):
        remove("exchange").run()
    with pytest.raises(FateConflictError, match="still contains 2 participants"):
        delete_federation().run()
    assert remove().run()["removed"] is True
    assert remove().run()["removed"] is False
    assert remove("exchange").run()["removed"] is True
    assert delete_federation().run() == {"federation": "credit", "removed": True}
    assert delete_federation().run() == {"federation": "credit", "removed": False}
    assert remove("exchange").run()["removed"] is False  # of a federation that is not there
    assert (fedlcm.participants, fedlcm.federations) == ([], [])
    assert set(fedlcm.namespaces) == {"default", "kube-fate"}


def test_a_failed_removal_stays_removing(fedlcm: FakeFedlcm) -> None:
    fedlcm.fails["remove"] = "failed to delete namespace: forbidden"
    with pytest.raises(FateClusterFailed, match=r"failed to delete namespace: forbidden\n.*force=True"):
        remove().run()
    assert bank(fedlcm)["status"] == REMOVING
    with pytest.raises(FateConflictError, match=r"does not get on with it.*\n.*force=True"):
        remove().run()
    assert remove(force=True).run()["removed"] is True  # FedLCM forgets it, whatever is left
    assert [row["name"] for row in fedlcm.participants] == ["exchange"]


def test_a_restart_loses_a_removal(fedlcm: FakeFedlcm) -> None:
    fedlcm.helm_takes = 10_000.0
    task = remove()
    trigger = task.start()
    in_worker(task, trigger).on_kill()
    assert bank(fedlcm)["status"] == REMOVING  # it goes on
    fedlcm.let_pass(60)
    fedlcm.restart()
    task.retry()
    with pytest.raises(FateConflictError, match=r"does not go on with it any more \(Removing\)"):
        task.run()
    fedlcm.helm_takes = 1.0
    assert remove(force=True).run()["removed"] is True


def test_a_lost_answer_to_a_removal_orders_no_second_one(fedlcm: FakeFedlcm) -> None:
    fedlcm.lose = 1
    assert remove().run()["removed"] is True
    assert len([asked for asked in fedlcm.requests if asked.startswith("DELETE")]) == 1


def test_what_has_failed_is_removed_with_force_only(fedlcm: FakeFedlcm) -> None:
    fedlcm.fails["install"] = "no room"
    with pytest.raises(FateClusterFailed):
        cluster("10000").run()
    with pytest.raises(FateConflictError, match=r"when in status: Failed\nOnly what is Active"):
        remove(name="party-10000").run()
    assert remove(name="party-10000", force=True).run()["removed"] is True

"""A federation with OpenFL through FedLCM: director, tokens, envoys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fedlcm import FedlcmClient
from airflow_provider_fate.errors import FateClusterFailed, FateConflictError
from airflow_provider_fate.remote.times import times_replaced
from tests.support.fake_fedlcm import FakeFedlcm
from tests.support.fake_fedlcm.server import KUBECONFIG
from tests.support.fedlcm_side import (
    SECRET,
    connect_fedlcm,
    delete_federation,
    director,
    envoy,
    make_federation,
    remove,
)

SHARDS = {
    "sample_shape": ["28", "28"],
    "target_shape": ["1"],
    "envoy_config_yaml": "shard_descriptor: {template: shard.Descriptor}",
    "python_files": {"shard.py": "class Descriptor: ..."},
}


@pytest.fixture
def fedlcm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFedlcm]:
    with FakeFedlcm() as fake, times_replaced(settle=0.1, appear=1.0, appear_pause=0.05, first_event=0.0):
        connect_fedlcm(monkeypatch, fake)
        fake.with_endpoint()
        fake.pace = 0.005
        with FedlcmClient(fake.settings) as client:
            client.authority.create("built-in", client.authority.built_in())
        make_federation(federation="images", kind="openfl", shards=SHARDS).run()
        yield fake


def test_a_federation_comes_up_and_goes_down(fedlcm: FakeFedlcm) -> None:
    said = director().run()
    assert (said["role"], said["status"]) == ("director", "active")
    assert set(said["access"]) == {"agg", "director", "notebook"}
    for name in ("hospital", "clinic"):
        said = envoy(name, labels={"country": "de"}).run()
        assert (said["role"], said["namespace"], said["status"]) == ("envoy", f"envoy-{name}", "active")
    with pytest.raises(FateConflictError, match="cannot remove director as there are 2 envoy"):
        remove("director", federation="images").run()
    for name in ("hospital", "clinic"):
        assert remove("envoy", federation="images", name=name).run()["removed"] is True
    assert remove("director", federation="images").run()["removed"] is True
    assert delete_federation(federation="images", kind="openfl").run()["removed"] is True
    assert fedlcm.participants == []


def test_a_registration_token_serves_once_and_is_taken_away(fedlcm: FakeFedlcm) -> None:
    director().run()
    envoy().run()
    assert fedlcm.tokens == []
    row = fedlcm.participants[-1]
    assert row["labels"] == {}
    assert row["token_str"].startswith("rand16:")


def test_a_lost_answer_registers_no_second_envoy(fedlcm: FakeFedlcm) -> None:
    director().run()
    task = envoy()
    task.start()
    task.retry()
    assert task.run()["status"] == "active"
    assert len(fedlcm.participants) == 2


def test_a_notebook_password_is_sent_as_a_hash_and_kept_nowhere(
    fedlcm: FakeFedlcm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    task = director(notebook_password="{{ secret }}")
    trigger = task.start()
    event = asyncio.run(asyncio.wait_for(trigger.wait(), 20))
    said = task.resume(event)
    password = yaml.safe_load(fedlcm.participants[0]["deployment_yaml"])["notebook"]["password"]
    assert password.startswith("sha1:")
    assert not [asked for asked in fedlcm.requests if "password" in asked]
    told = [json.dumps(one) for one in (said, event, task.ti.xcoms)]
    for text in (*told, repr(trigger.serialize()), caplog.text, json.dumps(fedlcm.participants)):
        assert SECRET not in text


def test_kubeconfig_and_token_are_kept_nowhere(fedlcm: FakeFedlcm, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    director().run()
    fedlcm.fails["install"] = "no room"
    task = envoy()
    trigger = task.start()
    operator = task.make()
    operator.render_template_fields(task.context)
    fields = {name: getattr(operator, name) for name in operator.template_fields}
    event = asyncio.run(asyncio.wait_for(trigger.wait(), 20))
    with pytest.raises(FateClusterFailed, match="failed to install openfl envoy, error") as failed:
        task.resume(event)
    token = fedlcm.participants[-1]["token_str"]
    told = [json.dumps(one) for one in (event, task.ti.xcoms, fields)]
    for text in (*told, repr(trigger.serialize()), str(failed.value), repr(failed.value.states), caplog.text):
        assert "kubeconfig-s3cret" not in text
        assert token not in text


def test_an_envoys_namespace_must_not_be_there_unless_it_is_less_privileged(fedlcm: FakeFedlcm) -> None:
    director().run()
    fedlcm.namespaces["envoy-hospital"] = ""
    with pytest.raises(FateConflictError, match=r"cannot override\n.*less_privileged"):
        envoy().run()
    assert fedlcm.tokens == []
    assert envoy(less_privileged=True).run()["status"] == "active"


def test_an_envoy_needs_a_director_and_an_authority(fedlcm: FakeFedlcm) -> None:
    with pytest.raises(FateConflictError, match="The director of images is not there"):
        envoy().run()
    director(certificates=False).run()
    fedlcm.authority = None
    with pytest.raises(AirflowFailException, match="no certificate authority, and every envoy gets a certificate"):
        envoy().run()
    assert len(fedlcm.participants) == 1


def test_openfl_that_is_not_switched_on_is_named(fedlcm: FakeFedlcm) -> None:
    fedlcm.experiments = False
    with pytest.raises(AirflowFailException, match="LIFECYCLEMANAGER_EXPERIMENT_ENABLED"):
        director().run()


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (lambda: envoy(kubeconfig="/etc/kubeconfig"), "Give its text, not its path"),
        (lambda: director(portal=True), "has no site portal"),
        (lambda: make_federation(shards=SHARDS), "shards= belongs to kind='openfl'"),
        (lambda: make_federation(kind="flower"), "neither 'fate' nor 'openfl'"),
    ],
)
def test_wrong_arguments_are_told(fedlcm: FakeFedlcm, task: Any, words: str) -> None:
    with pytest.raises(AirflowFailException, match=words) as told:
        task().run()
    assert KUBECONFIG not in str(told.value)

import pytest

from tests.support.fake_flow import FakeFlow
from tests.support.task import connect


@pytest.mark.parametrize("named", [(), ("fate_default",)])
def test_a_site_that_works_is_described(site, fate, named):
    ran = fate("connections", "test", *named)
    assert ran.status == 0
    assert "FATE-Flow 2.2.0 at 127.0.0.1" in ran.out


def test_json_says_which_connection_works(site, fate, monkeypatch):
    connect(monkeypatch, site, "fate_bank")
    ran = fate("connections", "test", "fate_bank", "-o", "json")
    assert (ran.json["conn_id"], ran.json["works"]) == ("fate_bank", True)


@pytest.mark.parametrize("output", ["table", "json"])
def test_one_that_does_not_work_ends_with_1_and_the_reason(site, fate, output, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    site.down()
    ran = fate("connections", "test", "-o", output)
    assert ran.status == 1
    assert "FateUnreachable" in (ran.out if output == "json" else ran.err)


def test_a_wrong_token_is_named_and_not_shown(fate_auth_site, fate):
    ran = fate("connections", "test")
    assert ran.status == 1
    assert "FateSignatureError" in ran.err
    assert "wrong-token" not in ran.out + ran.err


@pytest.fixture
def fate_auth_site(fake_flow_auth, monkeypatch) -> FakeFlow:
    import json
    import os

    connect(monkeypatch, fake_flow_auth, "fate_default")
    wrong = {**json.loads(os.environ["AIRFLOW_CONN_FATE_DEFAULT"]), "password": "wrong-token"}
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", json.dumps(wrong))
    return fake_flow_auth

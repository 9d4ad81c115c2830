import json

import pytest

from airflow_provider_fate.jobs import Party, Psi
from tests.support.fake_flow.tables import Table
from tests.support.task import connect


@pytest.fixture
def bank(real_site):
    columns = ["extend_sid", "id", "y", "x0"]
    meta = {"match_id_name": "id", "label_name": "y"}
    real_site.tables.add(Table("credit", "bank", "dataframe", columns, [["0", "1", "1", "2.5"]], meta=meta))
    return real_site


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(Psi(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")]).dag()))
    return str(path)


def test_a_good_site_is_shown_as_a_table(bank, fate, job):
    ran = fate("preflight", "--job", job)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[0].split() == ["check", "result", "found"]
    assert ["version", "pass", "FATE-Flow", "2.2.0"] in ran.rows
    assert ["table", "credit.bank", "pass", "1", "rows,", "1", "features,", "label", "y"] in ran.rows
    assert bank.jobs == {}


def test_a_problem_is_exit_status_1_and_json_holds_it(bank, fate, job):
    ran = fate("preflight", "--job", job, "--min-rows", "5", "-o", "json")
    assert (ran.status, ran.json["ok"], ran.json["conn_id"]) == (1, False, "fate_default")
    assert [check["name"] for check in ran.json["checks"] if check["result"] == "fail"] == ["table credit.bank"]


def test_what_is_needed_of_tables_can_be_said(bank, fate):
    assert fate("preflight", "--table", "credit.bank", "--column", "x0", "--label", "y").status == 0
    assert "no column x1" in fate("preflight", "--table", "credit.bank", "--column", "x1").out


def test_warnings_count_where_that_is_wished(bank, fate, job):
    assert fate("preflight", "--partner", "10000").status == 0
    ran = fate("preflight", "--partner", "10000", "--fail-on", "warn")
    assert ran.status == 1
    assert "partner 10000: FateConnectivityOperator(partner='10000')" in ran.out


def test_a_site_that_is_down_is_a_finding_and_no_error(bank, fate, monkeypatch):
    connect(monkeypatch, bank, "other")
    with bank.refusing():
        ran = fate("preflight", "--conn-id", "other", "-o", "json")
    assert ran.status == 1
    assert [check["name"] for check in ran.json["checks"]] == ["reachable"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--job", "/no/such/job.yaml"], "--job /no/such/job.yaml"),
        (["--table", "bank"], "'namespace.name'"),
        (["--label", "y"], "--table"),
    ],
)
def test_wrong_arguments_are_one_line(bank, fate, arguments, names):
    ran = fate("preflight", *arguments)
    assert (ran.status, ran.out) == (1, "")
    assert names in ran.err
    assert ran.err.count("\n") == 1

import json

import pytest

from airflow_provider_fate.federation import salt_fingerprint
from tests.support.fake_flow.tables import Table
from tests.support.task import connect

SALT = "5cb0e6f1a0d94b7e"
FILE = """
federation: credit
parties:
  bank: {party_id: "9999", role: guest}
  telco: {party_id: "10000", role: host}
tables:
  customers:
    party: bank
    name: credit.bank_{{ ds_nodash }}
    label: y
    rows: {min: 2, max: 3}
    columns: [a, {name: b, type: int32}]
  regions: {party: bank, name: credit.regions, columns: [region]}
  usage: {party: telco, name: "credit.telco_{{ ds_nodash }}", columns: [c]}
components: [reader, psi]
jobs:
  overlap: {recipe: Psi, guest: customers}
"""
META = {"match_id_name": "id", "label_name": "y"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "federation.yaml"
    path.write_text(FILE)
    return path


def bank(columns=("extend_sid", "id", "y", "a", "b"), rows=2, meta=META, dtypes={"b": "int32"}):  # noqa: B006
    content = [["0"] * len(columns)] * rows
    return Table("credit", "bank_20261126", "dataframe", list(columns), content, meta=meta, dtypes=dtypes)


@pytest.fixture
def good_site(real_site):
    real_site.tables.add(bank())
    columns = ["extend_sid", "id", "region"]
    real_site.tables.add(
        Table("credit", "regions", "dataframe", columns, [["0", "1", "2"]], meta={"match_id_name": "id"})
    )
    return real_site


def results(ran):
    return {one["subject"]: (one["result"], one["found"]) for one in ran.json["checks"]}


def test_a_file_is_checked_alone(fate, file):
    ran = fate("federation", "check", str(file))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[0].split() == ["check", "result", "found"]
    assert "federation credit of bank 9999 (guest), telco 10000 (host)" in ran.out
    assert "Psi, as agreed" in ran.out


def test_a_closed_window_is_no_failure_and_its_next_opening_is_told(fate, file):
    file.write_text(FILE + "windows: {run: {from: '01:00', until: '02:00'}}\n")
    ran = fate("federation", "check", str(file), "--day", "2999-01-01", "-o", "json")
    assert (ran.status, results(ran)["window"][0]) == (0, "not due")
    assert "opens at 2999-01-01 01:00 UTC" in results(ran)["window"][1]


def test_what_is_wrong_with_a_file_is_listed_with_its_lines(fate, file):
    file.write_text(FILE.replace("role: host", "role: hots").replace("min: 2", "mim: 2"))
    ran = fate("federation", "check", str(file))
    assert ran.status == 1
    assert ran.out == ""
    assert [line.partition(": ")[0] for line in ran.err.splitlines()[1:]] == ["  - line 5", "  - line 11"]
    ran = fate("federation", "check", str(file), "-o", "json")
    assert ran.status == 1
    assert [one["field"] for one in ran.json["problems"]] == ["parties.telco.role.0", "tables.customers.rows.mim"]


def test_a_site_that_has_all_as_agreed_passes(fate, file, good_site):
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "--day", "2026-11-26", "-o", "json")
    assert ran.status == 0
    assert ran.json["ok"] is True
    found = results(ran)
    assert found["party"] == ("ok", "9999 is bank")
    assert found["table customers"] == ("ok", "credit.bank_20261126: 2 rows, columns as agreed")
    assert found["table regions"][0] == "ok"
    assert found["components"][0] == "ok"
    assert "table usage" not in found, "it is the partner's"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (bank(rows=1), "rows is 1, agreed are at least 2"),
        (bank(rows=4), "rows is 4, agreed are at most 3"),
        (bank(["extend_sid", "id", "y", "b", "a"]), "the order is another: column 1 is b, agreed is a"),
        (bank(["extend_sid", "id", "y", "a"]), "missing: b"),
        (bank(["extend_sid", "id", "y", "a", "b", "c"]), "not agreed upon: c"),
        (bank(meta={"match_id_name": "id"}), "label: agreed is y"),
        (
            bank(["extend_sid", "no", "y", "a", "b"], meta={**META, "match_id_name": "no"}),
            "match_id is no, agreed is id",
        ),
        (bank(dtypes={}), "b is float32, agreed is int32"),
        (Table("credit", "bank_20261126", "data_directory", path="/x"), "type is data_directory"),
    ],
)
def test_a_table_that_is_not_as_agreed_fails(fate, file, good_site, table, says):
    good_site.tables.add(table)
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "--day", "20261126", "-o", "json")
    assert ran.status == 1
    result, found = results(ran)["table customers"]
    assert result == "failed"
    assert says in found
    assert ran.json["ok"] is False


def test_a_table_that_is_missing_fails_with_what_to_do(fate, file, good_site):
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "--day", "2026-11-25")
    assert ran.status == 1
    assert "credit.bank_20261125 is not there" in ran.out
    assert "table customers: Upload it" in ran.out


def test_a_table_that_has_time_to_come_does_not_fail(fate, file, good_site):
    file.write_text(FILE + "windows: {publish: {from: '01:00', until: '02:00', day: 1}}\n")
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "--day", "2999-01-01", "-o", "json")
    assert ran.status == 0
    assert results(ran)["table customers"] == (
        "not due",
        "credit.bank_29990101 is not there yet; agreed is until 2999-01-02 02:00 UTC",
    )


def test_a_site_that_is_no_party_of_the_file_fails(fate, file, good_site):
    file.write_text(FILE.replace("9999", "9998"))
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "-o", "json")
    assert ran.status == 1
    assert results(ran)["party"] == ("failed", "the site is 9999; the file has 9998 (bank), 10000 (telco)")
    assert not any(subject.startswith("table") for subject in results(ran))


def test_a_connection_that_leads_to_another_partys_site_fails(fate, file, good_site, monkeypatch):
    connect(monkeypatch, good_site, "fate_default", party_id="10000")
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "-o", "json")
    assert ran.status == 1
    assert results(ran)["party"] == ("failed", "the site is 9999, and the connection says 10000")


def test_a_standalone_site_is_looked_at_as_the_party_of_the_connection(fate, file, site):
    site.tables.add(bank())
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "--day", "2026-11-26", "-o", "json")
    found = results(ran)
    assert found["party"] == ("ok", "9999 is bank, standalone")
    assert found["table customers"][0] == "ok"
    assert "table usage" not in found


def test_components_that_the_server_does_not_bring_fail(fate, file, good_site):
    del good_site.providers["fate:2.2.0@local"]
    ran = fate("federation", "check", str(file), "--conn-id", "fate_default", "--day", "2026-11-26", "-o", "json")
    assert ran.status == 1
    result, found = results(ran)["components"]
    assert result == "failed"
    assert "no fate (reader, psi) of release 2.2.x; registered: none" in found


def salted(file, fingerprint):
    file.write_text(
        FILE + "ids: {hash: sha256, salt: {conn_id: {bank: our_salt, telco: x}, fingerprint: " + fingerprint + "}}\n"
    )


def test_the_salt_of_the_own_side_is_compared(fate, file, good_site, monkeypatch):
    arguments = ("federation", "check", str(file), "--conn-id", "fate_default", "--day", "2026-11-26", "-o", "json")
    salted(file, salt_fingerprint(SALT))
    assert results(fate(*arguments))["salt"] == ("failed", "there is no connection 'our_salt'")
    monkeypatch.setenv("AIRFLOW_CONN_OUR_SALT", json.dumps({"conn_type": "generic", "password": SALT}))
    ran = fate(*arguments)
    assert (ran.status, results(ran)["salt"]) == (0, ("ok", "connection 'our_salt' holds the agreed one"))
    salted(file, "0000-0000")
    ran = fate(*arguments)
    assert (ran.status, results(ran)["salt"][0]) == (1, "failed")
    assert SALT not in ran.out + ran.err


def test_a_fingerprint_is_printed_and_the_salt_is_not(fate, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OUR_SALT", json.dumps({"conn_type": "generic", "password": SALT}))
    ran = fate("federation", "fingerprint", "our_salt")
    assert (ran.status, ran.out) == (0, salt_fingerprint(SALT) + "\n")
    monkeypatch.setenv("AIRFLOW_CONN_OUR_SALT", json.dumps({"conn_type": "generic", "password": "short"}))
    ran = fate("federation", "fingerprint", "our_salt")
    assert ran.status == 1
    assert "fewer than 16 characters" in ran.err
    assert "short" not in ran.err


def test_a_salt_that_nobody_has_is_named(fate):
    ran = fate("federation", "fingerprint", "no_such_salt")
    assert ran.status == 1
    assert "no connection 'no_such_salt'" in ran.err


def test_the_schema_is_printed_as_json(fate):
    ran = fate("federation", "schema")
    assert ran.status == 0
    assert ran.json["title"] == "Federation"


def test_a_day_that_is_none_is_refused(fate, file):
    ran = fate("federation", "check", str(file), "--day", "yesterday")
    assert ran.status == 1
    assert "day='yesterday' is not a day" in ran.err


def test_a_file_that_is_not_there_is_named(fate, tmp_path):
    ran = fate("federation", "check", str(tmp_path / "no.yaml"))
    assert ran.status == 1
    assert "cannot be read: No such file or directory" in ran.err

import pytest

from airflow_provider_fate.cli.definition import NO_LIST
from tests.support.fake_flow.tables import Table
from tests.unit.cli.conftest import submit

SOURCE = {"task_id": "2026_transformer_0", "task_name": "transformer_0", "component": "dataframe_transformer"}


def bank(name="b"):
    rows = [["0f0", "secret-id", "1"], ["0f1", "other-id", "0"]]
    return Table("a", name, "dataframe", ["extend_sid", "id", "y"], rows, source=SOURCE)


@pytest.mark.parametrize("named", [("a", "b"), ("a.b",)])
def test_one_table_is_described_without_showing_its_rows(site, fate, named):
    site.tables.add(bank())
    ran = fate("tables", *named)
    assert [line.split(None, 1) for line in ran.out.splitlines()] == [
        ["table", "a.b"],
        ["rows", "2"],
        ["type", "dataframe"],
        ["engine", "standalone"],
        ["columns", "3: extend_sid, id, y"],
        ["made", "by  task 2026_transformer_0"],
    ]
    table = fate("tables", *named, "-o", "json")
    assert table.json["columns"] == ["extend_sid", "id", "y"]
    assert (table.json["rows"], table.json["source"]["task_name"]) == (2, "transformer_0")
    assert "secret-id" not in ran.out + table.out


def test_a_bound_path_has_neither_rows_nor_columns(site, fate):
    site.tables.add(Table("a", "b", "data_directory", path="/data/images"))
    lines = dict(line.split(None, 1) for line in fate("tables", "a", "b").out.splitlines()[:5])
    assert (lines["rows"], lines["type"], lines["columns"]) == ("-", "data_directory", "-")


def test_a_missing_table_is_named(site, fate):
    ran = fate("tables", "a", "nope")
    assert ran.status == 1
    assert "has no table a.nope" in ran.err


@pytest.mark.parametrize("arguments", [(), ("a.b", "--job", "2026")])
def test_a_list_of_all_tables_is_refused_with_the_reason(site, fate, arguments):
    ran = fate("tables", *arguments)
    assert ran.status == 1
    assert NO_LIST in ran.err


def test_the_help_says_why_there_is_no_list(fate):
    ran = fate("tables", "--help")
    assert ran.status == 0
    assert "cannot list the tables" in " ".join(ran.out.split())


@pytest.mark.parametrize("named", [("a/b", "c"), ("a/b.c",), ("nodot",)])
def test_what_is_no_name_is_refused(site, fate, named):
    ran = fate("tables", *named)
    assert ran.status == 1
    assert site.requests.count("/table/query") == 0


def test_the_tables_of_a_job_and_whether_they_are_here(site, fate):
    site.tables.add(bank())
    job_id = submit(site)
    assert fate("tables", "--job", job_id).rows == [
        ["guest", "9999", "a.b", "yes", "2", "dataframe"],
        ["host", "10000", "a.c", "no", "such", "table", "-", "-"],
    ]


def test_a_partners_table_is_at_its_site_and_is_not_asked_for(real_site, fate):
    real_site.tables.add(bank())
    real_site.tables.add(bank("c"))  # one of the same name, which is not the partner's
    job_id = submit(real_site)
    own, partner = fate("tables", "--job", job_id, "-o", "json").json
    assert (own["here"], own["rows"]) == (True, 2)
    assert (partner["role"], partner["here"], partner["rows"]) == ("host", None, None)
    assert "at its site" in fate("tables", "--job", job_id).out

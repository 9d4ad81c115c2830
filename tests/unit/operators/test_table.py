"""Tables of a site: bound, deleted, shown."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateConflictError, FateServerError, FateTableNotFound
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.table import (
    FateBindPathOperator,
    FateDeleteTableOperator,
    FatePreviewTableOperator,
)
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task, connect

PSI = Psi(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")]).dag()
ROWS = [["0f0", "anna", "1", "0.5"], ["0f1", "ben\nhard", "0", "17.25"]]


def bank(name: str = "bank") -> Table:
    meta = {"match_id_name": "id", "label_name": "y"}
    return Table("credit", name, "dataframe", ["extend_sid", "id", "y", "x"], ROWS, meta=meta)


def start_reader(site: FakeFlow) -> str:
    """A job that waits, and reads both tables."""
    site.plan(Script(waiting=1e9))
    with FlowClient(site.settings) as flow:
        return flow.job.submit(PSI).job_id


# --- bind -------------------------------------------------------------------------------------------------------------


def bind(**kwargs: Any) -> Task:
    arguments = {"task_id": "task", "table": "images.train_{{ day }}", "path": "/data/{{ day }}/train"} | kwargs
    return Task(lambda: FateBindPathOperator(fate_conn_id=CONN_ID, **arguments), templates={"day": "20260101"})


def test_a_path_gets_the_name_of_a_table(site):
    result = bind().run()
    assert result == {"namespace": "images", "name": "train_20260101", "path": "/data/20260101/train", "changed": True}
    table = site.tables.get("images", "train_20260101")
    assert (table.kind, table.path) == ("data_directory", "/data/20260101/train")


def test_a_task_that_runs_again_changes_nothing(site):
    bind().run()
    assert bind().run()["changed"] is False
    assert site.requests.count("/table/bind/path") == 1


@pytest.mark.parametrize("there", [bank(), Table("credit", "bank", "data_directory", path="/data/other")])
def test_a_name_that_is_taken_is_refused(site, there):
    site.tables.add(there)
    with pytest.raises(AirflowFailException, match=r"credit\.bank exists already(?s:.*)overwrite=True"):
        bind(table="credit.bank", path="/data/new").run()
    assert site.tables.get("credit", "bank") is there


@pytest.mark.parametrize("there", [bank(), Table("credit", "bank", "data_directory", path="/data/other")])
def test_overwriting_deletes_the_rows_that_had_the_name(site, there):
    site.tables.add(there)
    assert bind(table="credit.bank", path="/data/new", overwrite=True).run()["changed"]
    assert site.tables.get("credit", "bank").path == "/data/new"
    # FATE-Flow would leave the rows of a dataframe on its disk, under no name.
    assert site.requests.count("/table/delete") == (there.kind == "dataframe")


def test_not_even_overwriting_takes_a_name_from_a_running_job(site):
    site.tables.add(bank())
    job_id = start_reader(site)
    with pytest.raises(FateConflictError, match=f"job {job_id} reads it as guest 9999"):
        bind(table="credit.bank", overwrite=True).run()
    assert site.tables.get("credit", "bank").kind == "dataframe"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("data/images", "not an absolute path"),
        ("", "not an absolute path"),
        ("file:///data", "not an absolute path"),
        ("/data/../etc", r"'\.\.'"),
        ("/data/images ", "white space"),
        ("/data/im\nages", "control characters"),
        ("//", "root"),
    ],
)
def test_a_path_that_cannot_be_right_is_refused_before_the_site_is_asked(site, path, says):
    with pytest.raises(AirflowFailException, match=says):
        bind(path=path).run()
    assert site.requests.count() == 0


def test_a_path_may_have_two_dots_in_a_name(site):
    assert bind(path="/data/v1..2/train").run()["changed"]


# --- delete -----------------------------------------------------------------------------------------------------------


def delete(tables: Any, **kwargs: Any) -> Task:
    make = lambda: FateDeleteTableOperator(task_id="task", tables=tables, fate_conn_id=CONN_ID, **kwargs)  # noqa: E731
    return Task(make, templates={"day": "20260101"})


def test_tables_are_deleted_and_missing_ones_are_named(site):
    site.tables.add(bank("a_20260101"))
    assert delete(["credit.a_{{ day }}", "credit.b"]).run() == {
        "deleted": ["credit.a_20260101"],
        "missing": ["credit.b"],
    }
    assert site.tables.get("credit", "a_20260101") is None


def test_one_table_may_be_given_as_text_and_twice(site):
    site.tables.add(bank())
    assert delete("credit.bank").run()["deleted"] == ["credit.bank"]
    site.tables.add(bank())
    assert delete(["credit.bank", "credit.bank"]).run() == {"deleted": ["credit.bank"], "missing": []}


def test_a_missing_table_is_an_error_if_it_shall_be(site):
    with pytest.raises(FateTableNotFound, match=r"has no table credit\.bank"):
        delete("credit.bank", missing_ok=False).run()


def test_nothing_is_deleted_while_a_job_uses_one_of_the_tables(site):
    for table in (bank(), bank("other")):
        site.tables.add(table)
    job_id = start_reader(site)
    with pytest.raises(FateConflictError, match=f"job {job_id} reads it(?s:.*)Nothing was deleted") as caught:
        delete(["credit.other", "credit.bank"]).run()
    assert caught.value.job_id == job_id
    assert site.tables.get("credit", "other")


def test_a_retry_deletes_when_the_job_has_ended(site):
    site.tables.add(bank())
    job_id = start_reader(site)
    task = delete("credit.bank")
    with pytest.raises(FateConflictError):
        task.run()
    with FlowClient(site.settings) as flow:
        flow.job.stop(job_id)
    task.retry()
    assert task.run()["deleted"] == ["credit.bank"]


def test_a_partners_job_does_not_keep_a_table_of_the_same_name(fake_site, monkeypatch):
    connect(monkeypatch, fake_site)
    fake_site.tables.add(bank("telco"))
    start_reader(fake_site)
    assert delete("credit.telco").run()["deleted"] == ["credit.telco"]


def test_a_bound_path_is_refused_and_nothing_is_deleted(site):
    site.tables.add(bank())
    site.tables.add(Table("credit", "images", "data_directory", path="/data/images"))
    with pytest.raises(AirflowFailException, match=r"credit\.images is a bound path \(file:///data/images\)"):
        delete(["credit.bank", "credit.images"]).run()
    assert site.tables.get("credit", "bank")


def test_a_table_that_is_still_there_is_an_error(site, monkeypatch):
    site.tables.add(bank())
    monkeypatch.setattr(site.tables, "remove", lambda namespace, name: None)
    with pytest.raises(FateServerError, match="still there"):
        delete("credit.bank").run()


@pytest.mark.parametrize("tables", [[], "credit", ["credit.bank", "a b.c"]])
def test_what_names_no_table_is_refused_before_the_site_is_asked(site, tables):
    with pytest.raises(AirflowFailException):
        delete(tables).run()
    assert site.requests.count() == 0


# --- preview ----------------------------------------------------------------------------------------------------------


def preview(**kwargs: Any) -> Task:
    return Task(lambda: FatePreviewTableOperator(task_id="task", table="credit.bank", fate_conn_id=CONN_ID, **kwargs))


def test_rows_are_logged_as_a_table_and_stay_out_of_xcom(site, capsys):
    site.tables.add(bank())
    result = preview().run()
    log = capsys.readouterr().out
    assert "extend_sid  id        y  x\n0f0         anna      1  0.5\n0f1         ben\ufffdhard  0  17.25" in log
    assert (result["count"], result["data_type"]) == (2, "dataframe")
    assert result["columns"][1:3] == [
        {"name": "id", "type": "index", "property": "match_id"},
        {"name": "y", "type": "int32", "property": "label"},
    ]
    assert "anna" not in str(result)


def test_rows_are_returned_if_they_are_asked_for(site):
    site.tables.add(bank())
    assert preview(rows=1, return_rows=True).run()["rows"] == ROWS[:1]


def test_without_rows_columns_and_types_are_shown_and_no_row_is_asked_for(site, capsys):
    site.tables.add(bank())
    preview(rows=0).run()
    log = capsys.readouterr().out
    assert "column      type     property\nextend_sid  index    sample_id" in log
    assert "anna" not in log
    assert site.requests.to("/table/query")[0].arg("display") is None


def test_a_bound_path_has_nothing_to_show(site):
    site.tables.add(Table("credit", "bank", "data_directory", path="/data/images"))
    assert preview().run() == {
        "namespace": "credit", "name": "bank", "count": None, "data_type": "data_directory", "columns": [],
    }  # fmt: skip


def test_rows_that_do_not_fit_the_columns_are_numbered(site, capsys):
    site.tables.add(Table("credit", "bank", "dataframe", ["extend_sid", "id"], [["a"], ["b", "c", "d"]]))
    preview().run()
    assert "1  2  3\na  -  -\nb  c  d" in capsys.readouterr().out


@pytest.mark.parametrize("rows", [-1, 101, True, "10"])
def test_a_number_of_rows_that_fate_flow_does_not_keep_is_refused(site, rows):
    with pytest.raises(AirflowFailException, match="rows="):
        preview(rows=rows).run()
    assert site.requests.count() == 0


def test_a_missing_table_is_an_error_that_is_retried(site):
    with pytest.raises(FateTableNotFound):
        preview().run()


def test_the_wrong_site_is_refused(fake_site, monkeypatch):
    connect(monkeypatch, fake_site, party_id="10000")
    with pytest.raises(AirflowFailException, match="party id '10000'"):
        preview().run()

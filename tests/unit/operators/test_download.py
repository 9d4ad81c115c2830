import csv
import hashlib
import io
import os
import signal
import tarfile
import tempfile
import threading
import time
from dataclasses import replace

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from pyarrow import parquet

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.endpoints.data import DataGroup
from airflow_provider_fate.data import output, output_source
from airflow_provider_fate.errors import (
    FateArchiveError,
    FateConnectionError,
    FateJobNotFound,
    FateNotFoundError,
    FateTableNotFound,
    FateTaskNotFound,
)
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.download import FateDownloadOperator
from tests.support.fake_flow import Script, Table
from tests.support.task import CONN_ID, Task

DETAIL = "\"{'0': 0.25, '1': 0.75}\""
BANK = Table(
    "credit", "bank_20260101", "dataframe", ["extend_sid", "id", "y", "a"],
    [[f"s{i}", f"{i:03}", str(i % 2), "nan" if i == 3 else f"{i}.5"] for i in range(50)],
    meta={"match_id_name": "id", "label_name": "y"},
)  # fmt: skip
SCORES = Table(
    "", "", "dataframe", ["extend_sid", "id", "label", "predict_score", "predict_result", "predict_detail", "type"],
    [[f"s{i}", f"{i:03}", "1", "0.75", "1", DETAIL, "train_set"] for i in range(50)],
    meta={"match_id_name": "id", "label_name": "label"},
    dtypes={"predict_score": "float64", "predict_result": "int32", "predict_detail": "np_object", "type": "np_object"},
)  # fmt: skip
FOLDS = [Table("", "", "dataframe", ["extend_sid", "id"], [["s", str(i)]] * (i + 1)) for i in range(3)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(output_source, "PAUSE", 0.01)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where temporary files go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path):
    """Where downloads go."""
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def nothing_is_left(scratch, folder):
    yield
    assert list(scratch.iterdir()) == []
    assert not folder.exists() or [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


@pytest.fixture
def bank(site):
    site.tables.add(BANK)
    return site


@pytest.fixture
def job(site):
    """A job whose second task has made three outputs."""
    site.plan(
        Script(data={"psi_0": {"train_output_data": [SCORES], "test_output_data": [FOLDS[0]], "cv_datas": FOLDS}})
    )
    return submit(site)


def submit(site):
    dag = Psi(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")]).dag()
    with FlowClient(site.settings) as flow:
        job_id = flow.job.submit(dag).job_id
        end = time.monotonic() + 20
        while site.state_of(job_id) != "success":
            assert time.monotonic() < end
            time.sleep(0.05)
    return job_id


def download(folder, **kwargs):
    arguments = {"task_id": "task", "fate_conn_id": CONN_ID, "target": str(folder / "out.csv")} | kwargs
    return Task(lambda: FateDownloadOperator(**arguments), templates={"day": "20260101"})


def lines(path):
    return list(csv.DictReader(path.open(newline="")))


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_table_becomes_a_csv_file(bank, folder):
    result = download(folder, table="credit.bank_{{ day }}", target=str(folder / "{{ day }}.csv")).run()
    path = folder / "20260101.csv"
    assert result == {
        "target": str(path),
        "rows": 50,
        "columns": ["extend_sid", "id", "y", "a"],
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert lines(path)[2:4] == [
        {"extend_sid": "s2", "id": "002", "y": "0", "a": "2.5"},
        {"extend_sid": "s3", "id": "003", "y": "1", "a": ""},
    ]


def test_a_table_becomes_a_parquet_file_with_types(bank, folder):
    download(folder, table="credit.bank_20260101", target=folder / "a.parquet").run()
    table = parquet.read_table(folder / "a.parquet")
    assert dict(zip(table.schema.names, map(str, table.schema.types), strict=True)) == {
        "extend_sid": "string", "id": "string", "y": "int32", "a": "float",
    }  # fmt: skip
    assert table.to_pylist()[3] == {"extend_sid": "s3", "id": "003", "y": 1, "a": None}


def test_columns_can_be_chosen(bank, folder):
    result = download(folder, table="credit.bank_20260101", columns=["a", "id"]).run()
    assert result["columns"] == ["a", "id"]
    assert lines(folder / "out.csv")[0] == {"a": "0.5", "id": "000"}


def test_a_table_without_rows_is_written_with_its_columns(site, folder):
    site.tables.add(Table("credit", "empty", "dataframe", ["extend_sid", "id"]))
    assert download(folder, table="credit.empty").run()["rows"] == 0
    assert (folder / "out.csv").read_text() == "extend_sid,id\n"


def test_a_path_on_the_server_is_no_table(site, folder):
    site.tables.add(Table("images", "cats", "data_directory", path="/data/cats"))
    with pytest.raises(AirflowFailException, match="is a path on the server"):
        download(folder, table="images.cats").run()


# --- outputs of jobs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [lambda job_id: job_id, lambda job_id: {"job_id": job_id, "metrics": {}}])
def test_predictions_are_downloaded_by_job_task_and_output(job, folder, given):
    result = download(folder, job=given(job), task="psi_0", output="train_output_data").run()
    assert result["rows"] == 50
    assert lines(folder / "out.csv")[7] == {
        "extend_sid": "s7", "id": "007", "label": "1", "predict_score": "0.75", "predict_result": "1",
        "predict_detail": '{"0": 0.25, "1": 0.75}', "type": "train_set",
    }  # fmt: skip


def test_the_only_output_needs_no_name(job, site, folder):
    site.tables.add(replace(BANK, name="bank"))  # a reader's output is the table that it reads
    assert download(folder, job=job, task="reader_0", role="guest", party_id="9999").run()["rows"] == 50


def test_one_of_several_tables_is_chosen_by_its_number(job, folder):
    assert download(folder, job=job, task="psi_0", output="cv_datas", index=2).run()["rows"] == 3
    for index in (None, 3, -1):
        with pytest.raises(AirflowFailException, match="has 3 tables"):
            download(folder, job=job, task="psi_0", output="cv_datas", index=index).run()


def test_one_of_several_outputs_has_to_be_named(job, folder):
    with pytest.raises(AirflowFailException, match="It has cv_datas, test_output_data, train_output_data"):
        download(folder, job=job, task="psi_0").run()


def test_what_does_not_exist_is_told_with_what_does(job, site, folder):
    with pytest.raises(FateTableNotFound, match=r"no table credit\.bnk"):
        download(folder, table="credit.bnk").run()
    with pytest.raises(FateJobNotFound, match="does not know job 202601010000000000001"):
        download(folder, job="202601010000000000001", task="psi_0").run()
    with pytest.raises(FateTaskNotFound, match=r"no task 'psi_1'.\nIt has: reader_0 \(output_data\); psi_0 \(cv_"):
        download(folder, job=job, task="psi_1").run()
    with pytest.raises(FateNotFoundError, match=r"no output 'output_data'.\nIt has cv_datas"):
        download(folder, job=job, task="psi_0", output="output_data").run()
    with pytest.raises(FateTaskNotFound, match=r"no tasks of arbiter 9999.*\n.*guest 9999, host 10000"):
        download(folder, job=job, task="psi_0", role="arbiter").run()
    assert not folder.exists()


def test_a_task_that_still_runs_has_no_data_yet(site, folder):
    site.plan(Script(stall="psi"))
    dag = Psi(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")]).dag()
    with FlowClient(site.settings) as flow:
        job_id = flow.job.submit(dag).job_id
    time.sleep(0.3)
    with pytest.raises(FateNotFoundError, match=r"has no data at guest 9999; it is running"):
        download(folder, job=job_id, task="psi_0").run()


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "either `table` or `job`"),
        ({"table": "a.b", "job": "1", "task": "t"}, "either `table` or `job`"),
        ({"job": "1"}, "needs `task`"),
        ({"job": {"id": 1}, "task": "t"}, "names no job"),
        ({"table": "ab"}, "namespace.name"),
        ({"table": "a.b", "sql_table": "t"}, "either `target` or `sql_table`"),
        ({"table": "a.b", "target": None}, "either `target` or `sql_table`"),
        ({"table": "a.b", "target": None, "sql_table": "t"}, "needs `sql_conn_id`"),
        ({"table": "a.b", "target": "out.xlsx"}, r"\.csv or \.parquet"),
        ({"table": "a.b", "format": "json"}, "format='json'"),
        ({"table": "a.b", "if_exists": "truncate"}, "if_exists='truncate'"),
        ({"table": "a.b", "expected_rows": "many"}, "expected_rows='many'"),
        ({"table": "a.b", "min_rows": -1}, "min_rows=-1"),
    ],
)
def test_arguments_that_cannot_be_right_are_named_and_nothing_is_asked(site, folder, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        download(folder, **arguments).run()
    assert site.requests.count("/data/download") == 0


def test_a_password_in_the_target_is_refused_without_showing_it(site, folder):
    with pytest.raises(AirflowFailException, match="password") as e:
        download(folder, table="a.b", target="s3://key:geheim@bucket/a.csv").run()
    assert "geheim" not in str(e.value)


# --- numbers of rows --------------------------------------------------------------------------------------------------


def test_rows_are_compared_with_what_was_asked_for(bank, folder):
    arguments = {"expected_rows": "{{ 25 * 2 }}", "min_rows": 50, "compare_with": "credit.bank_{{ day }}"}
    assert download(folder, table="credit.bank_20260101", **arguments).run()["rows"] == 50


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"expected_rows": 49}, "has 50 rows, but expected_rows=49"),
        ({"expected_rows": 0}, "has 50 rows, but expected_rows=0"),
        ({"min_rows": 51}, "has 50 rows, but min_rows=51"),
        ({"compare_with": "credit.input"}, r"has 50 rows, but credit\.input \(compare_with\) has 1"),
    ],
)
def test_other_numbers_of_rows_fail_and_nothing_is_written(bank, folder, arguments, says):
    bank.tables.add(Table("credit", "input", "dataframe", ["extend_sid", "id"], [["s", "1"]]))
    folder.mkdir()
    (folder / "out.csv").write_text("old")
    with pytest.raises(AirflowFailException, match=says):
        download(folder, table="credit.bank_20260101", **arguments).run()
    assert (folder / "out.csv").read_text() == "old"


# --- transfers that break ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["truncate", "reset", "drop_reply", "html"])
def test_a_transfer_that_breaks_begins_again(bank, folder, fault):
    getattr(bank.faults, fault)("/data/download", times=2)
    assert download(folder, table="credit.bank_20260101").run()["rows"] == 50
    assert bank.requests.count("/data/download") == 3


def test_a_transfer_that_always_breaks_fails_and_leaves_nothing(bank, folder, monkeypatch):
    monkeypatch.setattr(output_source, "TRIES", 1)
    bank.faults.truncate("/data/download", times=None)
    with pytest.raises(FateConnectionError):
        download(folder, table="credit.bank_20260101").run()
    assert not folder.exists()


def spoil(monkeypatch, change, times=1):
    """Let archives arrive changed, although the transfer itself was whole."""
    describe = DataGroup.__dict__["download"]
    left = [times]

    def spoiled(self, namespace, name, to):
        size = describe.__get__(self, DataGroup)(namespace, name, to)
        if left[0]:
            left[0] -= 1
            to.write_bytes(change(to.read_bytes()))
        return size

    monkeypatch.setattr(DataGroup, "download", spoiled)


@pytest.mark.parametrize("change", [lambda a: a[:-20], lambda a: b"<html>", lambda a: a[:-8] + bytes(8)])
def test_an_archive_that_came_damaged_is_fetched_again(bank, folder, monkeypatch, change):
    spoil(monkeypatch, change, times=2)
    assert download(folder, table="credit.bank_20260101").run()["rows"] == 50


def test_an_archive_that_always_comes_damaged_is_worth_a_retry_of_the_task(bank, folder, monkeypatch):
    spoil(monkeypatch, lambda a: a[:-20], times=9)
    with pytest.raises(FateArchiveError, match="damaged"):
        download(folder, table="credit.bank_20260101").run()
    assert not folder.exists()


def test_a_table_that_is_replaced_meanwhile_is_fetched_again(bank, folder, monkeypatch):
    smaller = Table("credit", "bank_20260101", "dataframe", BANK.columns, BANK.rows[:20], meta=BANK.meta)
    describe = DataGroup.__dict__["download"]

    def replaced(self, namespace, name, to):
        bank.tables.add(smaller)
        return describe.__get__(self, DataGroup)(namespace, name, to)

    monkeypatch.setattr(DataGroup, "download", replaced)
    assert download(folder, table="credit.bank_20260101").run()["rows"] == 20


def evil(_):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        info = tarfile.TarInfo("../../evil.csv")
        tar.addfile(info)
    return raw.getvalue()


def test_a_tampered_archive_is_refused_at_once(bank, folder, monkeypatch):
    spoil(monkeypatch, evil, times=9)
    with pytest.raises(AirflowFailException, match="leads out of the archive"):
        download(folder, table="credit.bank_20260101").run()
    assert bank.requests.count("/data/download") == 1
    assert not folder.exists()


# --- kills ------------------------------------------------------------------------------------------------------------


def as_airflow_kills(task):
    """Run a task with Airflow's handler of SIGTERM."""
    operator = task.make()
    operator.render_template_fields(task.context)
    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        return operator.execute(task.context)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_kill_ends_a_transfer_that_waits_for_fate(bank, folder):
    bank.faults.slow(5, "/data/download")
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    with pytest.raises(AirflowException, match="killed"):
        as_airflow_kills(download(folder, table="credit.bank_20260101"))
    assert time.monotonic() - began < 4
    assert not folder.exists()


def test_a_kill_is_not_taken_for_an_error_that_somebody_can_handle(bank, folder, monkeypatch):
    look = output_source.SourceTable.look

    def tolerant(self, flow):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except Exception:
            pytest.fail("a library would go on")
        return look(self, flow)

    monkeypatch.setattr(output_source.SourceTable, "look", tolerant)
    with pytest.raises(AirflowException, match="killed"):
        as_airflow_kills(download(folder, table="credit.bank_20260101"))
    assert not folder.exists()


def test_a_kill_while_the_file_is_written_leaves_the_old_one(bank, folder, monkeypatch):
    folder.mkdir()
    (folder / "out.csv").write_text("old")
    read = output.read_batches

    def slow(*args, **kwargs):
        schema, batches = read(*args, **kwargs)

        def until_killed():
            yield from batches
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

        return schema, until_killed()

    monkeypatch.setattr(output, "read_batches", slow)
    with pytest.raises(AirflowException, match="killed"):
        as_airflow_kills(download(folder, table="credit.bank_20260101"))
    assert [p.name for p in folder.iterdir()] == ["out.csv"]
    assert (folder / "out.csv").read_text() == "old"


def test_a_kill_after_the_work_is_done_harms_nothing(bank, folder):
    task = download(folder, table="credit.bank_20260101")
    operator = task.make()
    operator.render_template_fields(task.context)
    operator.execute(task.context)
    operator.on_kill()
    assert (folder / "out.csv").exists()

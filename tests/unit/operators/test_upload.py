import gzip
import json
import sqlite3
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_fate.clients.fate_flow.endpoints.job import JobGroup
from airflow_provider_fate.errors import FateConflictError, FateDataError
from airflow_provider_fate.operators.upload import FateUploadOperator
from airflow_provider_fate.site.upload_mark import UploadMark
from tests.support.fake_flow import Script
from tests.support.task import CONN_ID, Task, in_worker
from tests.unit.data.malformed import MALFORMED

GOOD = "id,y,a,b\n" + "".join(f"{i},{i % 2},0.{i},1.{i}\n" for i in range(50))
RUN = SimpleNamespace(run_after=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "bank.csv"
    path.write_text(GOOD)
    return path


def upload(path, **kwargs):
    arguments = {"task_id": "task", "source": str(path), "table": "credit.bank_{{ day }}", "label": "y"} | kwargs
    return Task(
        lambda: FateUploadOperator(fate_conn_id=CONN_ID, **arguments), templates={"day": "20260101", "dag_run": RUN}
    )


def rows_of(site, name="bank_20260101"):
    return site.tables.get("credit", name).rows


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_file_becomes_a_table_whose_rows_are_counted(site, csv, deferrable):
    result = upload(csv, deferrable=deferrable).run()
    assert (result["namespace"], result["name"], result["count"]) == ("credit", "bank_20260101", 50)
    assert result["columns"] == ["extend_sid", "id", "y", "a", "b"]
    assert result["job_id"] in site.jobs
    assert rows_of(site)[3][1:] == ["3", "1", "0.3", "1.3"]


def test_a_query_becomes_a_table(site, tmp_path, monkeypatch):
    place = tmp_path / "db"
    with sqlite3.connect(place) as connection:
        connection.execute("create table t (id text, y int, a real)")
        connection.executemany("insert into t values (?,?,?)", [(f"p{i}", i % 2, i / 8) for i in range(20)])

    class Hook(DbApiHook):
        conn_name_attr = "bank_db"

        def get_conn(self):
            return sqlite3.connect(place)

    monkeypatch.setenv("AIRFLOW_CONN_BANK_DB", json.dumps({"conn_type": "generic"}))
    monkeypatch.setattr(BaseHook, "get_hook", lambda conn_id: Hook(conn_id))
    query = {"source": None, "sql": "select * from t where id <> ?", "sql_parameters": ["p3"], "sql_conn_id": "bank_db"}
    assert upload("", **query).run()["count"] == 19
    assert upload("", **query).run()["count"] == 19
    assert len(site.jobs) == 1  # the second has read the rows, and sent none


def test_a_compressed_file_of_any_storage_becomes_a_table(site, tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    assert upload("", source=f"file://{tmp_path}/t.csv.gz").run()["count"] == 50


def test_a_contract_says_what_the_table_looks_like(site, csv, tmp_path):
    contract = tmp_path / "bank.yaml"
    contract.write_text(
        "label: y\ncolumns: [{name: risk, from: b, max: 1.5}]\n".replace("label: y", "label: {name: y}")
    )
    with pytest.raises(
        AirflowFailException, match=r"row 7: the value '1.6' of column 'b' is above the contract's limit"
    ):
        upload(csv, contract=str(contract)).run()
    result = upload(csv, contract={"label": {"name": "y"}, "columns": [{"name": "risk", "from": "b"}]}).run()
    assert result["columns"] == ["extend_sid", "id", "y", "risk"]


def test_a_contract_that_is_not_there_is_named(site, csv):
    with pytest.raises(AirflowFailException, match=r"contract='nowhere\.yaml' is not a file"):
        upload(csv, contract="nowhere.yaml").run()


def test_ids_are_hashed_with_the_password_of_a_connection(site, csv, monkeypatch, caplog):
    import hashlib

    monkeypatch.setenv("AIRFLOW_CONN_SALT", json.dumps({"conn_type": "generic", "password": "pepper"}))
    upload(csv, id_salt_conn_id="salt").run()
    assert rows_of(site)[3][1] == hashlib.sha256(b"pepper3").hexdigest()
    assert "pepper" not in caplog.text
    assert "pepper" not in json.dumps([job.schema for job in site.jobs.values()])
    monkeypatch.setenv("AIRFLOW_CONN_SALT", json.dumps({"conn_type": "generic"}))
    with pytest.raises(AirflowFailException, match="id_salt_conn_id='salt' has no password"):
        upload(csv, id_salt_conn_id="salt").run()


# -- the same content is not uploaded twice ----------------------------------------------------------------------------


def test_the_same_file_is_not_uploaded_twice(site, csv):
    first = upload(csv).run()
    again = upload(csv)
    again.ti.task_id = "another"
    assert again.run() == first
    assert len(site.jobs) == 1


def test_the_same_content_in_a_newer_file_is_not_uploaded_twice(site, csv):
    first = upload(csv).run()
    csv.write_text(GOOD.replace("\n", "\r\n"))
    assert upload(csv).run() == first
    assert len(site.jobs) == 1


@pytest.mark.parametrize("change", [{"label_type": "float32"}, {"columns": ["b", "a"]}, {"partitions": 8}])
def test_another_shape_of_the_same_file_is_another_table(site, csv, change):
    upload(csv).run()
    with pytest.raises(AirflowFailException, match=r"credit\.bank_20260101 exists with other content(?s:.*)dated name"):
        upload(csv, **change).run()
    assert upload(csv, if_exists="replace", **change).run()["count"] == 50
    assert len(site.jobs) == 2


def test_a_table_of_unknown_origin_is_replaced_only_when_somebody_says_so(site, csv):
    upload(csv).run()
    (job,) = site.jobs.values()
    for task in job.schema["dag"]["party_tasks"]["local_0"]["tasks"].values():
        (task["parameters"].get("meta") or {}).pop("tag_value_delimiter", None)
    with pytest.raises(AirflowFailException, match="was not uploaded by this provider"):
        upload(csv).run()
    assert upload(csv, if_exists="replace").run()["job_id"] != job.job_id


def test_changed_content_gets_a_name_of_its_own_that_stays_the_same_in_every_try(site, csv):
    upload(csv).run()
    csv.write_text(GOOD.replace("0.7", "0.9"))
    task = upload(csv, if_exists="new_name")
    assert task.run()["name"] == "bank_20260101_20260102T030405"
    task.clear()
    assert task.run()["name"] == "bank_20260101_20260102T030405"
    assert len(site.jobs) == 2
    assert rows_of(site)[7][3] == "0.7"


def test_a_table_that_a_running_job_reads_is_not_replaced(site, csv):
    from airflow_provider_fate.jobs import Party, Psi
    from airflow_provider_fate.operators.job import FateJobOperator

    upload(csv).run()
    upload(csv, table="credit.host", label=None).run()
    site.plan(Script(stall="psi_0"))
    job = Psi(guest=Party("9999", "credit.bank_20260101"), hosts=[Party("10000", "credit.host")])
    Task(lambda: FateJobOperator(task_id="psi", fate_conn_id=CONN_ID, job=job)).start()
    csv.write_text(GOOD.replace("0.7", "0.9"))
    with pytest.raises(FateConflictError, match=r"cannot be replaced now: job \d+ reads it as guest 9999"):
        upload(csv, if_exists="replace").run()
    assert rows_of(site)[7][3] == "0.7"


# -- what is wrong leaves nothing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [-10, 10])
def test_other_rows_than_were_sent_are_an_error_and_the_table_is_deleted(site, csv, count):
    task = upload(csv)
    trigger = task.start()
    import asyncio

    event = asyncio.run(trigger.wait())
    table = site.tables.get("credit", "bank_20260101")
    table.rows = (table.rows * 2)[: 50 + count]
    with pytest.raises(FateDataError, match=f"has {50 + count} rows, but 50 were sent"):
        task.resume(event)
    assert site.tables.get("credit", "bank_20260101") is None


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_what_fate_would_misread_leaves_no_job_and_no_table(site, tmp_path, case):
    path = tmp_path / "bad"
    path.write_bytes(case.content)
    with pytest.raises(AirflowFailException, match=case.says):
        upload(path, **case.arguments).run()
    assert not site.jobs
    assert site.tables.get("credit", "bank_20260101") is None
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("table", ["bank", "credit.bank;drop", "", "credit."])
def test_a_name_that_is_no_table_is_refused(site, csv, table):
    with pytest.raises(AirflowFailException, match="table"):
        upload(csv, table=table).run()
    assert not site.jobs


def test_a_table_may_end_like_the_name_of_a_file(site, csv):
    task = upload(csv, table="credit.bank.sql")
    result = task.run()
    assert result["table"] == task.ti.xcoms["table"] == "credit.bank.sql"
    assert result["count"] == 50


def test_a_missing_file_is_named(site, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        upload(tmp_path / "nowhere.csv").run()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"delimiter": ""}, "delimiter=''"),
        ({"if_exists": "append"}, "if_exists='append' is not one of fail, replace, new_name"),
        ({"sql": "select 1"}, "has both source and sql"),
        ({"source": None}, "has neither source nor sql"),
        ({"source": None, "sql": "select 1"}, "sql needs sql_conn_id"),
        ({"source": None, "sql": "select 1", "sql_conn_id": CONN_ID}, "has the type 'fate', which is not a database"),
        ({"source": "klingon://bucket/key"}, "nothing here speaks to 'klingon' storage"),
        ({"source": "s3://key:secret@bucket/key"}, "source has a password in its URL"),
        ({"source": "file:///tmp"}, "source='file:///tmp' is a folder"),
    ],
)
def test_a_wrong_argument_is_named(site, csv, arguments, says):
    with pytest.raises(AirflowFailException, match=says) as error:
        upload(csv, **arguments).run()
    assert "secret" not in str(error.value)
    assert not site.jobs


def test_two_uploads_into_one_table_do_not_mix(site, csv):
    site.plan(Script(stall="upload"))
    upload(csv).start()
    somebody_else = upload(csv)
    somebody_else.ti.task_id = "another"
    for _ in range(2):  # nor does a retry end what is not its own
        with pytest.raises(FateConflictError, match=r"credit\.bank_20260101 right now"):
            somebody_else.start()
        somebody_else.retry()
    (job,) = site.jobs.values()
    assert set(job.status.values()) <= {"waiting", "running"}


def test_a_retry_after_a_crash_goes_on_with_the_unfinished_upload(site, csv):
    site.plan(Script(seconds=0.5))
    task = upload(csv)
    task.start()
    (job,) = site.jobs.values()
    task.retry()
    assert task.run()["job_id"] == job.job_id
    assert len(site.jobs) == 1


def test_a_retry_after_a_crash_ends_the_unfinished_upload_of_what_has_changed_since(site, csv):
    site.plan(Script(stall="upload"))
    task = upload(csv)
    task.start()
    site.plan(Script())
    csv.write_text(GOOD.replace("0.7", "0.9"))
    task.retry()
    assert task.run()["count"] == 50
    first, second = site.jobs.values()
    assert set(first.status.values()) == {"canceled"}
    assert set(second.status.values()) == {"success"}
    assert rows_of(site)[7][3] == "0.9"


def test_a_lost_answer_is_no_second_upload(site, csv):
    site.faults.drop_reply("/data/component/upload/file")
    assert upload(csv).run()["count"] == 50
    assert len(site.jobs) == 1


def test_a_kill_stops_the_upload(site, csv):
    site.plan(Script(stall="upload"))
    task = upload(csv)
    in_worker(task, task.start()).on_kill()
    (job,) = site.jobs.values()
    assert set(job.status.values()) == {"canceled"}


def test_a_job_carries_whose_it_is_and_no_names(site, csv):
    upload(csv).run()
    (job,) = site.jobs.values()
    meta = job.schema["dag"]["party_tasks"]["local_0"]["tasks"]["upload_0"]["parameters"]["meta"]
    mark = UploadMark.parse(meta["tag_value_delimiter"])
    assert mark is not None
    assert (mark.rows, mark.epoch) == (50, 0)
    assert UploadMark.parse(mark.text) == mark
    assert str(csv) not in mark.text


def test_a_kill_while_the_file_is_sent_stops_the_upload_that_this_has_started(site, csv, monkeypatch):
    site.plan(Script(stall="upload"))
    task = upload(csv)
    operator = task.make()
    operator.render_template_fields(task.context)
    describe = JobGroup.__dict__["add_notes"]

    def killed_before(self, *args, **kwargs):
        operator.on_kill()  # the job exists, and the operator does not know it yet
        return describe.__get__(self, JobGroup)(*args, **kwargs)

    monkeypatch.setattr(JobGroup, "add_notes", killed_before)
    with pytest.raises(AirflowFailException, match="killed"):
        operator.execute(task.context)
    assert {state for job in site.jobs.values() for state in job.status.values()} == {"canceled"}

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.flow.endpoints.job import JobGroup
from airflow_provider_fate.errors import FateConflictError, FateDataError
from airflow_provider_fate.operators.upload import FateUploadOperator
from tests.support.fake_flow import Script
from tests.support.task import CONN_ID, Task

GOOD = "id,y,a,b\n" + "".join(f"{i},{i % 2},0.{i},1.{i}\n" for i in range(50))


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "bank.csv"
    path.write_text(GOOD)
    return path


def upload(path, **kwargs):
    arguments = {"task_id": "task", "source": str(path), "table": "credit.bank_{{ day }}", "label": "y"} | kwargs
    return Task(lambda: FateUploadOperator(fate_conn_id=CONN_ID, **arguments), templates={"day": "20260101"})


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_file_becomes_a_table_whose_rows_are_counted(site, csv, deferrable):
    result = upload(csv, deferrable=deferrable).run()
    assert (result["namespace"], result["name"], result["count"]) == ("credit", "bank_20260101", 50)
    assert result["job_id"] in site.jobs


def test_fewer_rows_than_were_sent_are_an_error(site, csv):
    task = upload(csv)
    trigger = task.start()
    task.ti.xcoms["rows"] = 60
    import asyncio

    with pytest.raises(FateDataError, match="has 50 rows, but 60 were sent"):
        task.resume(asyncio.run(trigger.wait()))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('id,y,a\n1,0,"1,5"\n', "quote"),
        ("\ufeffid,y,a\n1,0,1\n", "byte order mark|BOM"),
        ("id,y,a\n1,0,1\n2,1\n", "line 3|row 3"),
        ("id;y;a\n1;0;1\n", "delimiter"),
        ("id,y,a\n1,0,1\n1,1,2\n", "1"),
        ("", "empty"),
        ("id,y,a\n", "no rows|empty"),
        ("id,z,a\n1,0,1\n", "y"),
    ],
)
def test_what_fate_would_misread_is_refused_and_nothing_is_sent(site, tmp_path, content, says):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(AirflowFailException, match=f"(?i){says}"):
        upload(path).run()
    assert not site.jobs
    assert site.requests.count() == 0


@pytest.mark.parametrize("table", ["bank", "credit.bank;drop", "", "credit."])
def test_a_name_that_is_no_table_is_refused(site, csv, table):
    with pytest.raises(AirflowFailException, match="table"):
        upload(csv, table=table).run()
    assert not site.jobs


def test_a_missing_file_is_named(site, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        upload(tmp_path / "nowhere.csv").run()


def test_a_wrong_argument_is_named(site, csv):
    with pytest.raises(AirflowFailException, match="delimiter"):
        upload(csv, delimiter="").run()


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


def test_a_retry_after_a_crash_ends_the_unfinished_upload_first(site, csv):
    site.plan(Script(stall="upload"))
    task = upload(csv)
    task.start()
    site.plan(Script())
    task.retry()
    assert task.run()["count"] == 50
    first, second = site.jobs.values()
    assert set(first.status.values()) == {"canceled"}
    assert set(second.status.values()) == {"success"}


def test_a_kill_stops_the_upload(site, csv):
    site.plan(Script(stall="upload"))
    task = upload(csv)
    operator = task.make()
    operator._ref = operator.ref_from(task.start().ref)
    operator.on_kill()
    (job,) = site.jobs.values()
    assert set(job.status.values()) == {"canceled"}


def test_a_kill_while_the_file_is_sent_stops_the_upload_that_this_has_started(site, csv, monkeypatch):
    site.plan(Script(stall="upload"))
    task = upload(csv)
    operator = task.make()
    operator.render_template_fields(task.context)
    describe = JobGroup.__dict__["add_notes"]

    def killed_before(self, *args, **kwargs):
        operator.on_kill()  # the job exists, and nothing says yet that it is ours
        return describe.__get__(self, JobGroup)(*args, **kwargs)

    monkeypatch.setattr(JobGroup, "add_notes", killed_before)
    with pytest.raises(AirflowFailException, match="killed"):
        operator.execute(task.context)
    assert {state for job in site.jobs.values() for state in job.status.values()} == {"canceled"}

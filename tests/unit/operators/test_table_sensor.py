import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_fate.assets import table_asset
from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.errors import FateSignatureError
from airflow_provider_fate.remote import watch
from airflow_provider_fate.sensors.table import FateTableSensor
from tests.support.fake_flow import Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task, connect

HOUR = timedelta(hours=1)


def sensor(**kwargs):
    arguments = {"task_id": "task", "table": "credit.bank", "fate_conn_id": CONN_ID, "poke_interval": 0.05} | kwargs
    return Task(lambda: FateTableSensor(**arguments), templates={"day": "20260101"})


@pytest.fixture
def upload(site, tmp_path):
    """Uploads a table of so many rows as somebody else would."""

    def start(name="bank", rows=3, script=None):
        path = tmp_path / "bank.csv"
        path.write_text("id,x\n" + "".join(f"{row},{row}\n" for row in range(rows)))
        site.plan(script or Script())
        with FlowClient(site.settings) as flow:
            meta = UploadMeta(match_id_name="id")
            return flow.data.upload_file(path, namespace="credit", name=name, meta=meta).job_id

    return start


@pytest.fixture
def later():
    """Does something in half a second, beside the test."""
    timers = []

    def start(what, *args, seconds=0.5):
        timers.append(threading.Timer(seconds, what, args))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.join()


def uploaded(upload, **kwargs):
    """Upload, and wait until the table is there."""
    job_id = upload(**kwargs)
    sensor(table=f"credit.{kwargs.get('name', 'bank')}").run()
    return job_id


# -- the usual way -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_sees_an_upload_arrive_and_gives_the_table(upload, later, deferrable):
    jobs = []
    later(lambda: jobs.append(upload()))
    before = time.time()
    found = sensor(deferrable=deferrable).run()
    made = found.pop("made")
    assert found == {
        "namespace": "credit",
        "name": "bank",
        "count": 3,
        "columns": ["extend_sid", "id", "x"],
        "job_id": jobs[0],
    }
    assert before < made <= time.time()


def test_names_are_rendered(upload):
    uploaded(upload, name="bank_20260101")
    assert sensor(table="credit.bank_{{ day }}").run()["name"] == "bank_20260101"


def test_the_event_of_its_asset_tells_the_table(upload):
    uploaded(upload, name="bank_20260101")
    bank = table_asset("9999", "credit.bank")
    task = sensor(table="credit.bank_{{ day }}", outlets=[bank])
    task.templates |= {"outlets": [bank], "outlet_events": OutletEventAccessors()}
    found = task.run()
    assert task.templates["outlet_events"][bank].extra == {
        "party_id": "9999",
        "table": "credit.bank_20260101",
        "rows": 3,
        "columns": ["extend_sid", "id", "x"],
        "job_id": found["job_id"],
    }


# -- what does not count -------------------------------------------------------------------------------------------


def test_an_unfinished_upload_does_not_count(upload, site):
    upload(script=Script(stall="upload"))
    with pytest.raises(AirflowSensorTimeout, match="not there yet"):
        sensor(timeout=0.5).run()


def test_a_raw_table_does_not_count(site):
    site.tables.add(Table("credit", "bank", "table", ["id", "x"], [["1", "2"]]))
    with pytest.raises(AirflowSensorTimeout, match="no dataframe yet, but of type 'table'"):
        sensor(timeout=0.3).run()


def test_too_few_rows_do_not_count_until_more_have_come(upload, later):
    uploaded(upload)
    with pytest.raises(AirflowSensorTimeout, match="3 rows, fewer than 5"):
        sensor(min_rows=5, timeout=0.3).run()
    later(lambda: upload(rows=7))
    assert sensor(min_rows="{{ 5 }}").run()["count"] == 7


def test_an_old_table_does_not_count_until_it_is_made_anew(upload, later):
    old = uploaded(upload)
    time.sleep(0.01)
    now = datetime.now(tz=UTC)
    with pytest.raises(AirflowSensorTimeout, match=rf"made at .* by job {old}, not after"):
        sensor(newer_than=now, timeout=0.3).run()
    later(upload)
    found = sensor(newer_than=now.isoformat()).run()
    assert found["job_id"] != old
    assert found["made"] > now.timestamp()


@pytest.mark.parametrize(
    "moment",
    [
        datetime.now(tz=UTC) - HOUR,
        "{{ '%s' }}" % (datetime.now(tz=UTC) - HOUR),  # as Airflow writes a date in a template
        (datetime.now(tz=UTC) - HOUR).replace(tzinfo=None).isoformat(),
        "2026-01-01",
    ],
    ids=["moment", "template", "no-zone", "day"],
)
def test_moments_are_read_in_every_usual_way(upload, moment):
    uploaded(upload)
    assert sensor(newer_than=moment, timeout=5).run()["count"] == 3


def test_a_table_that_is_too_old_does_not_count(upload):
    uploaded(upload)
    assert sensor(max_age=HOUR).run()["count"] == 3
    time.sleep(0.1)
    with pytest.raises(AirflowSensorTimeout, match=r"more than 0\.1 s ago"):
        sensor(max_age=timedelta(seconds=0.1), timeout=0.3).run()


def test_a_table_whose_job_is_forgotten_is_never_new_enough(site):
    site.tables.add(
        Table("credit", "bank", "dataframe", ["id"], [["1"]], {"task_id": "202601010000000000000_transformer_0"})
    )
    assert sensor().run()["made"] is None
    with pytest.raises(AirflowSensorTimeout, match=r"does not know any more \(job 202601010000000000000"):
        sensor(max_age=HOUR, timeout=0.3).run()


# -- time ----------------------------------------------------------------------------------------------------------


def test_it_is_skipped_at_the_timeout_where_that_is_wished(site):
    with pytest.raises(AirflowSkipException, match="not there yet"):
        sensor(timeout=0.2, soft_fail=True).run()


def test_the_tasks_own_timeout_counts_too(site):
    with pytest.raises(AirflowSensorTimeout, match=r"0:00:00\.200000"):
        sensor(timeout=60, execution_timeout=timedelta(seconds=0.2)).run(patience=10)


def test_a_site_that_is_down_does_not_end_the_wait(site, upload, later):
    uploaded(upload)
    site.down()
    task = sensor()
    later(site.up, seconds=1.5)
    started = time.monotonic()
    assert task.run()["count"] == 3
    assert time.monotonic() - started > 1


def test_a_timeout_is_kept_while_the_site_is_down(site):
    site.down()
    with pytest.raises(AirflowSensorTimeout, match="could not be asked"):
        sensor(timeout=0.5).run()


# -- what is wrong at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"table": "bank"}, "namespace.name"),
        ({"table": "credit.ba nk"}, "'ba nk'"),
        ({"table": ""}, "namespace.name"),
        ({"min_rows": -1}, "min_rows=-1"),
        ({"min_rows": "{{ 'many' }}"}, "min_rows='many'"),
        ({"newer_than": "yesterday"}, "newer_than='yesterday'"),
        ({"newer_than": "{{ nothing }}"}, "newer_than=''"),
    ],
)
@pytest.mark.parametrize("soft_fail", [True, False])
def test_wrong_arguments_fail_at_once(site, kwargs, said, soft_fail):
    with pytest.raises(AirflowFailException, match=said):
        sensor(soft_fail=soft_fail, **kwargs).start()
    assert site.requests.count() == 0


@pytest.mark.parametrize("kwargs", [{"timeout": 0}, {"poke_interval": -1}, {"max_age": timedelta(0)}])
def test_wrong_durations_are_refused_when_the_dag_is_parsed(kwargs):
    with pytest.raises(ValueError, match=f"{next(iter(kwargs))}="):
        sensor(**kwargs).make()


@pytest.mark.parametrize("name", ["poll_interval", "waiting_timeout", "stall_timeout"])
def test_arguments_that_all_work_has_are_taken(site, upload, name):
    uploaded(upload)
    assert sensor(**{name: HOUR}).run()["count"] == 3


def test_another_party_than_the_connection_says_is_named(fake_site, monkeypatch):
    connect(monkeypatch, fake_site, party_id="8888")
    monkeypatch.setattr(fake_site, "party_id", "7777")
    with pytest.raises(AirflowFailException, match="'7777'"):
        sensor().start()


def test_refusals_end_the_wait(site, monkeypatch):
    monkeypatch.setattr(watch, "REFUSED_LOOKS", 2)
    trigger = sensor().start()
    site.faults.answer(5003, "signature check failed", "/table/query", times=None)
    event = asyncio.run(asyncio.wait_for(trigger.wait(), 30))
    with pytest.raises(FateSignatureError, match="cannot be asked any more"):
        sensor().resume(event)


# -- many ----------------------------------------------------------------------------------------------------------


def trigger_of(**kwargs):
    return sensor(**kwargs).start()


async def watch_for(seconds, *triggers):
    waits = [asyncio.create_task(trigger.wait()) for trigger in triggers]
    await asyncio.sleep(seconds)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def test_sensors_of_one_table_share_one_request_per_interval(site):
    triggers = [trigger_of(poke_interval=0.5, min_rows=rows) for rows in (1, 1, 2, 3, 4)]
    site.requests.clear()
    asyncio.run(watch_for(1.7, *triggers))
    assert 3 <= site.requests.count("/table/query") <= 5  # at 0, 0.5, 1.0, 1.5


def test_each_table_has_its_own_interval(site):
    often, seldom = trigger_of(poke_interval=0.2), trigger_of(table="credit.telco", poke_interval=60)
    site.requests.clear()
    asyncio.run(watch_for(1.5, often, seldom))
    names = [call.arg("name") for call in site.requests.to("/table/query")]
    assert names.count("telco") == 1
    assert names.count("bank") >= 4


def test_a_newcomer_does_not_wait_for_the_interval_of_others(site, upload):
    patient, newcomer = trigger_of(table="credit.telco", poke_interval=60), trigger_of(poke_interval=60)
    uploaded(upload)

    async def come_later():
        waiting = asyncio.create_task(patient.wait())
        await asyncio.sleep(0.5)
        event = await asyncio.wait_for(newcomer.wait(), 5)
        waiting.cancel()
        return event

    assert asyncio.run(come_later())["found"]["count"] == 3


def test_each_wants_its_own_of_the_same_table(site, upload):
    few, many = trigger_of(), trigger_of(min_rows=5)
    uploaded(upload)

    async def both():
        waiting = asyncio.create_task(many.wait())
        event = await few.wait()
        upload(rows=5)
        return event, await asyncio.wait_for(waiting, 10)

    first, second = asyncio.run(both())
    assert (first["found"]["count"], second["found"]["count"]) == (3, 5)


def test_the_job_of_a_table_is_asked_for_once(site, upload):
    uploaded(upload)
    trigger = trigger_of(min_rows=5)
    site.requests.clear()
    asyncio.run(watch_for(0.5, trigger))
    assert site.requests.count("/table/query") > 3
    assert site.requests.count("/job/query") == 1

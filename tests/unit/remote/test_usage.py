"""Which tables unfinished jobs use."""

from __future__ import annotations

import copy

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.models import JobRecord, TableRef, UploadMeta
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.site.usage import TableUse, named_tables, users_of, uses
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table

GUEST, HOST = TableName("credit", "guest"), TableName("credit", "host")
PSI = Psi(guest=Party("9999", str(GUEST)), hosts=[Party("10000", str(HOST))]).dag()
STUCK = Script(waiting=0, stall="psi_0")


def submit(fake: FakeFlow, dag: dict = PSI, script: Script = STUCK) -> str:
    fake.plan(script)
    with FlowClient(fake.settings) as flow:
        return flow.job.submit(dag).job_id


def used(fake: FakeFlow) -> dict[TableName, list[TableUse]]:
    with FlowClient(fake.settings) as flow:
        return uses(flow)


def test_the_tables_of_all_parties_count_where_one_site_plays_them_all(fake_flow):
    job_id = submit(fake_flow)
    assert used(fake_flow) == {
        GUEST: [TableUse(job_id, "guest", "9999", "reads")],
        HOST: [TableUse(job_id, "host", "10000", "reads")],
    }


def test_a_partners_table_is_not_this_sites(fake_site):
    submit(fake_site)
    assert list(used(fake_site)) == [GUEST]


def test_a_waiting_job_counts_and_one_that_has_ended_does_not(fake_flow):
    waiting = submit(fake_flow, script=Script(waiting=1e9))
    ended = submit(fake_flow, script=Script(waiting=0, seconds=0))
    assert fake_flow.state_of(ended) == "success"
    with FlowClient(fake_flow.settings) as flow:
        assert [use.job_id for use in users_of(flow, GUEST)] == [waiting]
        assert users_of(flow, TableName("credit", "other")) == []


def test_parameters_of_a_party_are_read_on_top_of_those_of_all(fake_flow):
    dag = copy.deepcopy(PSI)
    dag["dag"]["tasks"]["reader_0"]["parameters"] = {"namespace": "credit", "name": "all"}
    dag["dag"]["party_tasks"]["host_10000"]["tasks"]["reader_0"]["parameters"] = {"name": "host"}
    dag["dag"]["party_tasks"].pop("guest_9999")
    submit(fake_flow, dag)
    assert set(used(fake_flow)) == {TableName("credit", "all"), HOST}


@pytest.mark.parametrize("many", [False, True])
def test_a_table_that_is_the_input_of_a_task_itself_is_read(fake_flow, many):
    dag = copy.deepcopy(PSI)
    source = {"namespace": "credit", "name": "direct", "parties": [{"role": "guest", "party_id": ["9999"]}]}
    dag["dag"]["tasks"]["psi_0"]["inputs"] = {"data": {"input_data": {"data_warehouse": [source] if many else source}}}
    job_id = submit(fake_flow, dag)
    assert used(fake_flow)[TableName("credit", "direct")] == [TableUse(job_id, "guest", "9999", "reads")]


def test_an_upload_writes_its_table_and_names_it_once(fake_flow, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,x\n1,2\n")
    fake_flow.plan(Script(waiting=0, stall="upload_0"))
    with FlowClient(fake_flow.settings) as flow:
        started = flow.data.upload_file(path, namespace="credit", name="guest", meta=UploadMeta(match_id_name="id"))
        assert uses(flow) == {GUEST: [TableUse(started.job_id, "local", "0", "writes")]}


def test_a_transformer_reads_the_raw_table_and_writes_the_other(fake_flow):
    fake_flow.tables.add(Table("credit", "raw", "table", ["id", "x"], [["1", "2"]]))
    fake_flow.plan(Script(waiting=0, stall="transformer_0"))
    with FlowClient(fake_flow.settings) as flow:
        job_id = flow.data.transform(TableRef(namespace="credit", name="raw"), namespace="credit", name="guest").job_id
        assert uses(flow) == {
            GUEST: [TableUse(job_id, "local", "0", "writes")],
            TableName("credit", "raw"): [TableUse(job_id, "local", "0", "reads")],
        }


def test_a_download_reads_its_table(fake_flow):
    fake_flow.plan(Script(waiting=0, stall="download_0"))
    with FlowClient(fake_flow.settings) as flow:
        job_id = flow.data.download_on_server("credit", "guest", "/tmp/guest").job_id
        assert uses(flow) == {GUEST: [TableUse(job_id, "local", "0", "reads")]}


def test_a_name_that_this_package_cannot_write_is_left_out_of_the_answer_only(fake_flow):
    dag = copy.deepcopy(PSI)
    dag["dag"]["party_tasks"]["host_10000"]["tasks"]["reader_0"]["parameters"] = {"namespace": "a b", "name": "c"}
    submit(fake_flow, dag)
    assert list(used(fake_flow)) == [GUEST]
    with FlowClient(fake_flow.settings) as flow:
        named = [item for record in flow.job.list().jobs for item in named_tables(record)]
    assert ("a b", "c", "reads") in named


def test_a_job_without_a_readable_dag_uses_nothing():
    record = JobRecord.model_validate({"job_id": "1", "role": "guest", "party_id": "9999", "status": "failed"})
    assert list(named_tables(record)) == []


def test_a_use_says_who_it_is():
    assert str(TableUse("2026", "host", "10000", "reads")) == "job 2026 reads it as host 10000"

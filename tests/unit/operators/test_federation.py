"""Operators that read what they need from the federation file."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.federation import Federation, salt_fingerprint
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.psi import FatePsiOperator
from airflow_provider_fate.operators.upload import FateUploadOperator
from tests.support.task import CONN_ID, Task, connect

RUN = SimpleNamespace(logical_date=datetime(2026, 11, 26, tzinfo=UTC), run_after=datetime(2026, 11, 27, tzinfo=UTC))
SALT = "5cb0e6f1a0d94b7e"
FILE = """
federation: credit
parties:
  bank: {party_id: "9999", role: guest}
  telco: {party_id: "10000", role: host}
ids: {strip: true, hash: sha256, salt: {conn_id: {bank: our_salt, telco: their_salt}, fingerprint: FINGERPRINT}}
tables:
  customers:
    party: bank
    name: credit.bank_{{ ds_nodash }}
    label: y
    columns: [{name: b, min: 0}, a]
  usage: {party: telco, name: "credit.telco_{{ ds_nodash }}", columns: [c]}
components: [reader, psi]
jobs:
  overlap: {recipe: Psi}
"""
GOOD = "id,y,a,b\n" + "".join(f" {i},{i % 2},0.{i},1.{i}\n" for i in range(50))


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "federation.yaml"
    path.write_text(FILE.replace("FINGERPRINT", salt_fingerprint(SALT)))
    monkeypatch.setenv("AIRFLOW_CONN_OUR_SALT", json.dumps({"conn_type": "generic", "password": SALT}))
    return path


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "bank.csv"
    path.write_text(GOOD)
    return path


def upload(file, csv, **kwargs):
    arguments = {"task_id": "task", "source": str(csv), "contract": f"{file}#customers"} | kwargs
    return Task(lambda: FateUploadOperator(fate_conn_id=CONN_ID, **arguments), templates={"dag_run": RUN})


# -- uploads ---------------------------------------------------------------------------------------------------------


def test_an_upload_takes_name_columns_and_ids_from_the_file(site, file, csv):
    result = upload(file, csv).run()
    assert result["table"] == "credit.bank_20261126"
    assert result["columns"] == ["extend_sid", "id", "y", "b", "a"]
    ids = [row[1] for row in site.tables.get("credit", "bank_20261126").rows]
    assert all(len(one) == 64 for one in ids)
    assert ids[7] == hashlib.sha256(f"{SALT}7".encode()).hexdigest()


def test_a_name_of_its_own_is_kept(site, file, csv):
    assert upload(file, csv, table="trial.bank").run()["table"] == "trial.bank"


def test_a_file_beside_the_dag_file_is_found(site, file, csv, tmp_path):
    def make():
        dag = DAG("d", schedule=None)
        dag.fileloc = str(tmp_path / "dag.py")
        contract = "federation.yaml#customers"
        return FateUploadOperator(task_id="t", fate_conn_id=CONN_ID, source=str(csv), contract=contract, dag=dag)

    assert Task(make, templates={"dag_run": RUN}).run()["table"] == "credit.bank_20261126"


def test_a_file_may_lie_on_any_storage(site, file, csv):
    assert upload(file, csv, contract=f"file://{file}#customers").run()["table"] == "credit.bank_20261126"
    with pytest.raises(AirflowFailException, match=r"nothing\.yaml' is not there"):
        upload(file, csv, contract=f"file://{file.parent}/nothing.yaml#customers").run()


def test_another_salt_than_the_agreed_one_uploads_nothing(site, file, csv, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OUR_SALT", json.dumps({"conn_type": "generic", "password": SALT + "x"}))
    with pytest.raises(AirflowFailException, match=r"'our_salt' holds another salt .*no id would match") as refused:
        upload(file, csv).run()
    assert SALT not in str(refused.value)
    assert not site.jobs


@pytest.mark.parametrize("more", [{"id_case": "lower"}, {"id_salt_conn_id": "our_salt"}, {"strip_ids": True}])
def test_ids_are_said_in_one_place(site, file, csv, more):
    with pytest.raises(AirflowFailException, match="the task says how ids are made"):
        upload(file, csv, **more).run()
    assert not site.jobs


def test_what_the_contract_forbids_is_refused(site, file, csv):
    csv.write_text(GOOD.replace("1.7\n", "-1.7\n"))
    with pytest.raises(AirflowFailException, match="below the contract's limit 0"):
        upload(file, csv).run()
    assert site.tables.get("credit", "bank_20261126") is None


def test_a_table_of_the_partner_is_not_uploaded_to_the_own_site(fake_site, monkeypatch, file, csv):
    connect(monkeypatch, fake_site)
    monkeypatch.setenv("AIRFLOW_CONN_THEIR_SALT", json.dumps({"conn_type": "generic", "password": SALT}))
    with pytest.raises(AirflowFailException, match=r"'usage' of federation 'credit' belongs to telco \(10000\)"):
        upload(file, csv, contract=f"{file}#usage").run()
    assert not fake_site.jobs


def test_a_standalone_site_serves_every_party(site, file, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_THEIR_SALT", json.dumps({"conn_type": "generic", "password": SALT}))
    csv = tmp_path / "telco.csv"
    csv.write_text("id,c\n1,2\n2,3\n")
    assert upload(file, csv, contract=f"{file}#usage").run()["table"] == "credit.telco_20261126"


@pytest.mark.parametrize(
    ("contract", "says"), [("nothing.yaml#customers", "cannot be read"), ("#", "Did you mean 'customers'")]
)
def test_what_is_not_there_is_named(site, file, csv, contract, says):
    contract = contract if "nothing" in contract else f"{file}#custmers"
    with pytest.raises(AirflowFailException, match=says):
        upload(file, csv, contract=contract).run()


def test_an_upload_without_a_table_is_refused_when_the_dag_is_read():
    with pytest.raises(FateInputError, match="has no table"):
        FateUploadOperator(task_id="t", source="a.csv", contract="contract.yaml")


# -- jobs ------------------------------------------------------------------------------------------------------------


def job(file, job=None, operator=FateJobOperator, **kwargs):
    job = job if job is not None else Federation.read(file).job("overlap")
    arguments = {"task_id": "task", "job": job, "federation": str(file), "fate_conn_id": CONN_ID, "check_tables": False}
    macros = SimpleNamespace(fate=SimpleNamespace(day=lambda run: run.logical_date.strftime("%Y%m%d")))
    return Task(lambda: operator(**arguments | kwargs), templates={"dag_run": RUN, "macros": macros})


@pytest.mark.parametrize("operator", [FateJobOperator, FatePsiOperator])
def test_the_agreed_job_runs_with_the_tables_of_the_day(site, file, operator):
    job(file, operator=operator).run()
    (submitted,) = site.jobs.values()
    assert '"name": "telco_20261126"' in json.dumps(submitted.schema)


def test_a_federation_that_was_read_already_will_do(site, file):
    job(file, federation=Federation.read(file)).run()
    assert len(site.jobs) == 1


def test_a_job_that_goes_beyond_is_refused_before_anything_is_submitted(site, file):
    other = Psi(guest=Party("9999", "credit.bank_20261126"), hosts=[Party("10000", "hr.salaries")], statistics={})
    with pytest.raises(AirflowFailException) as refused:
        job(file, other).run()
    said = str(refused.value)
    assert "By federation 'credit', this job cannot run, for 2 reasons" in said
    assert "'hr.salaries': this table of host 10000 is not agreed upon" in said
    assert "tasks.statistics_0.component_ref" in said
    assert not site.jobs


def test_a_job_outside_the_window_is_refused(site, file):
    begin = datetime.now(tz=UTC) + timedelta(hours=2)
    end = begin + timedelta(hours=1)
    file.write_text(f"{file.read_text()}windows: {{run: {{from: '{begin:%H:%M}', until: '{end:%H:%M}'}}}}\n")
    with pytest.raises(AirflowFailException, match=r"the guest's window .*is not open; it opens at"):
        job(file).run()
    assert not site.jobs


def test_a_file_that_contradicts_itself_submits_nothing(site, file):
    recipe = Federation.read(file).job("overlap")
    file.write_text(file.read_text().replace("role: host", "role: guest"))
    with pytest.raises(AirflowFailException, match="there is exactly one guest"):
        job(file, recipe).run()
    assert not site.jobs


def test_what_is_no_federation_is_refused(site, file):
    with pytest.raises(AirflowFailException, match="federation of task is a int"):
        job(file, federation=3).run()

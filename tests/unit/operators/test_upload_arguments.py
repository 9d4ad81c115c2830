import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_fate.data import Csv, Ids
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi, SsheLR
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.upload import FateUploadOperator
from tests.support.task import CONN_ID, Task


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "bank.csv"
    path.write_text("id;y;a\n" + "".join(f" C{i};{i % 2};{i},5\n" for i in range(1, 9)))
    return path


def upload(source, **kwargs):
    arguments = {"task_id": "task", "source": str(source), "table": "credit.bank", "label": "y"} | kwargs
    return Task(lambda: FateUploadOperator(fate_conn_id=CONN_ID, **arguments))


def test_groups_and_short_arguments_say_the_same(site, csv):
    first = upload(csv, csv=Csv(delimiter=";", decimal=","), ids=Ids(strip=True, case="lower")).run()
    assert site.tables.get("credit", "bank").rows[0][1:] == ["c1", "1", "1.5"]
    again = upload(csv, delimiter=";", decimal=",", strip_ids=True, id_case="lower")
    again.ti.task_id = "another"
    assert again.run() == first


def test_a_group_and_its_short_argument_together_are_refused(site, csv):
    with pytest.raises(AirflowFailException, match=r"csv and decimal are both given(?s:.*)csv=Csv\(decimal="):
        upload(csv, csv=Csv(delimiter=";"), decimal=",").run()
    with pytest.raises(AirflowFailException, match=r"ids and strip_ids are both given"):
        upload(csv, csv=Csv(";"), ids=Ids(), strip_ids=True).run()


def test_a_table_whose_name_ends_like_a_template_file_is_a_table(site, csv, tmp_path):
    arguments = {"csv": Csv(";", decimal=","), "ids": Ids(strip=True), "columns": ["a"]}
    assert upload(csv, table="credit.dump.sql", **arguments).run()["name"] == "dump.sql"
    (tmp_path / "q.sql").write_text("select '{{ day }}'")
    with DAG("dag", template_searchpath=str(tmp_path)) as dag:
        task = FateUploadOperator(
            task_id="t", sql="q.sql", sql_conn_id="db", table="credit.{{ day }}.sql", sql_parameters=["x.sql"]
        )
    dag.resolve_template_files()
    task.render_template_fields({"day": "d1"})
    assert (task.sql, task.table, task.sql_parameters) == ("select 'd1'", "credit.d1.sql", ["x.sql"])


def test_names_in_a_job_that_end_like_a_template_file_stay(site):
    job = Psi(guest=Party("9999", "a.b.json"), hosts=[Party("10000", "a.c.yaml")])
    Task(lambda: FateJobOperator(task_id="t", fate_conn_id=CONN_ID, job=job, check_tables=False)).run()
    (made,) = site.jobs.values()
    assert made.schema["dag"]["party_tasks"]["guest_9999"]["tasks"]["reader_0"]["parameters"]["name"] == "b.json"


# -- labels that a job needs ------------------------------------------------------------------------------------------


def train(recipe, **kwargs):
    job = recipe(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")], **kwargs)
    return Task(lambda: FateJobOperator(task_id="job", fate_conn_id=CONN_ID, job=job))


def table_with(site, tmp_path, *labels, **kwargs):
    path = tmp_path / "t.csv"
    path.write_text("id,y,a\n" + "".join(f"{i},{label},{i}\n" for i, label in enumerate(labels)))
    upload(path, **kwargs).run()
    site.jobs.clear()


def test_a_guests_table_without_a_label_is_told_and_no_training_begins_with_it(site, tmp_path, capsys):
    table_with(site, tmp_path, 0, 1, label=None, columns=["a"])
    assert "is a guest's, and the table gets no label" in capsys.readouterr().out
    with pytest.raises(AirflowFailException, match=r"needs a label, and credit\.bank(?s:.*)label='y'"):
        train(HeteroSecureBoost).run()
    assert not site.jobs
    assert train(Psi).run()["status"] == "success"


@pytest.mark.parametrize("recipe", [HeteroSecureBoost, SsheLR])
@pytest.mark.parametrize("labels", [(-1, 1), (1, 2)])
def test_labels_that_a_binary_training_cannot_use_are_refused_before_submission(site, tmp_path, recipe, labels):
    table_with(site, tmp_path, *labels)
    way_out = f"label_values={{{labels[0]}: 0, {labels[1]}: 1}}"
    with pytest.raises(AirflowFailException, match=f"needs the labels 0 and 1(?s:.*){way_out}"):
        train(recipe).run()
    assert not site.jobs
    table_with(site, tmp_path, *labels, label_values={labels[0]: 0, labels[1]: 1}, if_exists="replace")
    assert train(recipe).run()["status"] == "success"


def test_other_objectives_take_other_labels(site, tmp_path):
    table_with(site, tmp_path, 0, 1, 2)
    assert train(HeteroSecureBoost, objective="multi:ce", num_class=3).run()["status"] == "success"


def test_a_wrong_group_says_its_fields():
    with pytest.raises(FateInputError, match="decimal=';'"):
        _ = FateUploadOperator(task_id="t", table="a.b", source="x", csv=Csv(decimal=";"))._shape

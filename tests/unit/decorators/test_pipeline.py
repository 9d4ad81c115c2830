import uuid

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task

from airflow_provider_fate.operators.pipeline import FatePipelineOperator
from airflow_provider_fate.remote.times import times_replaced
from tests.support.task import CONN_ID, FakeTaskInstance, Task, connect

SCRIPT = """
import sys
from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.components.fate import PSI, Reader

pipeline = FateFlowPipeline().set_parties(guest="9999", host="10000")
reader = Reader("reader_0")
reader.guest.task_parameters(namespace="a", name=sys.argv[1])
reader.hosts[0].task_parameters(namespace="a", name="c")
pipeline.add_tasks([reader, PSI("psi_0", input_data=reader.outputs["output_data"])])
pipeline.compile()
pipeline.fit()
print(pipeline.get_task_info("psi_0").get_output_metric())
"""


@pytest.fixture(autouse=True)
def site(fake_flow, monkeypatch):
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")
    connect(monkeypatch, fake_flow)
    with times_replaced(settle=0.2):
        yield fake_flow


def decorated(function, *args, **kwargs):
    def make():
        with DAG("dag"):
            return task.fate_pipeline(function, fate_conn_id=CONN_ID, check_tables=False, **kwargs)(*args).operator

    return Task(make, templates={"day": "20260101"})


def tables_of(fake):
    (job,) = fake.jobs.values()
    readers = job.schema["dag"]["party_tasks"].values()
    return {group["tasks"]["reader_0"]["parameters"]["name"] for group in readers}


def overlap(bank, telco="c"):
    from fate_client.pipeline import FateFlowPipeline
    from fate_client.pipeline.components.fate import PSI, Reader

    pipeline = FateFlowPipeline().set_parties(guest="9999", host="10000")
    reader = Reader("reader_0")
    reader.guest.task_parameters(namespace="a", name=bank)
    reader.hosts[0].task_parameters(namespace="a", name=telco)
    pipeline.add_tasks([reader, PSI("psi_0", input_data=reader.outputs["output_data"])])
    return pipeline


def broken(bank):
    raise ValueError(f"no table for {bank}")


def test_the_pipeline_that_a_function_returns_is_run(site):
    assert decorated(overlap, "bank_{{ day }}").run()["status"] == "success"
    assert tables_of(site) == {"bank_20260101", "c"}


def test_an_error_in_the_function_keeps_its_traceback(site):
    with pytest.raises(AirflowFailException, match=r"(?s)in broken.*no table for x"):
        decorated(broken, "x").run()
    assert not site.jobs


def test_an_environment_that_the_user_names_is_used(site):
    with pytest.raises(AirflowFailException, match="/no/such/python"):
        decorated(overlap, "b", python="/no/such/python").run()


def test_a_script_runs_unchanged(site, tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)

    def make():
        return FatePipelineOperator(
            task_id="task", script=str(path), script_args=["b_{{ day }}"], fate_conn_id=CONN_ID, check_tables=False
        )

    assert Task(make, templates={"day": "20260101"}).run()["status"] == "success"
    assert tables_of(site) == {"b_20260101", "c"}


def test_a_script_with_two_jobs_is_two_tasks(site, tmp_path, caplog):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT.replace("print(pipeline", 'pipeline.fit()\nprint("after both", pipeline') + "\n")

    def run(**kwargs):
        return Task(
            lambda: FatePipelineOperator(
                task_id="task",
                script=str(path),
                script_args=["b"],
                fate_conn_id=CONN_ID,
                check_tables=False,
                **kwargs,
            ),
            FakeTaskInstance(run_id=uuid.uuid4().hex),
        ).run()

    caplog.set_level("INFO")
    first = run()
    assert first["more"] is True
    second = run(after=[first])
    assert second["more"] is False
    assert second["job_id"] != first["job_id"]
    assert "after both [{" in caplog.text
    with pytest.raises(AirflowFailException, match="has no job after its 2: it has ended"):
        run(after=[first, second])
    with pytest.raises(AirflowFailException, match=r"after=.* names no job"):
        run(after=[{"status": "success"}])
    with pytest.raises(AirflowFailException, match="does not know job 7"):
        run(after=["7"])
    assert len(site.jobs) == 2


def fits(bank):
    from fate_client.pipeline import FateFlowPipeline
    from fate_client.pipeline.components.fate import PSI, Reader

    pipeline = FateFlowPipeline().set_parties(guest="9999", host="10000")
    reader = Reader("reader_0")
    reader.guest.task_parameters(namespace="a", name=bank)
    reader.hosts[0].task_parameters(namespace="a", name="c")
    pipeline.add_tasks([reader, PSI("psi_0", input_data=reader.outputs["output_data"])])
    pipeline.compile()
    pipeline.fit()
    raise ValueError("too few rows in common")


def test_what_a_function_does_with_its_job_may_fail_the_task(site):
    with pytest.raises(
        AirflowFailException,
        match=r"(?s)Job \d+ has succeeded; what the code does after it has not.*too few rows in common",
    ):
        decorated(fits, "b").run()
    assert len(site.jobs) == 1

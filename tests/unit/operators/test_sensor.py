import asyncio
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateJobFailed, FateJobNotFound, FateJobTimeout
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.remote.work import Kill
from airflow_provider_fate.sensors.job import FateJobSensor
from tests.support.fake_flow import Failure, Script
from tests.support.task import CONN_ID, Task, in_worker


@pytest.fixture
def foreign_job(site):
    """Submits a job as somebody else would."""

    def submit(script):
        site.plan(script)
        with FlowClient(site.settings) as flow:
            return flow.job.submit(Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")]).dag()).job_id

    return submit


def sensor(job_id, **kwargs):
    return Task(lambda: FateJobSensor(task_id="task", job_id=job_id, fate_conn_id=CONN_ID, **kwargs))


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_waits_for_the_job_and_gives_its_metrics(foreign_job, deferrable):
    job_id = foreign_job(Script(seconds=0.3))
    result = sensor(job_id, deferrable=deferrable).run()
    assert result["job_id"] == job_id
    assert result["metrics"]["psi_0.intersect_count"] > 0


def test_a_failure_is_explained(foreign_job):
    with pytest.raises(FateJobFailed, match="psi_0 failed on guest 9999"):
        sensor(foreign_job(Script(fail={"psi": Failure()}))).run()


def test_a_failure_skips_the_task_where_that_is_wished(foreign_job):
    with pytest.raises(AirflowSkipException, match="psi_0 failed on guest 9999"):
        sensor(foreign_job(Script(fail={"psi": Failure()})), soft_fail=True).run()


def test_a_limit_skips_the_task_where_that_is_wished(foreign_job):
    job_id = foreign_job(Script(stall="psi"))
    with pytest.raises(AirflowSkipException, match="goes on"):
        sensor(job_id, soft_fail=True, execution_timeout=timedelta(seconds=0.3)).run()


def test_a_job_that_the_site_does_not_know_is_named(site):
    with pytest.raises(FateJobNotFound, match="202600000000000000000"):
        sensor("202600000000000000000").run()


@pytest.mark.parametrize("job_id", ["", "x;rm -rf /", "{{ nothing }}"])
@pytest.mark.parametrize("soft_fail", [True, False])
def test_what_is_no_job_id_is_refused(site, job_id, soft_fail):
    with pytest.raises(AirflowFailException, match="job_id"):
        sensor(job_id, soft_fail=soft_fail).run()


def test_it_never_stops_the_job(site, foreign_job):
    job_id = foreign_job(Script(stall="psi"))
    task = sensor(job_id, execution_timeout=timedelta(seconds=0.3))
    trigger = task.start()
    kind, ref = trigger.work()
    assert kind.kill(ref) is Kill.LEAVES
    with pytest.raises(FateJobTimeout, match="goes on"):
        task.resume(asyncio.run(trigger.wait()))
    in_worker(task, trigger).on_kill()
    assert "running" in site.jobs[job_id].status.values()

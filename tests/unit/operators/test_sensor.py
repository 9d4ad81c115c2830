import asyncio
from datetime import UTC, datetime, timedelta

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


# -- mode --------------------------------------------------------------------------------------------------------------


def test_reschedule_gives_the_worker_up_while_the_job_runs(site, foreign_job):
    job_id = foreign_job(Script(stall="psi"))
    task = sensor(job_id, mode="reschedule", poll_interval=90)
    with pytest.raises(Exception, match="") as caught:
        task.start()
    assert type(caught.value).__name__ == "AirflowRescheduleException"
    assert 80 < (caught.value.reschedule_date - datetime.now(tz=UTC)).total_seconds() <= 90
    assert task.make().reschedule


def test_reschedule_ends_when_the_job_has(foreign_job):
    job_id = foreign_job(Script())
    result = sensor(job_id).run()
    assert sensor(job_id, mode="reschedule").start() == result


def test_reschedule_tells_of_a_failure(foreign_job):
    job_id = foreign_job(Script(fail={"psi": Failure()}))
    with pytest.raises(FateJobFailed):
        sensor(job_id).run()
    with pytest.raises(FateJobFailed, match="psi_0 failed on guest 9999"):
        sensor(job_id, mode="reschedule").start()


def test_the_limit_of_reschedule_counts_from_the_first_look(foreign_job):
    job_id = foreign_job(Script(stall="psi"))
    task = sensor(job_id, mode="reschedule", execution_timeout=timedelta(minutes=5))
    task.ti.first_reschedule = datetime.now(tz=UTC) - timedelta(minutes=6)
    with pytest.raises(FateJobTimeout, match="goes on"):
        task.start()


def test_poke_waits_in_the_worker(foreign_job):
    assert sensor(foreign_job(Script(seconds=0.3)), mode="poke").start()["status"] == "success"


@pytest.mark.parametrize("wrong", [{"mode": "often"}, {"mode": "reschedule", "stall_timeout": timedelta(1)}])
def test_what_a_mode_cannot_do_is_refused_when_the_dag_is_parsed(wrong):
    with pytest.raises(ValueError, match="mode"):
        sensor("1", **wrong).make()


def test_the_scheduler_learns_of_the_mode():
    assert "reschedule" in FateJobSensor.get_serialized_fields()

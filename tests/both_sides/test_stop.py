"""What ends while the partner is away ends on both sides: by the guest, who repeats a stop, or by the host itself."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.site.audit import stale_jobs
from tests.both_sides.cases import training
from tests.support.pair import Pair
from tests.support.task import FakeTaskInstance, Task, in_worker

pytestmark = [pytest.mark.fate, pytest.mark.pair, pytest.mark.timeout(600), pytest.mark.thorough]


def test_a_stop_is_repeated_until_the_partner_is_back(fate_pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    task = Task(
        lambda: FateJobOperator(task_id="train", fate_conn_id=fate_pair.guest.conn_id, job=training()),
        FakeTaskInstance(run_id=uuid.uuid4().hex),
    )
    trigger = task.start()
    job_id = str(task.ti.xcoms["fate_job"]["job_id"])
    fate_pair.host.until(job_id, "running", task="psi_0")
    with contextlib.ExitStack() as away:
        away.enter_context(fate_pair.host.down())
        kill = threading.Thread(target=in_worker(task, trigger).on_kill)
        kill.start()
        assert fate_pair.guest.until(job_id, "canceled") == "canceled"
        time.sleep(5)
        assert kill.is_alive(), "the partner has not heard it yet"
        away.close()
        kill.join(60)
    assert not kill.is_alive()
    assert "host 10000 cannot be reached" in caplog.text
    assert fate_pair.host.until(job_id, "canceled", "failed", patience=30)
    for site in fate_pair.sites:
        assert site.unfinished() == []


def test_a_row_of_which_the_end_was_not_told_is_found_and_ended_by_the_host(fate_pair: Pair) -> None:
    guest, host = fate_pair.sites
    job_id = guest.flow.job.submit(training()).job_id
    guest.until(job_id, "success", task="sbt_0")
    with host.down():
        assert guest.until(job_id, "success", "failed") == "success", "what is left runs at the guest alone"
    time.sleep(5)  # nothing comes any more
    assert host.status(job_id) == "running"
    now = datetime.now(tz=UTC)
    assert job_id not in stale_jobs(host.flow, now - timedelta(minutes=10)), "it may still run"
    assert job_id in stale_jobs(host.flow, now)

    host.flow.job.stop(job_id)

    assert host.until(job_id, "canceled") == "canceled"
    assert guest.status(job_id) == "success", "what has been achieved stays so"
    assert host.unfinished() == []

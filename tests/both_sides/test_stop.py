"""A job that is stopped while its partner is away ends on both sides."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid

import pytest

from airflow_provider_fate.operators.job import FateJobOperator
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

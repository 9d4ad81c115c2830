"""What a real FATE tells of a job that was stopped, and that the list of jobs read in pieces is the list of jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.site.diagnosis import diagnose
from airflow_provider_fate.site.ref import JobRef
from airflow_provider_fate.site.waiting import where_it_is
from tests.integration.test_recipes import wait
from tests.support.fate import RunningFate

pytestmark = [pytest.mark.fate, pytest.mark.timeout(600)]


def running(flow: FlowClient, job_id: str) -> bool:
    return any(str(task.party_status) == "running" for task in flow.task.query(job_id=job_id))


def test_a_job_that_was_stopped_here_is_said_to_be(fate_full: RunningFate, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("id,x\n" + "".join(f"p{n},{n}\n" for n in range(40)))
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as flow:
        # A table that is there: a reader that finds none may fail before it is stopped.
        meta = UploadMeta(match_id_name="id")
        upload = flow.data.upload_file(file, namespace="stopped", name="people", meta=meta).job_id
        assert wait(flow, upload, time.monotonic() + 300) == "success"
        job = Psi(guest=Party("9999", "stopped.people"), hosts=[Party("10000", "stopped.people")]).dag()
        ref = JobRef(flow.job.submit(job).job_id, "guest", "9999")
        while not running(flow, ref.job_id):
            time.sleep(0.2)
        assert list(dict.fromkeys(line.split()[0] for line in where_it_is(flow, ref))) == ["task", "reader_0", "psi_0"]

        flow.job.stop(ref.job_id)

        found = diagnose(flow, ref, "canceled")
        assert found.side.startswith("It was stopped on this site, by somebody or by another task (known: ")
        states = {(s.job_id, s.role, s.party_id) for s in flow.job.states()}
        listed = {(r.job_id, r.role, r.party_id) for r in flow.job.list(limit=0).jobs}
        assert states == listed >= {(ref.job_id, "guest", "9999"), (ref.job_id, "host", "10000")}

import pytest

from tests.support.fake_flow import Failure, Script
from tests.unit.cli.conftest import finish, submit


def test_a_failure_is_explained_as_in_the_log_of_a_task(site, fate):
    job_id = submit(site, Script(fail={"psi": Failure(reason="ValueError: no such curve", party=("host", "10000"))}))
    finish(site)
    ran = fate("diagnose", job_id)
    assert ran.status == 0
    assert ran.out.startswith(f"Job {job_id} ended failed\n")
    assert "ValueError: no such curve" in ran.out
    assert "Failing side: host 10000" in ran.out
    found = fate("diagnose", job_id, "-o", "json").json
    assert (found["job_id"], found["state"]) == (job_id, "failed")
    assert found["failed"][0]["name"] == "psi_0"


def test_a_waiting_job_is_told_what_it_waits_for(site, fate):
    running = submit(site, Script(stall="psi"))
    site.clock.advance(5)
    job_id = submit(site, Script(waiting=3600))
    ran = fate("diagnose", job_id)
    assert f"Job {job_id} is waiting." in ran.out
    assert f"Running: {running}" in ran.out
    assert running in fate("diagnose", job_id, "-o", "json").json["why"]


def test_a_running_job_shows_where_it_is(site, fate):
    job_id = submit(site, Script(stall="psi"))
    site.clock.advance(5)
    ran = fate("diagnose", job_id)
    assert "has not failed so far" in ran.out
    assert ["psi_0", "guest", "9999", "running"] in [row[:4] for row in ran.rows]
    assert fate("diagnose", job_id, "-o", "json").json["state"] == "running"


@pytest.mark.parametrize("output", ["table", "json"])
def test_success_needs_no_explanation(site, fate, output):
    job_id = submit(site)
    finish(site)
    ran = fate("diagnose", job_id, "-o", output)
    assert ran.status == 0
    assert "success" in ran.out or "has succeeded" in ran.out

from tests.support.fake_flow import Failure, Script
from tests.support.task import connect
from tests.unit.cli.conftest import finish, submit


def test_a_job_and_its_tasks_per_party(site, fate):
    job_id = submit(site, Script(fail={"psi": Failure()}))
    finish(site)
    ran = fate("status", job_id)
    assert ran.out.startswith(f"Job {job_id}: failed on guest 9999, ")
    tasks = [row[:4] for row in ran.rows]
    assert ["reader_0", "guest", "9999", "success"] in tasks
    assert ["psi_0", "host", "10000", "failed"] in tasks


def test_json_holds_the_same(site, fate):
    job_id = submit(site)
    finish(site)
    job = fate("status", job_id, "-o", "json").json
    assert (job["job_id"], job["status"], job["model_id"]) == (job_id, "success", job_id)
    assert job["url"] is None
    psi = [task for task in job["tasks"] if task["name"] == "psi_0"]
    assert {(task["role"], task["party_id"]) for task in psi} == {("guest", "9999"), ("host", "10000")}
    assert all(task["status"] == "success" and task["seconds"] >= 0 for task in psi)


def test_a_real_site_shows_its_own_side(real_site, fate):
    job_id = submit(real_site)
    assert "host" not in fate("status", job_id).out


def test_the_link_to_the_board_is_shown_where_the_connection_has_one(site, fate, monkeypatch):
    connect(monkeypatch, site, "fate_default", board_url="https://board/{job_id}/{role}/{party_id}")
    job_id = submit(site)
    url = f"https://board/{job_id}/guest/9999"
    assert f"FATEBoard: {url}" in fate("status", job_id).out
    assert fate("status", job_id, "-o", "json").json["url"] == url


def test_a_job_that_has_not_started_has_no_times(site, fate):
    job_id = submit(site, Script(waiting=3600))
    job = fate("status", job_id, "-o", "json").json
    assert (job["status"], job["start_time"], job["elapsed_seconds"]) == ("waiting", None, None)
    assert {task["seconds"] for task in job["tasks"]} == {None}

import json

import pytest

from airflow_provider_fate.cli import reading
from airflow_provider_fate.clients.fate_flow import FlowClient
from tests.support.fake_flow import Failure, Script
from tests.unit.cli.conftest import finish, submit


@pytest.fixture
def failed(site):
    log = [f"[ERROR] line {i}" for i in range(1, 8)]
    job_id = submit(site, Script(fail={"psi": Failure(party=("guest", "9999"), log=log)}))
    finish(site)
    return job_id


def test_the_log_of_all_tasks_of_the_own_party(site, fate, failed):
    ran = fate("logs", failed)
    assert ran.status == 0
    assert "start reader_0" in ran.out
    assert "start psi_0" in ran.out


def test_one_task_one_level_one_party(site, fate, failed):
    ran = fate("logs", failed, "--task", "psi_0", "--party", "guest:9999", "--level", "error")
    assert ran.out.splitlines() == [f"[ERROR] line {i}" for i in range(1, 8)]
    ran = fate("logs", failed, "--task", "psi_0", "--party", "host:10000", "--level", "error")
    assert ran.out == ""
    assert "no log of task psi_0 of level error for host 10000" in ran.err


def test_the_end_of_a_log(site, fate, failed):
    assert fate("logs", failed, "--level", "error", "-n", "2").out.splitlines() == ["[ERROR] line 6", "[ERROR] line 7"]


def test_json_is_one_object_per_line(site, fate, failed):
    ran = fate("logs", failed, "--level", "error", "-n", "1", "-o", "json")
    assert [json.loads(line) for line in ran.out.splitlines()] == [{"line": 7, "text": "[ERROR] line 7"}]


def test_a_long_log_is_read_in_parts_and_without_gaps(site, fate, failed, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 2)
    assert len(fate("logs", failed, "--level", "error").out.splitlines()) == 7
    assert len(site.requests.to("/log/query")) == 5  # four parts, and what has no line end


def test_the_scheduler_has_a_log_of_its_own(site, fate, failed):
    assert "update task" in fate("logs", failed, "--scheduler").out
    assert "no log of level debug" in fate("logs", failed, "--scheduler", "--level", "debug").err
    assert "--task" in fate("logs", failed, "--scheduler", "--task", "psi_0").err


def test_the_environment_of_the_server_is_left_out(site, fate, failed):
    site.jobs[failed].schedule_log.append('[INFO] RUN ENV\uff1a{"DB_PASSWORD": "s3cret"}')
    ran = fate("logs", failed, "--scheduler", "-n", "1")
    assert ran.out == "[INFO] RUN ENV\uff1a{...}\n"


def test_a_log_cannot_steer_the_terminal(site, fate, failed):
    site.jobs[failed].schedule_log.append("\x1b[2J\x9bgone\ttab")
    assert fate("logs", failed, "--scheduler", "-n", "1").out == "\ufffd[2J\ufffdgone\ttab\n"


def test_following_prints_what_comes_and_ends_with_the_job(site, fate):
    job_id = submit(site, Script(waiting=0.3, seconds=0.3))
    ran = fate("logs", job_id, "-f")
    assert ran.status == 0
    assert [line for line in ran.out.splitlines() if "start" in line] == [
        "[INFO][_wraps.preprocess][line:113]: start reader_0",
        "[INFO][_wraps.preprocess][line:113]: start psi_0",
    ]
    assert f"Job {job_id} has ended: success" in ran.err


def test_a_second_look_gives_only_what_is_new(site):
    job_id = submit(site, Script(stall="psi"))
    site.clock.advance(5)
    with FlowClient(site.settings) as flow:
        log = reading.Log(flow, "task_info", job_id, "guest", "9999")
        first = list(log.new())
        assert len(first) == 4
        assert list(log.new()) == []


def test_ctrl_c_ends_quietly(site, fate, monkeypatch):
    job_id = submit(site, Script(stall="psi"))

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    ran = fate("logs", job_id, "-f")
    assert ran.status == 130
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--party", "host"), "Write it as guest:9999"),
        (("--party", "host:10001"), "does not play host 10001"),
        (("--task", "nope"), "It has psi_0, reader_0"),
        (("--task", "a;rm"), "has no task 'a;rm'"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(site, fate, failed, arguments, said):
    ran = fate("logs", failed, *arguments)
    assert ran.status == 1
    assert said in ran.err
    assert site.requests.count("/log/query") == 0


def test_a_partner_keeps_its_logs(real_site, fate):
    job_id = submit(real_site)
    finish(real_site)
    ran = fate("logs", job_id, "--party", "host:10000")
    assert ran.status == 1
    assert "has none of its logs. Ask that party, or choose guest:9999." in ran.err

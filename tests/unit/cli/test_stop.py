import io

import pytest

from tests.support.fake_flow import Script
from tests.unit.cli.conftest import finish, submit


class Terminal(io.StringIO):
    """A person's answer."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def running(site):
    job_id = submit(site, Script(stall="psi"), user_name="airflow-1")
    site.clock.advance(5)
    return job_id


def test_with_yes_it_stops_and_waits_for_the_end(site, fate, running):
    ran = fate("stop", running, "-y")
    assert ran.out == f"Job {running} was stopped: canceled\n"
    assert site.state_of(running) == "canceled"


@pytest.mark.parametrize(
    ("answer", "state"), [("y\n", "canceled"), ("Yes\n", "canceled"), ("n\n", "running"), ("", "running")]
)
def test_a_person_is_asked(site, fate, running, monkeypatch, answer, state):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    ran = fate("stop", running, "-o", "json")
    assert f"Stop job {running} (running, label airflow-1) on all parties?" in ran.err
    assert site.state_of(running) == state
    if state == "canceled":
        assert ran.json == {"job_id": running, "status": "canceled"}
    else:
        assert ran.status == 1
        assert "Nothing was stopped" in ran.err


def test_a_script_must_say_yes(site, fate, running, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    ran = fate("stop", running)
    assert ran.status == 1
    assert "--yes" in ran.err
    assert site.requests.count("/job/stop") == 0


def test_a_job_that_has_ended_is_left_alone(site, fate):
    job_id = submit(site)
    finish(site)
    assert fate("stop", job_id).out == f"Job {job_id} had ended before: success\n"
    assert site.requests.count("/job/stop") == 0


def test_only_the_state_counts_not_the_answer_to_the_stop(site, fate, running):
    site.faults.answer(104, "timeout", "/job/stop", act=True)
    ran = fate("stop", running, "-y")
    assert ran.status == 0
    assert "was stopped" in ran.out

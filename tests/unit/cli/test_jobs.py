import pytest

from airflow_provider_fate.cli import owners
from airflow_provider_fate.cli.owners import Owner
from airflow_provider_fate.remote.identity import key_of
from tests.support.fake_flow import Script
from tests.unit.cli.conftest import finish, submit


def test_the_newest_job_comes_first_with_the_record_of_this_site(site, fate):
    first = submit(site, user_name="airflow-1")
    finish(site)
    second = submit(site, Script(stall="psi"))
    site.clock.advance(5)
    ran = fate("jobs", "--all")
    assert (
        " ".join(ran.out.splitlines()[0].split()) == "job party status progress age started (UTC) elapsed DAG run task"
    )
    assert [row[:4] for row in ran.rows] == [
        [second, "guest", "9999", "running"],
        [first, "guest", "9999", "success"],
    ]
    assert [row[-3:] for row in ran.rows] == [["-", "-", "-"], ["airflow-1", "-", "-"]]
    assert ran.err == ""


def test_json_has_numbers_and_moments(site, fate):
    job_id = submit(site, user_name="airflow-1")
    finish(site)
    (job,) = fate("jobs", "--all", "-o", "json").json
    assert (job["job_id"], job["role"], job["party_id"], job["status"]) == (job_id, "guest", "9999", "success")
    assert job["progress"] == 100
    assert job["elapsed_seconds"] > 0
    assert job["start_time"].endswith("+00:00")
    assert job["user_name"] == "airflow-1"


def test_the_limit_counts_jobs_not_records_and_says_that_there_are_more(site, fate):
    ids = [submit(site) for _ in range(60)]  # two records each: more than a page
    ran = fate("jobs", "--all", "--limit", "55")
    assert [row[0] for row in ran.rows] == ids[::-1][:55]
    assert all(row[1:3] == ["guest", "9999"] for row in ran.rows)
    assert "newest 55; there are more" in ran.err
    assert fate("jobs", "--all", "--limit", "60").err == ""


def test_jobs_that_have_not_ended_are_listed_unless_others_are_asked_for(site, fate):
    done = submit(site)
    finish(site)
    running = submit(site, Script(stall="psi"))
    site.clock.advance(5)
    waiting = submit(site, Script(waiting=3600))

    def found(*arguments):
        return [job["job_id"] for job in fate("jobs", "-o", "json", *arguments).json]

    assert found() == [waiting, running]
    assert found("--all") == [waiting, running, done]
    assert found("--status", "success") == [done]
    assert found("--status", "success", "--all") == [done]
    assert found("--status", "success", "--status", "waiting") == [waiting, done]


def test_no_job_is_said_on_stderr_and_an_empty_list_for_programs(site, fate):
    ran = fate("jobs", "--status", "failed")
    assert (ran.status, ran.out) == (0, "")
    assert "No job of the site of connection 'fate_default' is failed." in ran.err
    assert "--all" not in ran.err
    assert "--all" in fate("jobs").err
    assert fate("jobs", "-o", "json").json == []


@pytest.mark.parametrize("wrong", [("--limit", "0"), ("--limit", "x"), ("--status", "done"), ("-o", "yaml")])
def test_wrong_arguments_are_refused_before_anything_is_asked(site, fate, wrong):
    assert fate("jobs", *wrong).status == 2
    assert site.requests.count() == 0


@pytest.fixture
def nightly(site, monkeypatch):
    """Two jobs of tasks of this Airflow, and one of somebody else."""
    tasks = [Owner("nightly", "run_1", "train"), Owner("nightly", "run_1", "psi", 3)]
    jobs = [
        submit(site, user_name=f"airflow-{key_of(task.dag_id, task.run_id, task.task_id, task.map_index)}")
        for task in tasks
    ]
    jobs.append(submit(site, user_name="somebody"))

    def instances(since, until, wanted):
        return [task for task in tasks if wanted.task_id in (None, task.task_id)]

    monkeypatch.setattr(owners, "_instances", instances)
    return jobs


def test_jobs_name_the_tasks_that_they_belong_to(fate, nightly):
    rows = fate("jobs", "--all").rows
    assert [row[-3:] for row in rows] == [
        ["somebody", "-", "-"],
        ["nightly", "run_1", "psi[3]"],
        ["nightly", "run_1", "train"],
    ]


def test_jobs_of_one_task_are_found(fate, nightly):
    (job,) = fate("jobs", "--all", "--task-id", "train", "-o", "json").json
    assert (job["job_id"], job["dag_id"], job["run_id"], job["map_index"]) == (nightly[0], "nightly", "run_1", -1)


def test_without_airflows_database_the_labels_are_shown(fate, nightly, monkeypatch):
    def instances(*_):
        raise RuntimeError("no database")

    monkeypatch.setattr(owners, "_instances", instances)
    ran = fate("jobs", "--all")
    assert ran.status == 0
    assert len(ran.rows) == 3

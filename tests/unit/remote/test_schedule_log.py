"""Lines as FATE-Flow 2.2 writes them."""

from airflow_provider_fate.site.schedule_log import Culprit, first_failure, process_gone, who_stopped, without_cores


def update(role, party, status, key="party_status"):
    return (
        "[INFO] [2026-11-22 15:41:44,013] [1] [base_saver._update_task_status] [line:100]: update task 1_reader_0 0 "
        f"status successfully: {{'job_id': '1', 'task_id': '1_reader_0', 'task_version': 0, 'role': '{role}', "
        f"'party_id': '{party}', '{key}': '{status}', 'kill_status': True}}"
    )


def test_the_first_party_whose_task_failed_is_the_culprit():
    lines = [update("guest", "9999", "success"), update("host", "10000", "failed"), update("guest", "9999", "failed")]
    assert first_failure(lines) == Culprit("reader_0", "host", "10000")


def test_a_job_that_was_stopped_first_has_no_culprit():
    lines = ["[INFO] request stop job with failed", update("guest", "9999", "failed")]
    assert first_failure(lines) is None


def test_a_log_without_a_failure_has_no_culprit():
    assert first_failure(["[INFO] schedule waiting job", update("guest", "9999", "running")]) is None
    assert first_failure([]) is None


def test_a_process_that_had_gone_before_it_was_to_be_stopped_has_died():
    line = "can not found task 1_sbt_0 host 10000 with {} party status process pid:696"
    assert process_gone(["request stop job with failed", line.format("running")]) == Culprit("sbt_0", "host", "10000")
    assert process_gone([line.format("failed")]) is None, "it was stopped before"


def test_the_party_without_cores_is_named_with_what_it_has():
    lines = [
        "APPLY job resource(cores 8 memory 0) on host 10000 failed, remaining cores: 2 remaining memory: 0",
        "job apply resource failed on [{'role': 'host', 'party_id': ['10000']}], "
        "rollback [{'role': 'guest', 'party_id': ['9999']}]",
    ]
    assert without_cores(lines) == "No cores at host 10000 (asked for 8, 2 free)."
    assert without_cores(lines[1:]) == "No cores at host 10000."
    assert without_cores([]) == ""


ASKED_HERE = "[INFO] [2026-11-22 15:49:00,166] [1] [job.request_stop_job] [line:64]: request stop job to canceled"
ASKED = "[INFO] [2026-11-22 15:49:00,235] [1] [scheduler.stop_job] [line:281]: request stop job with canceled"


def test_a_request_in_the_own_log_says_that_the_job_was_stopped_here():
    lines = [update("guest", "9999", "canceled"), ASKED_HERE, ASKED]
    assert who_stopped(lines).startswith("It was stopped on this site")
    assert who_stopped([ASKED_HERE]).startswith("It was stopped on this site")  # of a host, which does not schedule


def test_the_party_that_canceled_before_the_scheduler_was_asked_has_stopped_the_job():
    lines = [update("host", "10000", "canceled", "status"), ASKED, update("guest", "9999", "canceled")]
    assert who_stopped(lines).startswith("host 10000 stopped it (known: ")
    assert who_stopped(lines[1:]).startswith("A partner stopped it (known: ")


def test_a_log_without_a_request_does_not_say_who_stopped_the_job():
    failed = "[INFO] request stop job with failed"
    assert who_stopped([update("guest", "9999", "failed"), failed, update("host", "10000", "canceled")]) == ""
    assert who_stopped([]) == ""

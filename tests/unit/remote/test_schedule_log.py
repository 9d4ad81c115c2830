"""Lines as FATE-Flow 2.2 writes them."""

from airflow_provider_fate.remote.flow.schedule_log import Culprit, first_failure, without_cores


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


def test_the_party_without_cores_is_named_with_what_it_has():
    lines = [
        "APPLY job resource(cores 8 memory 0) on host 10000 failed, remaining cores: 2 remaining memory: 0",
        "job apply resource failed on [{'role': 'host', 'party_id': ['10000']}], "
        "rollback [{'role': 'guest', 'party_id': ['9999']}]",
    ]
    assert without_cores(lines) == "No cores at host 10000 (asked for 8, 2 free)."
    assert without_cores(lines[1:]) == "No cores at host 10000."
    assert without_cores([]) == ""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from airflow_provider_fate.local import LocalFate, LocalFateError, RunState, Settings
from airflow_provider_fate.local.processes import TAG, Identity, end_all, of_instance


def state(identity: Identity) -> RunState:
    return RunState(identity, 1, "running", "127.0.0.1", 9380, 9360, "full", "2.2.0", 0.0)


def myself() -> Identity:
    identity = Identity.of(os.getpid())
    assert identity is not None
    return identity


def test_a_state_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state(myself()).save(path)
    assert RunState.load(path) == state(myself())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor": 3}', '{"supervisor": {"pid": 1}}', "null"])
def test_a_damaged_state_file_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert RunState.load(path) is None


def test_a_reused_pid_is_not_taken_for_the_supervisor(tmp_path: Path) -> None:
    fate = LocalFate(tmp_path)
    fate.layout.create()
    later = dataclasses.replace(myself(), started=myself().started - 1)
    state(later).save(fate.layout.state)
    assert fate.status() is None
    state(myself()).save(fate.layout.state)
    assert fate.status() is not None


def test_a_dead_or_undead_process_has_no_identity() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # now a zombie
    assert Identity.of(child.pid) is None
    child.wait()
    assert Identity.of(child.pid) is None


def test_stopping_what_does_not_run_is_no_error_and_removes_a_stale_state(tmp_path: Path) -> None:
    fate = LocalFate(tmp_path)
    fate.layout.create()
    state(Identity(2**22 - 1, 1)).save(fate.layout.state)
    assert fate.stop() is False
    assert not fate.layout.state.exists()


def test_processes_are_found_by_their_tag_and_ended(tmp_path: Path) -> None:
    env = {**os.environ, TAG: str(tmp_path)}
    # The second one does not listen to SIGTERM; the third belongs to an instance with a longer name.
    polite = subprocess.Popen(["sleep", "60"], env=env, start_new_session=True)
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], env=env)
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, TAG: f"{tmp_path}2"})
    try:
        assert {polite.pid, stubborn.pid} <= set(of_instance(tmp_path))
        assert end_all(tmp_path, grace=0.3) == []
        assert of_instance(tmp_path) == []
        assert polite.wait(5) == -15
        assert stubborn.wait(5) == -9
        assert other.poll() is None
    finally:
        for process in (polite, stubborn, other):
            process.kill()
            process.wait()


def test_a_shell_that_names_the_home_is_not_a_process_of_the_instance(tmp_path: Path) -> None:
    shell = subprocess.Popen(["sleep", "60"], env={**os.environ, "FATE_LOCAL_HOME": str(tmp_path)})
    try:
        assert of_instance(tmp_path) == []
    finally:
        shell.kill()
        shell.wait()


def test_settings_are_kept_and_unknown_fields_of_other_versions_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "instance.json"
    Settings(cores=8, http_port=1234).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "later": 1}))
    assert Settings.load(path) == Settings(cores=8, http_port=1234)


def test_damaged_settings_say_which_file(tmp_path: Path) -> None:
    path = tmp_path / "instance.json"
    path.write_text("{")
    with pytest.raises(LocalFateError, match=r"instance\.json cannot be read"):
        Settings.load(path)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("variant", "half", "variant='half'"),
        ("party_id", "bank", "party_id='bank'"),
        ("party_id", "0", "party_id='0'"),
        ("cores", 0, "cores=0"),
        ("task_cores", -1, "task_cores=-1"),
        ("job_cores", 33, "job_cores=33 is more than cores=32"),
        ("log_level", 5, "log_level=5"),
    ],
)
def test_settings_that_cannot_work_are_refused(field: str, value: object, said: str) -> None:
    with pytest.raises(LocalFateError, match=said):
        Settings(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("home", ["/tmp/with space", "/tmp/$(id)", "/tmp/a;b", "/" + "x" * 90])
def test_a_home_that_fate_cannot_live_in_is_refused(home: str) -> None:
    with pytest.raises(LocalFateError, match="the home"):
        LocalFate(home)


def test_reset_deletes_the_instance_and_nothing_else(tmp_path: Path) -> None:
    fate = LocalFate(tmp_path / "home")
    fate.layout.create()
    (fate.layout.data / "table").write_text("x")
    foreign = fate.home / "notes.txt"
    foreign.write_text("mine")
    fate.reset()
    assert list(fate.home.iterdir()) == [foreign]
    foreign.unlink()
    fate.reset()
    assert not fate.home.exists()

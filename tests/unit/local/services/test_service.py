"""Real processes, as there is nothing in between that could be left out."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import urllib.request
from pathlib import Path

import pytest

from airflow_provider_fate.local import StartError, ports, processes
from airflow_provider_fate.local.services import LocalService, all_services
from airflow_provider_fate.local.services.state import ServiceState

from .conftest import until

TOKEN = "a-secret-token-42"


def asked(state: ServiceState, path: str = "/") -> dict:
    with urllib.request.urlopen(state.url + path, timeout=30) as reply:
        return json.load(reply)


def sleepers(seconds: int) -> list[str]:
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(f"/proc/{entry}/cmdline").read_bytes() == f"sleep\0{seconds}\0".encode():
                found.append(entry)
        except OSError:
            continue
    return found


def test_it_answers_after_the_start_on_loopback_with_what_it_was_given(service, spec, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BANK", "postgres://user:password@host")
    given = spec("{port.grpc}", env={"AT": "{host}:{port}"}, secret_env={"TOKEN": TOKEN}, more_ports=["grpc"])
    state = service.start(given)
    said = asked(state)
    assert said["argv"] == ["127.0.0.1", str(state.port), str(state.ports["grpc"])]
    assert said["env"]["AT"] == f"127.0.0.1:{state.port}"
    assert said["env"]["TOKEN"] == TOKEN
    assert "AIRFLOW_CONN_BANK" not in said["env"]
    assert said["cwd"] == str(service.folder / "work")


def test_a_start_adopts_what_runs_like_that_and_replaces_what_does_not(service, spec):
    first = asked(service.start(spec()))["pid"]
    assert asked(LocalService("one").start(spec()))["pid"] == first
    state = service.start(spec("other"))
    assert asked(state)["argv"][-1] == "other"
    assert processes.Identity.of(first) is None


def test_it_keeps_its_port_and_its_files_between_starts(service, spec):
    port = service.start(spec(files={"token": TOKEN})).port
    assert service.stop()
    assert service.file("token") == TOKEN
    assert service.start(spec()).port == port


def test_two_starts_at_once_make_one(service, spec):
    pids: list[int] = []

    def start() -> None:
        pids.append(asked(LocalService("one").start(spec()))["pid"])

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 3
    assert len(set(pids)) == 1


def test_it_outlives_who_started_it(service, spec, home, tmp_path):
    code = f"""
        import os, signal
        from airflow_provider_fate.local.services import LocalService, ServiceSpec
        LocalService("one").start(ServiceSpec({list(spec().command)!r}))
        os.killpg(0, signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], start_new_session=True, check=False)
    assert done.returncode == -signal.SIGKILL
    state = service.status()
    assert state is not None
    assert asked(state)["pid"]


def test_it_is_started_again_when_it_dies(service, spec):
    state = service.start(spec())
    first = asked(state)["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: (now := service.status()) and now.phase == "running" and now.restarts == 1)
    again = asked(service.status())
    assert again["pid"] != first
    assert service.status().port == state.port


def test_stopping_leaves_no_process_of_it(service, spec):
    service.start(spec("child", "naked"))
    assert len(sleepers(600)) == len(sleepers(601)) == 1
    assert service.stop()
    assert not sleepers(600) + sleepers(601)
    assert processes.of_instance(service.folder) == []
    assert service.status() is None
    assert not service.stop()


def test_what_a_killed_watcher_leaves_is_ended(service, spec):
    state = service.start(spec())
    pid = asked(state)["pid"]
    os.kill(state.watcher.pid, signal.SIGKILL)
    until(lambda: service.status() is None)
    assert Path(f"/proc/{pid}").exists(), "the server goes on"
    assert asked(service.start(spec()))["pid"] != pid
    assert processes.Identity.of(pid) is None


def test_one_that_does_not_come_up_is_an_error_with_its_last_words_and_no_secrets(service, spec):
    service.folder.joinpath("work").mkdir(parents=True)
    service.folder.joinpath("work/refuse").touch()
    with pytest.raises(StartError, match=r"does not come up") as caught:
        service.start(spec(secret_env={"TOKEN": TOKEN}))
    assert "refused with ***" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert processes.of_instance(service.folder) == []


def test_a_program_that_is_not_there_is_said(service, spec):
    given = spec()
    with pytest.raises(StartError, match=r"it cannot be started.*no-such-program"):
        service.start(type(given)(command=["/no-such-program"]))


def test_one_that_never_answers_is_given_up_and_ended(service, spec):
    given = spec()
    with pytest.raises(StartError, match="did not answer within 1 s"):
        service.start(type(given)(command=["sleep", "602"]), timeout=1)
    assert not sleepers(602)


def test_secrets_are_for_the_users_eyes_only(service, spec):
    state = service.start(spec(secret_env={"TOKEN": TOKEN}, files={"key": "another-secret"}))
    assert stat.S_IMODE(service.folder.stat().st_mode) == 0o700
    holding = {
        path.relative_to(service.folder).as_posix()
        for path in service.folder.rglob("*")
        if path.is_file() and any(secret in path.read_text() for secret in (TOKEN, "another-secret"))
    }
    assert holding == {"plan.json", "files/key"}
    assert {stat.S_IMODE((service.folder / name).stat().st_mode) for name in holding} == {0o600}
    for pid in (state.watcher.pid, state.server):
        assert TOKEN not in Path(f"/proc/{pid}/cmdline").read_text()


def test_its_log_is_kept_short(service, spec):
    state = service.start(spec(log_limit=20_000))
    for _ in range(12):
        asked(state, "/chatter")
    older = service.log.with_name("log.txt.1")
    until(older.exists)
    until(lambda: service.log.stat().st_size < 20_000)
    before = service.log.stat().st_size
    asked(state, "/chatter")
    assert service.log.stat().st_size == before + 5001, "it goes on at the end, with no hole before it"


def test_a_port_that_is_claimed_is_nobody_elses(service, spec):
    state = service.start(spec())
    os.kill(asked(state)["pid"], signal.SIGSTOP)
    assert not ports.is_free(state.port)
    assert ports.distinct([state.port])[0] != state.port
    other = LocalService("two")
    with pytest.raises(StartError, match=f"port={state.port} is in use"):
        other.start(spec(port=state.port))
    service.stop()
    assert other.start(spec(port=state.port)).port == state.port
    other.remove()


def test_it_ends_with_its_owner(service, spec):
    owner = subprocess.Popen(["sleep", "603"])
    state = service.start(spec(), owner=owner.pid)
    server = asked(state)["pid"]
    owner.kill()
    owner.wait()
    until(lambda: service.status() is None and processes.Identity.of(server) is None)


def test_removing_leaves_nothing_and_all_are_listed(service, spec, home):
    service.start(spec())
    LocalService("two").start(spec())
    assert [known.name for known in all_services()] == ["one", "two"]
    assert LocalService("two").remove()
    assert [known.name for known in all_services()] == ["one"]
    assert not (home / "two").exists()
    assert not LocalService("two").remove()


def test_one_that_is_ready_when_its_port_is_open(service, spec):
    assert service.start(spec(health=None)).answers

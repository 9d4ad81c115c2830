"""A real FATE on this machine: what the user relies on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_fate.local import Installation, LocalFate, StartError, health
from airflow_provider_fate.local.processes import Identity, of_instance
from airflow_provider_fate.local.progress import PlainLines
from tests.support.fate import RunningFate
from tests.support.fate_jobs import Flow, psi_sbt_eval, write_data

pytestmark = pytest.mark.fate


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def listening(pids: list[int]) -> set[str]:
    """Hexadecimal addresses on which these processes listen, from the kernel."""
    inodes = set()
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(fd)
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].partition(":")[0])
    return found


@pytest.fixture
def own_fate(tmp_path: Path) -> LocalFate:
    """A server-only instance of the test's own, stopped at the end."""
    fate = LocalFate(tmp_path / "f", "server")
    try:
        fate.start(PlainLines(sys.__stderr__), owner=os.getpid())
        yield fate
    finally:
        fate.stop()


def test_it_answers_with_its_version(fate_server_only: RunningFate) -> None:
    assert health.version(fate_server_only.local.address) == "2.2.0"
    state = fate_server_only.local.status()
    assert state is not None
    assert (state.phase, state.version, state.http_port) == ("running", "2.2.0", fate_server_only.port)


def test_nothing_listens_outside_loopback(fate_server_only: RunningFate) -> None:
    addresses = listening(of_instance(fate_server_only.home))
    # 127.0.0.1, also as gRPC writes it: mapped into IPv6.
    assert addresses == {"0100007F", "0000000000000000FFFF00000100007F"}


def test_starting_it_twice_gives_the_same_address(fate_server_only: RunningFate) -> None:
    before = fate_server_only.local.status()
    assert str(LocalFate(fate_server_only.home).start()) == fate_server_only.url
    assert fate_server_only.local.status() == before


def test_two_instances_run_from_one_installation(fate_server_only: RunningFate, own_fate: LocalFate) -> None:
    assert own_fate.address.port != fate_server_only.port
    assert health.version(own_fate.address) == health.version(fate_server_only.local.address) == "2.2.0"


def test_an_upload_runs_and_nothing_is_written_into_the_installation(own_fate: LocalFate, tmp_path: Path) -> None:
    guest, _ = write_data(tmp_path / "data", rows=50)
    package = own_fate.installation.site_packages / "fate_flow"
    before = {p for p in package.rglob("*") if "__pycache__" not in p.parts}
    flow = Flow(str(own_fate.address))
    job = flow.raw_upload(guest)
    assert flow.wait(job, 120) == "success", flow.tasks(job)
    assert {p for p in package.rglob("*") if "__pycache__" not in p.parts} == before
    assert any(own_fate.layout.data.rglob("*"))


def test_stop_leaves_no_process_and_no_state(own_fate: LocalFate, tmp_path: Path) -> None:
    guest, _ = write_data(tmp_path / "data", rows=50)
    flow = Flow(str(own_fate.address))
    job = flow.raw_upload(guest)
    assert wait_until(lambda: any(t["status"] == "running" for t in flow.tasks(job)))
    assert len(of_instance(own_fate.home)) >= 2
    assert own_fate.stop() is True
    assert of_instance(own_fate.home) == []
    assert own_fate.status() is None
    assert own_fate.stop() is False


def test_a_server_that_is_killed_comes_back_on_the_same_port(own_fate: LocalFate) -> None:
    before = own_fate.status()
    assert before is not None
    assert before.server is not None
    os.kill(before.server, signal.SIGKILL)

    def back() -> bool:
        state = own_fate.status()
        return state is not None and state.restarts == 1 and state.phase == "running"

    assert wait_until(back)
    assert health.version(before.address) == "2.2.0"


def test_a_task_outlives_the_server_that_was_killed(own_fate: LocalFate, tmp_path: Path) -> None:
    guest, _ = write_data(tmp_path / "data", rows=200_000)
    flow = Flow(str(own_fate.address))
    job = flow.raw_upload(guest)

    def workers() -> list[int]:
        return [t["run_pid"] for t in flow.tasks(job) if t["status"] == "running" and t["run_pid"]]

    assert wait_until(lambda: bool(workers()))
    pids = workers()
    state = own_fate.status()
    assert state is not None
    assert state.server is not None
    os.kill(state.server, signal.SIGKILL)
    assert wait_until(lambda: health.version(own_fate.address) is not None)
    # It was adopted: once it has ended no zombie is left, which FATE-Flow would take for a running task.
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 120)


def test_the_end_of_a_killed_supervisor_is_noticed_and_cleaned_up(own_fate: LocalFate) -> None:
    state = own_fate.status()
    assert state is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    assert wait_until(lambda: own_fate.status() is None)
    address = own_fate.start(owner=os.getpid())
    now = own_fate.status()
    assert now is not None
    assert now.server != state.server
    assert state.server is not None
    assert Identity.of(state.server) is None
    assert health.version(address) == "2.2.0"


def test_an_instance_ends_with_its_owner(tmp_path: Path) -> None:
    code = (
        "import sys, os; from airflow_provider_fate.local import LocalFate;"
        "LocalFate(sys.argv[1], 'server').start(owner=os.getpid()); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "f")], check=False)
    assert wait_until(lambda: of_instance(tmp_path / "f") == [])


def test_a_port_that_is_taken_is_an_error_before_anything_starts(fate_server_only: RunningFate, tmp_path: Path) -> None:
    from airflow_provider_fate.local import Settings

    fate = LocalFate(tmp_path / "f", settings=Settings(variant="server", http_port=fate_server_only.port))
    with pytest.raises(StartError, match=f"http_port={fate_server_only.port} is in use"):
        fate.start()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    fate = LocalFate(tmp_path / "f", "server")
    fate.layout.create()
    fate.layout.database.write_text("this is not a database, and long enough to be looked at as one" * 99)
    with pytest.raises(StartError, match=r"(?s)did not come up.*file is not a database"):
        fate.start()
    assert of_instance(fate.home) == []


def test_the_command_line_does_it_all(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "airflow_provider_fate.local", *words, "--home", str(tmp_path / "f")]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    try:
        started = run("start", "--variant", "server")
        assert started.returncode == 0, started.stderr
        status = json.loads(run("status", "--json").stdout)
        assert status["running"]
        assert status["url"] in started.stdout
        assert run("start").stdout.startswith(f"FATE is running already at {status['url']}")
        connection = json.loads(run("connection", "--format", "json").stdout)
        assert connection["port"] == status["http_port"]
        assert "answering" in run("logs").stdout
    finally:
        assert run("stop").returncode == 0
    assert run("reset", "--yes").returncode == 0
    assert not (tmp_path / "f").exists()


@pytest.fixture
def spare(fate_server_only: RunningFate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A copy of the server's installation, to be damaged."""
    good = fate_server_only.local.installation
    monkeypatch.setenv("FATE_LOCAL_CACHE", str(tmp_path))
    copy = tmp_path / good.root.name
    subprocess.run(["cp", "-r", str(good.root), str(copy)], check=True)
    installation = Installation.locate("server")
    assert installation.root == copy
    assert installation.problem(thorough=True) is None
    return installation


@pytest.mark.slow
def test_a_broken_installation_is_noticed_and_made_again(spare: Installation) -> None:
    shutil.rmtree(spare.site_packages / "flask")
    assert "missing: flask" in str(spare.problem())
    said: list[str] = []
    repaired = spare.ensure(said.append)
    assert repaired.problem(thorough=True) is None
    assert any("has to be made again" in line for line in said)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda i: (i.root / "installation.json").unlink(), "was not finished"),
        (lambda i: (i.site_packages / "fate_local.pth").unlink(), "start-up file"),
        (lambda i: next(i.site_packages.glob("lmdb-*/RECORD")).unlink(), "were changed"),
        (lambda i: (i.site_packages / "fate_flow/settings.py").write_text("x = 1"), "fate_flow/settings.py"),
        (lambda i: i.interpreter.unlink(), "its Python is gone"),
    ],
)
def test_each_kind_of_damage_is_noticed(
    spare: Installation, damage: Callable[[Installation], object], said: str
) -> None:
    damage(spare)
    assert said in str(spare.problem(thorough=True))


@pytest.mark.slow
def test_a_federated_job_runs_in_forks_and_kills_reach_them(fate_full: RunningFate, tmp_path: Path) -> None:
    guest, host = write_data(tmp_path / "data", rows=120)
    flow = Flow(fate_full.url)
    for job in [flow.upload(guest, "g", label="y"), flow.upload(host, "h")]:
        assert flow.wait(job) == "success", flow.tasks(job)
    job = flow.submit(psi_sbt_eval("g", "h", trees=1))
    assert flow.wait(job) == "success", flow.tasks(job)
    assert flow.rows(job, "psi_0")["output_data"][0]["total"] == 120
    assert 0.5 < flow.metrics(job, "evaluation_0")[0]["data"]["sbt_0"]["train_set"][0]["val"] <= 1
    assert "ready after" in fate_full.local.layout.zygote_log.read_text()

    idle = len(of_instance(fate_full.home))
    job = flow.submit(psi_sbt_eval("g", "h", trees=50))
    assert wait_until(lambda: any(t["task_name"] == "sbt_0" and t["status"] == "running" for t in flow.tasks(job)), 300)
    flow.call("POST", "/job/stop", body={"job_id": job})
    assert flow.wait(job, 60) == "canceled"
    assert wait_until(lambda: len(of_instance(fate_full.home)) <= idle)

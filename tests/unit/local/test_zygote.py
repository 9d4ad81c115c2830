"""The zygote and its launchers, in a small environment with a stand-in for FATE-Flow's worker scripts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import airflow_provider_fate.local
from airflow_provider_fate.local.processes import Identity, of_instance

PAYLOAD = Path(airflow_provider_fate.local.__file__).parent / "payload"

#: Does what it is told in its last argument, after telling all that a process can know of itself.
WORKER = """
import json, os, signal, subprocess, sys, time
def me():
    return {"argv": sys.argv, "path0": sys.path[0], "cwd": os.getcwd(), "pid": os.getpid(), "main": __name__,
            "env": {k: v for k, v in os.environ.items() if k.startswith(("MY_", "PROCESS_"))}, "umask": os.umask(0o22),
            "stdin": sys.stdin.read(), "file": __file__}
what = sys.argv[-1]
if what == "tell": print(json.dumps(me())); print("to stderr", file=sys.stderr)
elif what == "fail": raise ValueError("a worker's own error")
elif what == "exit7": sys.exit(7)
elif what == "words": sys.exit("some words")
elif what == "signal": os.kill(os.getpid(), signal.SIGSEGV)
elif what == "wait":
    child = subprocess.Popen(["sleep", "60"])
    print(os.getpid(), child.pid, flush=True); time.sleep(60)
elif what == "term":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(42)); print("ready", flush=True)
    while True: time.sleep(0.05)  # a handler waits for the end of a call that was about to begin
elif what == "pool":
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2) as pool: print(sum(pool.map(abs, range(-10, 0))))
elif what == "random":
    import random; print(random.random())
elif what == "atexit":
    import atexit; atexit.register(lambda: print("at exit"))
"""


class Site:
    """A virtual environment with the start-up file, and an instance's home with the payload."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "h"
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        self.python = venv / "bin/python"
        packages = venv / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
        self.script = packages / "fate_flow/manager/worker/fate_executor.py"
        self.script.parent.mkdir(parents=True)
        self.script.write_text(WORKER)
        shutil.copy(PAYLOAD / "fate_local.pth", packages)
        (self.home / "run").mkdir(parents=True)
        shutil.copytree(PAYLOAD, self.home / "payload")
        self.env = {"PATH": os.environ["PATH"], "FATE_LOCAL_INSTANCE": str(self.home), "FATE_LOCAL_SPEEDUPS": "1"}
        self.zygote: subprocess.Popen[str] | None = None

    def start_zygote(self) -> None:
        self.zygote = subprocess.Popen(
            [self.python, self.home / "payload/fate_local_zygote.py"], env=self.env, stdout=subprocess.PIPE, text=True
        )
        assert self.zygote.stdout
        for line in self.zygote.stdout:
            if line.startswith("ready"):
                return
        raise AssertionError("the zygote does not come up")

    def worker(self, what: str, **more: object) -> subprocess.Popen[str]:
        options: dict[str, object] = {
            "env": {**self.env, "PROCESS_ROLE": "worker", "MY_CONFIG": "x\ny=1"}, "cwd": self.home / "run",
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
        }  # fmt: skip
        extra = more.pop("env", {})
        assert isinstance(extra, dict)
        options["env"] = {**options["env"], **extra}  # type: ignore[dict-item]
        command = [str(self.python), str(self.script), "component", "execute", what]
        return subprocess.Popen(command, **{**options, **more})  # type: ignore[call-overload,no-any-return]

    def stop(self) -> None:
        if self.zygote:
            self.zygote.kill()
            self.zygote.wait()
            assert self.zygote.stdout
            self.zygote.stdout.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.start_zygote()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cold_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Speed-ups are on and the zygote is not there."""
    return Site(tmp_path_factory.mktemp("cold"))


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_fork_looks_like_a_fresh_process(site: Site, cold_site: Site) -> None:
    told = []
    for where in (site, cold_site):
        worker = where.worker("tell")
        out, err = worker.communicate(timeout=30)
        assert (worker.returncode, err) == (0, "to stderr\n")
        fact = json.loads(out)
        assert (fact.pop("pid") == worker.pid) is (where is cold_site)  # so it really was a fork
        told.append(json.loads(json.dumps(fact).replace(str(where.script.parents[7]), "")))
    assert told[0] == told[1]
    assert told[0]["env"] == {"PROCESS_ROLE": "worker", "MY_CONFIG": "x\ny=1"}


@pytest.mark.parametrize("what", ["fail", "exit7", "words", "signal", "atexit", "pool"])
def test_a_fork_ends_like_a_fresh_process(site: Site, cold_site: Site, what: str) -> None:
    ends = []
    for where in (site, cold_site):
        worker = where.worker(what)
        out, err = worker.communicate(timeout=30)
        ends.append((worker.returncode, out, err.splitlines()[-1:]))
    assert ends[0] == ends[1]


def test_the_process_that_stands_for_a_worker_has_the_commands_own_command_line(site: Site) -> None:
    worker = site.worker("wait")
    assert worker.stdout
    worker.stdout.readline()
    command = Path(f"/proc/{worker.pid}/cmdline").read_text().split("\0")[:-1]
    assert command == worker.args  # FATE-Flow compares it before it kills
    worker.kill()
    worker.communicate()


def test_killing_the_process_that_stands_for_a_worker_kills_the_worker_and_its_children(site: Site) -> None:
    worker = site.worker("wait")
    assert worker.stdout
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    assert all(Identity.of(pid) for pid in pids)
    worker.kill()
    worker.communicate()
    assert wait_until(lambda: not any(Identity.of(pid) for pid in pids))


def test_a_signal_reaches_the_worker_and_its_answer_comes_back(site: Site) -> None:
    worker = site.worker("term")
    assert worker.stdout
    worker.stdout.readline()
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=10)
    assert worker.returncode == 42


def test_a_worker_that_has_ended_is_not_heard_any_more() -> None:
    # Both are found in one look: that a worker has ended, and that the process that stands for it has said something.
    script = """
import os, socket, tempfile, fate_local_zygote as zygote
served = zygote.Zygote(tempfile.mkdtemp() + "/zygote.sock")
ours, launchers = socket.socketpair()
pid = os.fork() or os._exit(3)
worker = served.workers[pid] = zygote.Worker(ours, pid)
key = served.selector.register(ours, 1, worker)
launchers.send(bytes([15]))
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
served.reap()
served.hear(key.data)
print(int.from_bytes(launchers.recv(4), "big"))
"""
    command = [sys.executable, "-c", script]
    told = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(PAYLOAD)}, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("3\n", "")


def test_forks_draw_different_random_numbers(site: Site) -> None:
    assert len({site.worker("random").communicate(timeout=30)[0] for _ in range(3)}) == 3


@pytest.mark.parametrize("env", [{"OMP_NUM_THREADS": "7"}, {"PYTHONPATH": "/"}, {"PYTHONHASHSEED": "1"}])
def test_a_worker_that_needs_another_interpreter_gets_one(site: Site, env: dict[str, str]) -> None:
    worker = site.worker("tell", env=env)
    out, _ = worker.communicate(timeout=30)
    assert json.loads(out)["pid"] == worker.pid


def test_a_pipe_that_a_worker_closes_ends_for_its_reader(site: Site) -> None:
    # FATE-Flow reads a worker's standard error to its end before it looks at the exit status.
    worker = site.worker("exit7")
    assert worker.stderr
    assert worker.stderr.read() == ""
    worker.communicate(timeout=10)


def test_workers_start_the_ordinary_way_when_the_zygote_died(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.start_zygote()
    running = site.worker("wait")
    assert running.stdout
    running.stdout.readline()
    site.stop()
    running.communicate(timeout=10)
    assert running.returncode == -signal.SIGKILL  # a fork does not outlive it
    worker = site.worker("exit7")
    worker.communicate(timeout=30)
    assert worker.returncode == 7
    assert wait_until(lambda: of_instance(site.home) == [])


def test_other_programs_of_the_environment_are_left_alone(site: Site) -> None:
    code = "import os; print(os.getpid())"
    env = {**site.env, "PROCESS_ROLE": "worker"}
    program = subprocess.Popen([site.python, "-c", code, "component"], env=env, stdout=subprocess.PIPE, text=True)
    assert int(program.communicate(timeout=30)[0]) == program.pid


def test_without_an_instance_the_start_up_file_does_nothing(site: Site) -> None:
    code = "import sys; print([m for m in sys.modules if m.startswith('fate_local')])"
    out = subprocess.run([site.python, "-c", code], env={}, capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"

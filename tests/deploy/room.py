"""A network of its own for some processes: names of services, fixed ports, and nobody else who could reach them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from dev.guard import Guard
from dev.localairflow.processes import Process, Roster

# What `ip link set lo up` does, where there is no `ip`.
LOOPBACK_UP = """
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 1, b""))
"""


class Room:
    """Linux namespaces for network, mounts and the host's name. All names lead to the loopback interface in it.

    Each name has an address of its own, by which its host finds out what it is called.

    :param home: for hosts file and logs.
    :param names: hosts that can be found in it.
    """

    def __init__(self, home: Path, names: Iterable[str]) -> None:
        self.home = home
        self._hosts = home / "hosts"
        lines = [f"127.0.1.{number} {name}\n" for number, name in enumerate(names, 1)]
        self._hosts.write_text("127.0.0.1 localhost\n" + "".join(lines))
        self.roster = Roster(home / "processes.json")
        self._holder: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    def __enter__(self) -> Room:
        self._guard = Guard(self.roster.file)
        hold = (
            f"mount --bind {shlex.quote(str(self._hosts))} /etc/hosts && {shlex.quote(sys.executable)} -c "
            f"{shlex.quote(LOOPBACK_UP)} && echo ready && exec cat"
        )
        # Root of this machine needs no user namespace; another user is root in one.
        own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", *own, "--net", "--mount", "--uts", "sh", "-c", hold],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "no namespaces are to be had on this machine"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.roster.stop()
        if self._holder is not None:
            self._holder.communicate()  # closes what `cat` reads
        if self._guard is not None:
            self._guard.dismiss()

    def inside(self, command: Sequence[str], host: str, cwd: Path) -> list[str]:
        """What runs a command in here, on a host of this name."""
        assert self._holder is not None
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        enter = ["nsenter", f"--target={self._holder.pid}", *user, "--net", "--mount", f"--wd={cwd}"]
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host]
        return [*enter, *named, *command]

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Process:
        """Start a process that goes on, on a host of its name."""
        process = Process.start(name, self.inside(command, name, cwd), env, self.log(name), cwd)
        self.roster.add(process)
        return process

    def complete(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> int:
        """Run a process to its end on a host of its name, and return its exit status."""
        with self.log(name).open("ab") as out:
            return subprocess.run(
                self.inside(command, name, cwd), env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, check=False, timeout=1200,
            ).returncode  # fmt: skip

    def run(
        self, command: Sequence[str], env: Mapping[str, str], cwd: Path, *, host: str = "visitor", timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.inside(command, host, cwd), env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self.home / f"{name}.log"

    def tail(self, name: str, lines: int = 30) -> str:
        """The end of it."""
        log = self.log(name)
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"

    def wait(self, what: str, process: Process, check: Sequence[str], env: Mapping[str, str], patience: float) -> None:
        """Wait until a check succeeds.

        :raises AssertionError: the process ended, or it does not succeed within `patience` seconds.
        """
        end = time.monotonic() + patience
        while (done := self.run(check, env, self.home, host=what, timeout=120)).returncode:
            said = f"{done.stdout}{done.stderr}\n{self.tail(what)}"
            assert process.get() is not None, f"{what} has ended:\n{self.tail(what)}"
            assert time.monotonic() < end, f"{what} is not healthy: {shlex.join(check)}\n{said}"
            time.sleep(0.5)

"""The first moments of a worker's Python: let the zygote run the worker in a fork that has everything imported.

FATE-Flow starts five Pythons per task and party, and each imports torch, pandas and so on for seconds. This module runs
in those very processes, before any import of theirs. It hands command line, environment, working folder and standard
streams to the zygote (``fate_local_zygote.py``) and then only stands for the worker: it lives exactly as long, passes
signals on, ends with the worker's exit status, and when it is killed the worker is killed. So FATE-Flow's own process
is as real as without: same command line, same parent, same pid as recorded. Whatever is not as expected ends in an
ordinary start of this process.

Only C modules that are there anyway are imported: this runs for every worker, and costs it milliseconds.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import os
import sys

TYPE_CHECKING = False  # as typing has it, without importing typing
if TYPE_CHECKING:
    from typing import NoReturn


#: Changes with every change of what the two sides say to each other.
PROTOCOL = 1
#: A zygote that has just been started may need this long to be ready; importing here instead would take as long.
READY_TIMEOUT = 60.0
SCRIPTS = ("fate_flow_executor.py", "fate_executor.py")
#: Seconds of one wait for a worker's end. With a timeout, however long, the connection does not block, as
#: ``set_wakeup_fd`` requires.
_LONG = 86_400.0
_FORWARDED = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)


def main(home: str) -> None:
    """Run this worker in the zygote and exit, or return for an ordinary start."""
    command = worker_command()
    if command is None:
        return
    definition = None
    if os.environ.get("FATE_LOCAL_DEFINITIONS"):
        import fate_local_definitions  # type: ignore[import-not-found]

        definition = fate_local_definitions.Definition.asked_for(command)
        if definition is not None and definition.copy():
            _leave(0)
    status = None
    if os.environ.get("FATE_LOCAL_ZYGOTE") != "0":
        try:
            status = _run_in_zygote(home + "/run/zygote.sock", command)
        except (OSError, EOFError, ValueError):
            status = None  # before anything ran there: see _run_in_zygote
    if status is not None:
        if definition is not None and status == 0:
            definition.keep()
        _leave(status)
    if definition is not None:
        definition.keep_at_exit()
    elif command[3] == "execute":
        remember_frozen_runpy()


def worker_command() -> list[str] | None:
    """The command line, if this is a worker that a fork of the zygote can do; else None."""
    with open("/proc/self/cmdline", "rb") as handle:
        command = [os.fsdecode(part) for part in handle.read().split(b"\0")[:-1]]
    if len(command) < 4 or command[2] != "component":
        return None
    if os.path.basename(command[1]) not in SCRIPTS or os.path.dirname(command[1]) != worker_folder():
        return None
    # A provider with its own source tree brings other code than what the zygote has imported.
    if any(os.path.isdir(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry):
        return None
    return command


def remember_frozen_runpy() -> None:
    """Tell ``inspect`` what it finds out, and forgets, each time: that no module belongs to the file "<frozen runpy>".

    FATE's profiler takes the call stack for every operation on a table. For each frame of runpy in it, inspect goes
    through all imported modules to find the one with this file name, in vain. A name that is in its own cache, and is
    no module, gives the same answer at once. It was half of the CPU time of a small SecureBoost.
    """
    import inspect

    cache = getattr(inspect, "modulesbyfile", None)
    if isinstance(cache, dict):
        cache["<frozen runpy>"] = "<frozen runpy>"


def worker_folder() -> str:
    """Where this installation keeps the scripts that workers are started with."""
    return os.path.join(site_packages(), "fate_flow", "manager", "worker")


def site_packages() -> str:
    """Where the packages of this installation are."""
    version = sys.version_info
    return os.path.join(sys.prefix, "lib", f"python{version[0]}.{version[1]}", "site-packages")


def _run_in_zygote(path: str, command: list[str]) -> int | None:
    """Have the command run in a fork.

    :returns: its wait status' exit code (negative: the signal), or None when the zygote declines.
    :raises OSError: there is no zygote, or it was lost before it began. (Lost later: this process ends as killed.)
    """
    umask = os.umask(0)
    os.umask(umask)
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    sock.settimeout(READY_TIMEOUT)
    sock.connect(path)
    if _read(sock, 1) != bytes([PROTOCOL]):
        return None
    request = marshal.dumps((command, dict(os.environb), os.getcwdb(), umask))
    streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))
    sock.sendmsg([len(request).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    sock.sendall(request)
    received = _pass_signals_on(sock)
    try:
        taken = _read(sock, 1) == b"S"
        worker = int.from_bytes(_read(sock, 4), "big") if taken else 0
    except BaseException:
        _keep_signals(received)
        raise
    if not taken:
        _keep_signals(received)
        return None
    # The streams belong to the worker now. A reader of a pipe must see its end when the worker closes it.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    try:
        sock.settimeout(_LONG)
        return int.from_bytes(_read(sock, 4, for_ever=True), "big", signed=True)
    except (OSError, EOFError):
        # The zygote is gone, and its forks with it; what they have started (process pools) has to go, too.
        try:  # noqa: SIM105 - contextlib would have to be imported
            os.killpg(worker, _signal.SIGKILL)
        except ProcessLookupError:
            pass
        return -int(_signal.SIGKILL)


def _pass_signals_on(sock: _socket.socket) -> list[int]:
    """From now on write the number of each signal into the connection.

    C code does it at once, wherever this process is. A handler in Python would run after the next call returns: a
    signal that came just before the wait for the worker's end would be heard when the worker has ended.

    :returns: the list to which the signals are added that came.
    """
    received: list[int] = []
    for number in _FORWARDED:
        _signal.signal(number, lambda number, _frame: received.append(number))
    _signal.set_wakeup_fd(sock.fileno(), warn_on_full_buffer=False)
    return received


def _keep_signals(received: list[int]) -> None:
    """Stop passing signals on, and take those oneself that the zygote had no worker for."""
    _signal.set_wakeup_fd(-1)
    for number in _FORWARDED:
        _signal.signal(number, _signal.default_int_handler if number == _signal.SIGINT else _signal.SIG_DFL)
    for number in received:
        os.kill(os.getpid(), number)


def _read(sock: _socket.socket, count: int, *, for_ever: bool = False) -> bytes:
    data = b""
    while len(data) < count:
        try:
            part = sock.recv(count - len(data))
        except _socket.timeout:
            if for_ever:
                continue
            raise
        if not part:
            raise EOFError("the zygote closed the connection")
        data += part
    return data


def _leave(status: int) -> NoReturn:
    """End this process as the worker ended, by the same signal if it was one."""
    if status < 0:
        if -status not in (_signal.SIGKILL, _signal.SIGSTOP):
            _signal.signal(-status, _signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)

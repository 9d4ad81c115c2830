"""What a process needs that looks after others: it adopts orphans, sleeps until something happens, ends children."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import time
from types import FrameType

__all__ = ["BACK_OFF", "HEALTHY_AFTER", "TRIES_BEFORE_FIRST_ANSWER", "Bell", "become_subreaper", "how", "terminate"]

#: Seconds before the first, second, ... restart in a row.
BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: A server that has run for so many seconds has recovered: the next crash starts again at the shortest wait.
HEALTHY_AFTER = 60.0
#: Crashes in a row before the first answer after which the start is given up.
TRIES_BEFORE_FIRST_ANSWER = 2
_PR_SET_CHILD_SUBREAPER = 36


class Bell:
    """Wakes this process up when it is asked to stop, or a child ends; made in the main thread, once.

    :ivar stopping: whether SIGTERM or SIGINT has come.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda _n, _f: None)  # only to wake up

    def wait(self, seconds: float) -> None:
        """Sleep so long, or until a signal comes."""
        select.select([self._reader], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 512):
                pass


def become_subreaper() -> None:
    """Make orphans of this process's children its own children: they stay within reach."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def how(status: int) -> str:
    """Say how a child has ended, by the status that ``waitpid`` gives."""
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def terminate(pid: int, grace: float) -> None:
    """End a child: ask, wait up to ``grace`` seconds, kill."""
    try:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, ChildProcessError):
        return

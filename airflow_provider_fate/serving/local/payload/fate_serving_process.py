"""The model server as a child of the router: started while a service is to answer, and again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from pathlib import Path

log = logging.getLogger("fate.serving")

BACK_OFF = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the first, second, ... start in a row."""
HEALTHY_AFTER = 60.0
HOPELESS = 3
"""Ends in a row, soon after the start, after which nobody should wait for it any more."""
GRACE = 25.0
"""Seconds to finish what it is asked."""


class ModelServerProcess:
    """Runs the model server of a folder.

    :param home: the folder.
    :param socket: where it listens.
    """

    def __init__(self, home: Path, socket: str) -> None:
        program = Path(__file__).with_name("fate_serving_model_server.py")
        self._command = [sys.executable, str(program), "models", socket]
        self._home = home
        self._socket = Path(socket)
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = asyncio.Event()
        self.crashes = 0
        """Ends in a row that were not asked for."""
        self.last_end = ""

    @property
    def is_hopeless(self) -> bool:
        """Whether it does not come up."""
        return self.crashes >= HOPELESS

    def want(self, wanted: bool) -> None:
        """Say whether it is needed; what nobody needs takes no memory."""
        if wanted == self._wanted.is_set():
            return
        if wanted:
            self._wanted.set()
            return
        self._wanted.clear()
        if self._process is not None:
            log.info("nothing is served: the model server ends")
            self._signal(signal.SIGTERM)

    async def run(self) -> None:
        """Look after it for ever."""
        while True:
            await self._wanted.wait()
            self._socket.unlink(missing_ok=True)
            began = time.monotonic()
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=self._home, stdin=asyncio.subprocess.DEVNULL
            )
            log.info("model server started, pid %d", self._process.pid)
            code = await self._process.wait()
            self._process = None
            if not self._wanted.is_set():
                self.crashes = 0
                continue
            if time.monotonic() - began > HEALTHY_AFTER:
                self.crashes = 0
            pause = BACK_OFF[min(self.crashes, len(BACK_OFF) - 1)]
            self.crashes += 1
            self.last_end = f"killed by signal {-code}" if code < 0 else f"exit status {code}"
            log.error("the model server ended (%s); starting it again in %g s", self.last_end, pause)
            await asyncio.sleep(pause)

    def answered(self) -> None:
        """Note that it works: the next crash is a first one."""
        self.crashes = 0

    async def end(self) -> None:
        """End it, after what it is asked just now."""
        self._wanted.clear()
        if (process := self._process) is None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

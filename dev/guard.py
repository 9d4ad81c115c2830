"""Ends servers whose owner was killed before it could stop them: python -m dev.guard ROSTER.

The guard waits for the end of its standard input, which the owner holds open and the kernel closes whatever the owner
dies of. Nothing is imported before that: an idle guard takes a few megabytes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Guard:
    """Watches over the processes of a roster for as long as this process lives.

    :param roster: file of a `dev.localairflow.processes.Roster`; what stands in it at the end counts.
    """

    def __init__(self, roster: Path) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "dev.guard", str(roster)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at our terminal is for the owner
            cwd=ROOT,
        )

    def dismiss(self) -> None:
        """End the watch: the owner has stopped its processes, or wants to leave them running."""
        self._child.kill()
        self._child.communicate()


def main() -> None:
    """Wait for the end of the owner, then stop what it has left."""
    sys.stdin.buffer.read()
    from dev.localairflow.processes import Roster

    Roster(Path(sys.argv[1])).stop()


if __name__ == "__main__":
    main()

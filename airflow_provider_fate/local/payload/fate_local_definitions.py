"""What a component takes and gives (``component artifact-type``) is fixed by its code: ask each component once.

FATE-Flow asks for it in a process of its own before every task of every party. The answers are kept per installation.
"""

from __future__ import annotations

import os
import sys

import fate_local_launch as launch  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Definition:
    """One question, with the place of its answer.

    :param output: the file in which FATE-Flow expects the answer.
    :param kept: where the answer is kept.
    """

    def __init__(self, output: str, kept: str) -> None:
        self.output = output
        self.kept = kept

    @classmethod
    def asked_for(cls, command: list[str]) -> Definition | None:
        """The question of a worker's command line; None when it asks for something else."""
        if command[2:4] != ["component", "artifact-type"] or not command[1].endswith("/fate_executor.py"):
            return None
        rest = command[4:]
        options = dict(zip(rest[::2], rest[1::2]))  # noqa: B905 - Python 3.9
        if len(rest) != 8 or set(options) != {"--name", "--role", "--stage", "--output-path"}:
            return None
        names = [options["--name"], options["--role"], options["--stage"]]
        if not all(name and name.replace("_", "").isalnum() for name in names):
            return None
        # A package that is added to the installation may bring components, or change them.
        changed = os.stat(launch.site_packages()).st_mtime_ns
        folder = os.path.join(os.environ["FATE_LOCAL_DEFINITIONS"], str(changed))
        return cls(options["--output-path"], os.path.join(folder, "-".join(names) + ".yaml"))

    def copy(self) -> bool:
        """Answer from what is kept; False when there is nothing."""
        try:
            with open(self.kept, "rb") as handle:
                answer = handle.read()
            with open(self.output, "wb") as handle:
                handle.write(answer)
        except OSError:
            return False
        return True

    def keep(self) -> None:
        """Keep the answer that was just given."""
        try:
            with open(self.output, "rb") as handle:
                answer = handle.read()
            if not answer:
                return
            os.makedirs(os.path.dirname(self.kept), exist_ok=True)
            temporary = f"{self.kept}.{os.getpid()}"
            with open(temporary, "wb") as handle:
                handle.write(answer)
            os.replace(temporary, self.kept)
        except OSError:
            return

    def keep_at_exit(self) -> None:
        """For a worker that runs in this process: keep its answer when it ends without an exception."""
        import atexit

        failed: list[bool] = []
        before = sys.excepthook

        def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            failed.append(True)
            before(kind, error, trace)

        sys.excepthook = hook
        atexit.register(lambda: None if failed else self.keep())

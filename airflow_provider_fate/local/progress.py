"""Telling a person how far a long set-up has come: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: Called with one line of text for every step and, now and then, while a step goes on.
Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Report nothing."""


class PlainLines:
    """One plain line per message, with the seconds since the start; repeated messages are dropped."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._begun = time.monotonic()
        self._last = ""

    def __call__(self, message: str) -> None:
        """Print the message unless it is the one before."""
        if message != self._last:
            self._last = message
            print(f"[{time.monotonic() - self._begun:5.0f} s] {message}", file=self._stream, flush=True)


@contextmanager
def console(quiet: bool = False, stream: TextIO | None = None) -> Iterator[Progress]:
    """Give the progress reporter that suits the terminal (or its absence).

    :param quiet: report nothing.
    :param stream: where to; standard error by default, so that answers on standard output stay clean.
    """
    stream = stream or sys.stderr
    if quiet:
        yield silent
        return
    if not stream.isatty():
        yield PlainLines(stream)
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress
    except ImportError:  # rich is a nicety, not a need
        yield PlainLines(stream)
        return
    bar = RichProgress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)

        def report(message: str) -> None:
            # The last lines stay on the screen; only the newest one moves.
            bar.update(task, description=message)

        yield report

"""Steps that a person watches: a bar per step on a terminal, plain lines with the time elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Step:
    """One step, while it runs."""

    def __init__(self, console: Steps, name: str, bar: TaskID | None) -> None:
        self._console = console
        self._name = name
        self._bar = bar
        self._last = ""
        self.began = time.monotonic()

    def say(self, line: str) -> None:
        """Tell what happens now; the same line twice is shown once."""
        if line == self._last:
            return
        self._last = line
        if self._bar is None:
            self._console.line(f"{self._name}: {line}")
        else:
            self._console.bars.update(self._bar, now=line)

    def advance(self, share: float) -> None:
        """Tell how much of it is done, from 0 to 1."""
        if self._bar is not None:
            self._console.bars.update(self._bar, total=1.0, completed=share)


class Steps:
    """Prints steps to standard error, so that a result on standard output can be piped."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._began = time.monotonic()
        self.took: dict[str, float] = {}
        self.bars = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("[bold]{task.description:<10}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
            console=self._console,
        )

    @contextmanager
    def watch(self) -> Iterator[Steps]:
        """Show the bars while the block runs."""
        if not self._console.is_terminal:
            yield self
            return
        with self.bars:
            yield self

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show one step while the block runs."""
        bar = self.bars.add_task(name, total=None, now="") if self._console.is_terminal else None
        step = Step(self, name, bar)
        yield step
        self.took[name] = time.monotonic() - step.began
        if bar is None:
            self.line(f"{name}: done in {self.took[name]:.0f} s")
        else:
            self.bars.update(bar, total=1.0, completed=1.0)

    def line(self, text: str) -> None:
        """Print a line with the seconds since the beginning."""
        print(f"[{time.monotonic() - self._began:5.0f} s] {text}", file=sys.stderr, flush=True)

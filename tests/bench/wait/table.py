"""The tables of figures and ratios."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.bench.wait.figures import Figures, percentile

Column = tuple[str, Callable[[Figures], str]]


def _seconds(values: Sequence[float], share: float) -> str:
    found = percentile(values, share)
    return "-" if found is None else f"{found:.2f}"


COLUMNS: Sequence[Column] = (
    ("jobs", lambda f: f"{f.jobs}"),
    ("trigger", lambda f: f.mode),
    ("requests/min", lambda f: f"{f.per_minute:.0f}"),
    ("per interval", lambda f: f"{f.per_interval:.1f}"),
    ("CPU % supervisor", lambda f: f"{100 * f.cpu_supervisor:.1f}"),
    ("CPU % runner", lambda f: f"{100 * f.cpu_runner:.1f}"),
    ("MB", lambda f: f"{f.memory / 1e6:.0f}"),
    ("MB peak", lambda f: f"{f.peak / 1e6:.0f}"),
    ("kB/job", lambda f: f"{f.kb_per_job:.1f}"),
    ("event p50 s", lambda f: _seconds(f.fired, 0.5)),
    ("p99 s", lambda f: _seconds(f.fired, 0.99)),
    ("resumption p50 s", lambda f: _seconds(f.resumed, 0.5)),
    ("p99 s", lambda f: _seconds(f.resumed, 0.99)),
    ("lost", lambda f: f"{f.lost}"),
    ("blocked", lambda f: f"{f.blocked}"),
)


def show(figures: Sequence[Figures]) -> None:
    """Print what was measured, and what of it is against what."""
    _print([name for name, _ in COLUMNS], [[write(f) for _, write in COLUMNS] for f in figures])
    ratios = [row for jobs in dict.fromkeys(f.jobs for f in figures) for row in _ratios(figures, jobs)]
    if ratios:
        print()
        _print(["jobs", "FateJobTrigger against", "requests", "CPU", "CPU, % of a core more", "kB/job more"], ratios)


def _ratios(figures: Sequence[Figures], jobs: int) -> list[list[str]]:
    of_size = [f for f in figures if f.jobs == jobs]
    ours = next((f for f in of_size if f.mode == "FateJobTrigger"), None)
    if ours is None:
        return []
    return [
        [
            f"{jobs}",
            other.mode,
            f"{other.per_minute / ours.per_minute:.1f} x fewer" if other.asked and ours.per_minute else "-",
            f"{ours.cpu / other.cpu:.2f} x" if other.cpu else "-",
            f"{100 * (ours.cpu - other.cpu):+.1f}",
            f"{(ours.memory - other.memory) / 1000 / jobs:+.1f}",
        ]
        for other in of_size
        if other is not ours
    ]


def _print(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (head, *lines)) for i in range(len(head))]
    for row in (head, ["-" * width for width in widths], *lines):
        print("| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |")

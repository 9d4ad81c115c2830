"""The tables of figures and ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.bench.wait.figures import Figures, percentile

Column = tuple[str, Callable[[Figures], str]]


def _seconds(values: Sequence[float], share: float) -> str:
    found = percentile(values, share)
    return "-" if found is None else f"{found:.2f}"


COLUMNS: Sequence[Column] = (
    ("jobs", lambda f: f"{f.jobs}"),
    ("trigger", lambda f: f.mode),
    ("requests at start", lambda f: f"{f.at_start}"),
    ("requests/min", lambda f: f"{f.per_minute:.0f}"),
    ("per poll interval", lambda f: f"{f.per_interval:.1f}"),
    ("CPU % supervisor", lambda f: f"{100 * f.cpu_supervisor:.1f}"),
    ("CPU % runner", lambda f: f"{100 * f.cpu_runner:.1f}"),
    ("MB more", lambda f: f"{f.grown / 1e6:.1f}"),
    ("runner's", lambda f: f"{f.grown_runner / 1e6:.1f}"),
    ("at most", lambda f: f"{f.grown_most / 1e6:.1f}"),
    ("longest gap s", lambda f: "-" if f.gap is None else f"{f.gap:.2f}"),
    ("event p50 s", lambda f: _seconds(f.fired, 0.5)),
    ("p99 s", lambda f: _seconds(f.fired, 0.99)),
    ("resumption p50 s", lambda f: _seconds(f.resumed, 0.5)),
    ("p99 s", lambda f: _seconds(f.resumed, 0.99)),
    ("lost", lambda f: f"{f.lost}"),
    ("blocked", lambda f: f"{f.blocked}"),
)

RATIOS = (
    "jobs", "RemoteWorkTrigger against", "requests", "CPU", "CPU, % of a core more", "MB more", "kB per job more",
    "kB per further job", "its",
)  # fmt: skip


def show(figures: Sequence[Figures]) -> None:
    """Print what was measured, and what of it is against what."""
    _print([name for name, _ in COLUMNS], [[write(f) for _, write in COLUMNS] for f in figures])
    first = {f.mode: f for f in sorted(figures, key=lambda f: -f.jobs)}
    ratios = [row for jobs in dict.fromkeys(f.jobs for f in figures) for row in _ratios(figures, first, jobs)]
    if ratios:
        print()
        _print(RATIOS, ratios)


def _kb_per_job(figures: Figures, fewest: Figures) -> float | None:
    """Memory of one more job: imports and what else comes with the first are not counted."""
    more = figures.jobs - fewest.jobs
    return (figures.grown - fewest.grown) / 1000 / more if more else None


def _ratios(figures: Sequence[Figures], fewest: Mapping[str, Figures], jobs: int) -> list[list[str]]:
    of_size = [f for f in figures if f.jobs == jobs]
    ours = next((f for f in of_size if f.mode == "RemoteWorkTrigger"), None)
    if ours is None:
        return []
    return [
        [
            f"{jobs}",
            other.mode,
            f"{other.per_minute / ours.per_minute:.1f} x fewer" if other.asked and ours.per_minute else "-",
            f"{ours.cpu / other.cpu:.2f} x" if other.cpu else "-",
            f"{100 * (ours.cpu - other.cpu):+.1f}",
            f"{(ours.grown - other.grown) / 1e6:+.1f}",
            f"{(ours.grown - other.grown) / 1000 / jobs:+.1f}",
            _kb(_kb_per_job(ours, fewest[ours.mode])),
            _kb(_kb_per_job(other, fewest[other.mode])),
        ]
        for other in of_size
        if other is not ours
    ]


def _kb(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _print(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (head, *lines)) for i in range(len(head))]
    for row in (head, ["-" * width for width in widths], *lines):
        print("| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |")

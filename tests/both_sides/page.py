"""Bring every case about, and write what each side is told into docs/two-sites.md: python -m tests.both_sides.page.

With ``--head`` only the first part, which is written by hand, is put in its place.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.both_sides.cases import CASES
from tests.both_sides.play import play
from tests.support.pair import give_tables, running_pair

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "two-sites.md"
HEAD = Path(__file__).parent / "two-sites.md"
FIRST = f"### {next(iter(CASES.values())).title}"
LINES = 22
"""So many lines of a log are shown at most: its end says what has happened."""


def shown(log: str) -> str:
    """The end of a log, as a block."""
    lines = log.strip().splitlines()
    if len(lines) > LINES:
        lines = ["…", *lines[-LINES:]]
    return "```text\n" + "\n".join(lines) + "\n```"


def main() -> None:
    """Write the page."""
    if "--head" in sys.argv:
        _, heading, cases = PAGE.read_text().partition(FIRST)
        PAGE.write_text(f"{HEAD.read_text()}\n{heading}{cases}")
        return
    folder = Path(tempfile.mkdtemp())
    parts = [HEAD.read_text()]
    with running_pair(folder / "pair") as pair:
        give_tables(pair, folder)
        for name, case in CASES.items():
            print(f"… {name}", file=sys.stderr, flush=True)
            played = play(case, pair)
            pair.settle()
            ends = f"The job is {played.ends[0]} at the guest and {played.ends[1]} at the host."
            if "unknown" in played.ends:
                ends = ends.replace(" unknown", " not there")
            parts.append(f"### {case.title}\n\n{case.story} {ends}\n\n{shown(played.guest)}\n")
            if played.host:
                parts.append(f"The host:\n\n{shown(played.host)}\n")
    PAGE.write_text("\n".join(parts))
    print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()

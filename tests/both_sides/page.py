"""Bring every case about, and write what each side is told into docs/two-sites.md: python -m tests.both_sides.page.

With names of cases, only these are brought about anew; with ``--head`` none, and the first part, written by hand,
is put in its place.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.both_sides.cases import CASES, Case
from tests.both_sides.play import play
from tests.support.pair import Pair, give_tables, running_pair

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "two-sites.md"
HEAD = Path(__file__).parent / "two-sites.md"
LINES = 22
"""So many lines of a log are shown at most: its end says what has happened."""


def shown(log: str) -> str:
    """The end of a log, as a block."""
    lines = log.strip().splitlines()
    if len(lines) > LINES:
        lines = ["…", *lines[-LINES:]]
    return "```text\n" + "\n".join(lines) + "\n```"


def told(name: str, case: Case, pair: Pair) -> str:
    """Bring a case about, and write its section."""
    print(f"… {name}", file=sys.stderr, flush=True)
    played = play(case, pair)
    pair.settle()
    ends = f"The job is {played.ends[0]} at the guest and {played.ends[1]} at the host."
    if "unknown" in played.ends:
        ends = ends.replace(" unknown", " not there")
    section = f"### {case.title}\n\n{case.story} {ends}\n\n{shown(played.guest)}\n"
    return f"{section}\nThe host:\n\n{shown(played.host)}\n" if played.host else section


def sections(page: str) -> dict[str, str]:
    """What the page says of each case, by the case's name."""
    names = {case.title: name for name, case in CASES.items()}
    found = {}
    for part in page.split("\n### ")[1:]:
        if name := names.get(part.partition("\n")[0]):
            found[name] = f"### {part.rstrip()}\n"
    return found


def main() -> None:
    """Write the page."""
    if unknown := [name for name in sys.argv[1:] if name not in (*CASES, "--head")]:
        raise SystemExit(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    known = sections(PAGE.read_text())
    chosen = [] if "--head" in sys.argv else sys.argv[1:] or list(CASES)
    if chosen:
        folder = Path(tempfile.mkdtemp())
        with running_pair(folder / "pair") as pair:
            give_tables(pair, folder)
            known |= {name: told(name, CASES[name], pair) for name in chosen}
    PAGE.write_text("\n".join([HEAD.read_text(), *(known[name] for name in CASES if name in known)]))
    print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()

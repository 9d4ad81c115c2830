"""Run the tests that show what an issue promises, and print a line per claim: python -m dev.claims AREA.

The claims stand in `dev/claims.toml`. All tests run, whatever fails; each of them once, however many claims it shows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from dev.steps import ROOT

FILE = ROOT / "dev" / "claims.toml"


@dataclass(frozen=True)
class Claim:
    """Something that is promised.

    :param text: the promise.
    :param tests: files, or tests as ``file::test``, that show it.
    """

    text: str
    tests: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """Files that are not there."""
        return [test for test in self.tests if not (ROOT / test.partition("::")[0]).exists()]


@dataclass(frozen=True)
class Tally:
    """How the tests of a claim ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def read(file: Path = FILE) -> Mapping[str, Sequence[Claim]]:
    """All claims, by area."""
    given = tomllib.loads(file.read_text())
    return {area: [Claim(one["claim"], tuple(one["tests"])) for one in claims] for area, claims in given.items()}


def results(report: Path) -> dict[str, Tally]:
    """How each test ended, as ``tests/unit/test_x.py::test_y``, all cases of a test together."""
    found: dict[str, Tally] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        parts = case.get("classname", "").split(".")
        while parts and not (ROOT / "/".join(parts)).with_suffix(".py").is_file():
            parts.pop()  # a class in the file
        name = f"{'/'.join(parts)}.py::{case.get('name', '').partition('[')[0]}"
        bad = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        found[name] = found.get(name, Tally()) + Tally(int(not bad and not skipped), int(bad), int(skipped))
    return found


def tally(claim: Claim, found: Mapping[str, Tally]) -> Tally:
    """How the tests of a claim ended."""
    total = Tally()
    for name, one in found.items():
        if any(name == test or name.startswith(f"{test}::") for test in claim.tests):
            total += one
    return total


def line(claim: Claim, found: Mapping[str, Tally]) -> tuple[bool, str]:
    """Whether a claim holds, and the line about it."""
    ended = tally(claim, found)
    holds = not claim.missing and not ended.failed and ended.passed > 0
    words = f"{ended.passed} passed" + (f", {ended.failed} failed" if ended.failed else "")
    words += f", {ended.skipped} skipped" if ended.skipped else ""
    words += f", not there: {' '.join(claim.missing)}" if claim.missing else ""
    return holds, f"  {'ok    ' if holds else 'FAILED'} {claim.text} ({words})"


def main() -> int:
    """Run the command line."""
    areas = read()
    parser = argparse.ArgumentParser(prog="python -m dev.claims", description=__doc__)
    parser.add_argument("area", choices=sorted(areas), help="whose claims")
    area = parser.parse_args().area
    claims = areas[area]
    files = dict.fromkeys(test for claim in claims for test in claim.tests if test not in claim.missing)
    whole = [test for test in files if "::" not in test or test.partition("::")[0] not in files]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}", *whole]
        subprocess.run(command, cwd=ROOT, check=False)
        found = results(report) if report.exists() else {}
    lines = [line(claim, found) for claim in claims]
    print(f"\n━━ claims of {area}", *(text for _, text in lines), sep="\n")
    failed = sum(not holds for holds, _ in lines)
    print(f"\n{len(lines) - failed} hold, {failed} do not")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

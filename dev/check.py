"""Run the checks of `make test`, say what each of them is, and how long it took: python -m dev.check [GROUP...].

Two lanes of checks run side by side: one computes while the other waits for real servers. All checks run even if one
fails, so that one look shows everything that is wrong. What they print is kept in `.local/logs/check-*.log`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from dev.lanes import Lanes, Result
from dev.steps import COVERAGE, ROOT, Budget, Step, groups, steps


def cover(results: Sequence[Result], *, whole: bool) -> Result | None:
    """Show how much of the package ran; too little is a failure where all that is measured was asked for."""
    if not any(result.step.is_measured for result in results):
        return None
    print("\n━━ coverage", flush=True)
    began = time.monotonic()
    coverage = [sys.executable, "-m", "coverage"]
    env = os.environ | {"COVERAGE_FILE": str(COVERAGE / "all")}
    files = sorted(str(file) for file in COVERAGE.glob("data.*"))
    code = subprocess.run([*coverage, "combine", "--quiet", *files], cwd=ROOT, env=env, check=False).returncode
    minimum = () if whole else ("--fail-under=0",)
    if code == 0:
        code = subprocess.run([*coverage, "report", *minimum], cwd=ROOT, env=env, check=False).returncode
    step = Step("coverage", "coverage", "", "coverage of the package", ("coverage", "report"))
    return Result(step, code, time.monotonic() - began)


def summary(results: Sequence[Result], seconds: float, budget: Budget, *, whole: bool) -> list[str]:
    """Lines about what ran, how long it took, and how long it may take."""
    lines = ["", "━━ summary"]
    lines += [f"  {result.mark} {result.seconds:7.1f} s  {result.step.what}" for result in results]
    taken: dict[str, float] = {}
    for result in results:
        taken[result.step.group] = taken.get(result.step.group, 0.0) + result.seconds
    lines += ["", "  minutes  budget"]
    lines += [_took(name, spent, budget.groups[name]) for name, spent in taken.items()]
    if whole:
        lines.append(_took("all, side by side", seconds, budget.total))
    failed = sum(result.code != 0 for result in results)
    # In the plain form that any tool can read, whatever the checks themselves have printed.
    return [*lines, "", f"{len(results) - failed} passed, {failed} failed"]


def _took(name: str, seconds: float, budget: float) -> str:
    over = "  more than its budget" if seconds > budget * 60 else ""
    return f"  {seconds / 60:7.1f} {budget:7.0f}  {name}{over}"


def hear_signals() -> None:
    """End in order at SIGTERM, too, and hear SIGINT, which shells have ignored by what runs in the background."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def main() -> int:
    """Run the command line."""
    names = groups()
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these of: {', '.join(names)}")
    parser.add_argument("--all", action="store_true", help="the long runs, too: hours")
    args = parser.parse_args()
    wanted = set(args.groups or names)
    if unknown := wanted - set(names):
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    for name in ("PYTEST_ADDOPTS", "TEST_ALL"):
        os.environ.pop(name, None)
    shutil.rmtree(COVERAGE, ignore_errors=True)
    COVERAGE.mkdir(parents=True)
    budget = Budget.read()
    hear_signals()

    began = time.monotonic()
    chosen = [step for step in steps(everything=args.all) if step.group in wanted]
    results = Lanes().run(chosen)
    measured = {step.group for step in steps() if step.is_measured}
    if covered := cover(results, whole=measured <= wanted):
        results.append(covered)
    # The long runs have no budget of their own.
    whole = wanted == set(names) and not args.all
    print("\n".join(summary(results, time.monotonic() - began, budget, whole=whole)))
    return int(any(result.code != 0 for result in results))


if __name__ == "__main__":
    sys.exit(main())

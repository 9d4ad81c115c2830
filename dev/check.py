"""Run the checks of `make test`, say what each of them is, and how long it took: python -m dev.check [GROUP...].

All checks run even if one fails, so that one look shows everything that is wrong.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST = ("pytest", "--cov", "--cov-report=", "--cov-append", "--durations=5", "-q")
LOWEST = ROOT / ".local" / "venv-lowest" / "bin" / "python"
"""Has the oldest Airflow that is supported; `make env-lowest` makes it."""
# What depends on the release of Airflow: all that it calls, and all that calls it.
ON_LOWEST = tuple(f"tests/unit/{part}" for part in ("decorators", "hooks", "operators", "remote", "ui"))


@dataclass(frozen=True)
class Step:
    """One check: a Python module with arguments, in a group that can be asked for alone."""

    group: str
    what: str
    command: tuple[str, ...]
    python: Path = Path(sys.executable)


STEPS = (
    Step("lint", "ruff: rules", ("ruff", "check", ".")),
    Step("lint", "ruff: format", ("ruff", "format", "--check", ".")),
    Step("lint", "mypy: types of the package", ("mypy",)),
    Step("lint", "mypy: types of the tools", ("mypy", "dev")),
    Step("unit", "tests without servers", (*PYTEST, "-m", "not fate and not airflow and not chaos")),
    Step("lowest", "the same on the oldest Airflow, where it matters", ("pytest", "-q", *ON_LOWEST), LOWEST),
    Step("integration", "tests against a real FATE", (*PYTEST, "-m", "fate and not airflow and not chaos")),
    Step("e2e", "tests of DAGs in a real Airflow, against a real FATE", (*PYTEST, "-m", "airflow and not chaos")),
    Step("chaos", "faults between a real Airflow and FATE-Flow", (*PYTEST, "-m", "chaos")),
    Step(
        "lowest",
        "kills and clears on the oldest Airflow, against a real FATE",
        ("pytest", "-q", "tests/e2e/test_misfortunes.py"),
        LOWEST,
    ),
)
GROUPS = tuple(dict.fromkeys(step.group for step in STEPS))


def run(step: Step) -> tuple[int, float]:
    """Run one check in its own process and return its exit code and its duration."""
    began = time.monotonic()
    print(f"\n━━ {step.what}: {' '.join(step.command)}", flush=True)
    code = subprocess.run(
        [str(step.python), "-m", *step.command], cwd=ROOT, stdin=subprocess.DEVNULL, check=False
    ).returncode
    return code, time.monotonic() - began


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these of: {', '.join(GROUPS)}")
    wanted = parser.parse_args().groups or GROUPS
    if unknown := set(wanted) - set(GROUPS):
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    os.environ.pop("PYTEST_ADDOPTS", None)
    (ROOT / ".coverage").unlink(missing_ok=True)

    results = [(step, *run(step)) for step in STEPS if step.group in wanted]
    if any(step.command[0] == "pytest" for step, _, _ in results):
        print("\n━━ coverage", flush=True)
        subprocess.run([sys.executable, "-m", "coverage", "report"], cwd=ROOT, check=False)

    print("\n━━ summary")
    for step, code, seconds in results:
        print(f"  {'ok    ' if code == 0 else 'FAILED'} {seconds:7.1f} s  {step.what}")
    failed = sum(code != 0 for _, code, _ in results)
    # In the plain form that any tool can read, whatever the checks themselves have printed.
    print(f"\n{len(results) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

"""The checks of `make test`: which there are, in which lane each runs, and how long it may take."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".local" / "logs"
COVERAGE = ROOT / ".local" / "coverage"
LOWEST = ROOT / ".local" / "venv-lowest" / "bin" / "python"
"""Has the oldest Airflow that is supported; `make env-lowest` makes it."""

PYTEST = ("pytest", "-q", "--durations=5")
# The configured minimum is for all steps together.
MEASURED = (*PYTEST, "--cov", "--cov-report=", "--cov-fail-under=0")
# What depends on the release of Airflow: all that it calls, and all that calls it.
ON_LOWEST = tuple(f"tests/unit/{part}" for part in ("decorators", "hooks", "operators", "remote", "ui"))
# The pages are not built with it, and it knows no policies of retries.
ALL_ON_LOWEST = (
    *("tests", "-m", "not fate and not airflow and not chaos and not kubernetes"),
    *("--ignore", "tests/unit/test_docs.py", "--ignore", "tests/unit/test_retry_policy.py"),
)
MISFORTUNES = "tests/e2e/test_misfortunes.py"


@dataclass(frozen=True)
class Step:
    """One check: a Python module with arguments, in a group that can be asked for alone.

    :param name: of its log.
    :param lane: steps of one lane run one after the other, and beside those of the other lane.
    :param env: more environment.
    """

    group: str
    name: str
    lane: str
    what: str
    command: tuple[str, ...]
    python: Path = Path(sys.executable)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where its output goes while another step runs beside it."""
        return LOGS / f"check-{self.name}.log"

    @property
    def is_measured(self) -> bool:
        """Whether it finds out which lines of the package ran."""
        return "--cov" in self.command

    @property
    def environment(self) -> dict[str, str]:
        """What is added to the environment."""
        # Two steps that run side by side would write into one file.
        return {"COVERAGE_FILE": str(COVERAGE / f"data.{self.name}")} | dict(self.env)


COMPUTES, WAITS = "computes", "waits"
"""The lanes. In the second one real servers are waited for, for most of the time. Both end at about the same time."""


def steps(*, everything: bool = False) -> tuple[Step, ...]:
    """All checks, in the order in which each lane takes them.

    :param everything: the long runs, too: `make test-all`.
    """
    more = {"TEST_ALL": "1"} if everything else {}

    def marked(marks: str) -> tuple[str, str]:
        return "-m", marks if everything else f"{marks} and not thorough"

    on_lowest = ALL_ON_LOWEST if everything else ON_LOWEST
    lowest_e2e = ("tests/e2e",) if everything else (MISFORTUNES,)

    def step(group: str, name: str, lane: str, what: str, *command: str, python: Path = Path(sys.executable)) -> Step:
        return Step(group, name, lane, what, command, python, more)

    return (
        step("lint", "ruff", COMPUTES, "ruff: rules", "ruff", "check", "."),
        step("lint", "format", COMPUTES, "ruff: format", "ruff", "format", "--check", "."),
        step("lint", "mypy", COMPUTES, "mypy: types of the package", "mypy"),
        step("lint", "mypy-dev", COMPUTES, "mypy: types of the tools", "mypy", "dev"),
        step(
            *("unit", "unit", COMPUTES, "tests without a FATE or an Airflow that runs", *MEASURED),
            # A file stays together: many have servers that are made once for all of its tests.
            *("-n", "2", "--dist", "loadfile"),
            *marked("not fate and not airflow and not chaos and not kubernetes"),
        ),
        step(
            *("integration", "integration", COMPUTES, "tests against a real FATE", *MEASURED),
            *marked("fate and not airflow and not chaos and not pair"),
        ),
        step(
            *("kubernetes", "kubernetes", WAITS, "tests against a real Kubernetes API", *MEASURED),
            *("tests/kubernetes", *marked("kubernetes")),
        ),
        # The package runs in Airflow's processes here, which are not measured.
        step(
            *("e2e", "e2e", WAITS, "tests of DAGs in a real Airflow, against a real FATE", *PYTEST),
            *marked("airflow and not chaos"),
        ),
        step(
            *("both-sides", "both-sides", WAITS, "tests against a real pair of sites", *MEASURED),
            *marked("pair and not airflow"),
        ),
        step("chaos", "chaos", WAITS, "faults between a real Airflow and FATE-Flow", *PYTEST, *marked("chaos")),
        step(
            *("lowest", "lowest-e2e", WAITS, "kills and clears on the oldest Airflow, against a real FATE", *PYTEST),
            *lowest_e2e,
            python=LOWEST,
        ),
        step(
            *("lowest", "lowest-unit", COMPUTES, "tests on the oldest Airflow, where it matters", *PYTEST),
            *on_lowest,
            python=LOWEST,
        ),
    )


def groups() -> tuple[str, ...]:
    """The names that can be asked for."""
    return tuple(dict.fromkeys(step.group for step in steps()))


@dataclass(frozen=True)
class Budget:
    """Minutes for `make test`, and for each of its groups."""

    total: float
    groups: Mapping[str, float]

    @classmethod
    def read(cls, file: Path = ROOT / "dev" / "budget.toml") -> Budget:
        """Read the file.

        :raises ValueError: a group of checks has no budget, or a budget has no group.
        """
        read = tomllib.loads(file.read_text())
        known = {*groups(), "coverage"}
        if wrong := known ^ set(read["groups"]):
            raise ValueError(f"{file.name}: {', '.join(sorted(wrong))}: each group of checks has one budget")
        return cls(read["total"], read["groups"])

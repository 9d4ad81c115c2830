"""What a check has found, and all of them as a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_fate.errors import FateError
from airflow_provider_fate.text import columns

__all__ = ["CheckResult", "PreflightCheck", "PreflightReport", "failed", "of_error", "passed", "unknown", "warned"]


class CheckResult(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    """A job may run, but something should be looked at; or the site gave no answer in time."""
    FAIL = "fail"
    """A job cannot run like this."""
    UNKNOWN = "unknown"
    """The site cannot be asked for it; what to do says who knows."""


@dataclass(frozen=True, slots=True)
class PreflightCheck:
    """One thing that was looked at.

    :param name: what was looked at: ``version``, ``table credit.bank``.
    :param result: how it is.
    :param found: what was found, in words.
    :param advice: what to do, or where to look; empty where there is nothing to do.
    """

    name: str
    result: CheckResult
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, str]:
        """As JSON."""
        return {"name": self.name, "result": self.result.value, "found": self.found, "advice": self.advice}


@dataclass(frozen=True)
class PreflightReport:
    """All checks of one look at a site.

    :param checks: in the order in which a person reads them.
    :param seconds: how long the look has taken.
    """

    checks: Sequence[PreflightCheck]
    seconds: float

    def problems(self, fail_on: str = "fail") -> list[PreflightCheck]:
        """The checks because of which a job should not be submitted, the failed ones first.

        :param fail_on: ``fail``; or ``warn``: warnings, too. What is unknown never counts.
        """
        kinds = [CheckResult.FAIL] if fail_on == "fail" else [CheckResult.FAIL, CheckResult.WARN]
        return [check for kind in kinds for check in self.checks if check.result is kind]

    def count(self, result: CheckResult) -> int:
        """How many ended like this."""
        return sum(check.result is result for check in self.checks)

    @property
    def summary(self) -> str:
        """In numbers, for people."""
        said = ", ".join(f"{number} {result.value}" for result in CheckResult if (number := self.count(result)))
        return f"{len(self.checks)} checks in {self.seconds:.2f} s: {said}"

    def lines(self) -> Iterable[str]:
        """As a table, and what to do below it."""
        yield from columns(("check", "result", "found"), ((c.name, c.result.value, c.found) for c in self.checks))
        advised: dict[str, list[str]] = {}
        for check in self.checks:
            if check.advice:
                advised.setdefault(check.advice, []).append(check.name)
        yield from (f"{', '.join(names)}: {advice}" for advice, names in advised.items())
        yield self.summary

    def to_json(self, fail_on: str = "fail") -> dict[str, Any]:
        """As JSON, with the verdict."""
        return {
            "ok": not self.problems(fail_on),
            "seconds": round(self.seconds, 2),
            "checks": [check.to_json() for check in self.checks],
        }


def passed(name: str, found: str) -> PreflightCheck:
    """It is as it should be."""
    return PreflightCheck(name, CheckResult.PASS, found)


def warned(name: str, found: str, advice: str) -> PreflightCheck:
    """It should be looked at."""
    return PreflightCheck(name, CheckResult.WARN, found, advice)


def failed(name: str, found: str, advice: str) -> PreflightCheck:
    """A job cannot run like this."""
    return PreflightCheck(name, CheckResult.FAIL, found, advice)


def unknown(name: str, found: str, advice: str) -> PreflightCheck:
    """The site cannot be asked for it."""
    return PreflightCheck(name, CheckResult.UNKNOWN, found, advice)


def of_error(name: str, error: FateError, result: CheckResult = CheckResult.FAIL) -> PreflightCheck:
    """What an error says, as a check."""
    return PreflightCheck(name, result, " ".join(error.message.split()), " ".join((error.hint or "").split()))

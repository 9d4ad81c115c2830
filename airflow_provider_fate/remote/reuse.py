"""What a later try makes of the work that an earlier one has started."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

RuleT = TypeVar("RuleT", bound=StrEnum)


class OnRetry(StrEnum):
    """What follows, in the next try, work that has failed or was stopped. Unfinished work is always taken up."""

    NEW = "new"
    """New work: everything is done again."""
    RERUN = "rerun"
    """The same work goes on: what was finished is kept. Where the description has changed: as :attr:`INHERIT`."""
    INHERIT = "inherit"
    """New work that takes over the finished parts whose description is still the same."""


class OnClear(StrEnum):
    """What becomes of the earlier work when a user clears the task."""

    NEW = "new"
    """It is stopped if it still runs, and new work is started."""
    ATTACH = "attach"
    """It is taken up if it still runs or has succeeded, else new work is started."""
    RERUN = "rerun"
    """As :attr:`ATTACH`, but work that ended badly goes on where it stopped, with what was finished."""


@dataclass(frozen=True)
class Reuse:
    """Both rules of one task."""

    on_retry: OnRetry = OnRetry.NEW
    on_clear: OnClear = OnClear.NEW

    @classmethod
    def of(cls, on_retry: str, on_clear: str) -> Reuse:
        """Read the arguments of an operator.

        :raises ValueError: there is no such rule.
        """
        return cls(_rule(OnRetry, "on_retry", on_retry), _rule(OnClear, "on_clear", on_clear))


def _rule(rules: type[RuleT], name: str, value: str) -> RuleT:
    try:
        return rules(value)
    except ValueError:
        raise ValueError(f"{name}={value!r} is not one of {', '.join(rule.value for rule in rules)}") from None

"""How long the rows of a set are, against what the training takes of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from airflow_provider_fate.llm.texts.rules import TextRules
from airflow_provider_fate.llm.texts.tokens import TokenCounter

__all__ = ["Lengths", "RowLength"]


@dataclass(frozen=True)
class RowLength:
    """Tokens of one row.

    :param prompt: of the prompt.
    :param answer: of the answer.
    """

    prompt: int
    answer: int

    def cut(self, rules: TextRules) -> str | None:
        """What FATE-LLM would cut off, in words; ``None``: nothing.

        It takes the first ``max_prompt_length`` tokens of a prompt, and of the answer what finds room behind them but
        for one token that marks the end.
        """
        if self.prompt > rules.max_prompt_length:
            return f"a prompt of {self.prompt:,} tokens for max_prompt_length={rules.max_prompt_length:,}"
        if self.prompt + self.answer + 1 > rules.max_length:
            return (
                f"{self.prompt:,} tokens of prompt, {self.answer:,} of answer and one for the end, for "
                f"max_length={rules.max_length:,}"
            )
        return None


@dataclass
class Lengths:
    """What is known of all rows that were kept.

    :ivar too_long: rows of which something is cut off.
    :ivar first: the first of them, by its number, and what is cut off.
    """

    counter: TokenCounter
    too_long: int = 0
    first: tuple[int, str] | None = None
    _totals: array[int] = field(default_factory=lambda: array("L"), repr=False)
    _longest_prompt: int = 0

    def add(self, rows: Iterable[RowLength]) -> None:
        """Take rows in."""
        for row in rows:
            self._totals.append(row.prompt + row.answer)
            self._longest_prompt = max(self._longest_prompt, row.prompt)

    def note(self, row: int, what: str) -> None:
        """Take note of a row of which something is cut off."""
        self.too_long += 1
        self.first = self.first or (row, what)

    def facts(self) -> dict[str, int | bool]:
        """In numbers: prompt and answer together of a middle row, of one of a hundred, and of the longest."""
        totals = sorted(self._totals)
        return {
            "counted": self.counter.exact,
            "median": _at(totals, 0.5),
            "p99": _at(totals, 0.99),
            "longest": _at(totals, 1.0),
            "longest_prompt": self._longest_prompt,
            "total": sum(totals),
            "too_long": self.too_long,
        }


def _at(totals: Sequence[int], share: float) -> int:
    """The number below which so many of all are."""
    return totals[min(len(totals) - 1, int(share * len(totals)))] if totals else 0

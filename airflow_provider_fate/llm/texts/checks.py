"""Which rows of a set are no good, each looked at for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.llm.texts.faults import Faults
from airflow_provider_fate.llm.texts.lengths import Lengths, RowLength
from airflow_provider_fate.llm.texts.rules import TextRules
from airflow_provider_fate.llm.texts.tokens import TokenCounter

__all__ = ["RowChecks", "TextRow"]

_UNREADABLE = "\ufffd"
"""What decoders put where they could not read something."""


@dataclass(frozen=True)
class TextRow:
    """A row of a set.

    :param number: its number in its source, from 1.
    :param group: with which others it stays together.
    """

    number: int
    prompt: str = field(repr=False)
    answer: str = field(repr=False)
    group: str = field(default="", repr=False)


class RowChecks:
    """Looks at rows, some at a time.

    :ivar dropped: how many rows were left out, by the reason.
    :ivar lengths: how long they are.
    :ivar unreadable: rows with a character that stands for what could not be decoded.
    """

    def __init__(self, rules: TextRules, counter: TokenCounter) -> None:
        self.dropped: Counter[str] = Counter()
        self.lengths = Lengths(counter)
        self.unreadable = 0
        self._rules = rules
        self._counter = counter
        self._answers = frozenset(rules.answers or ())

    def good(self, rows: Sequence[TextRow], faults: Faults) -> Iterator[tuple[TextRow, RowLength]]:
        """Rows that may go on, with their lengths.

        :param faults: is told of those that may not be there at all. They go on, too, so that all is found.
        """
        left = list(self._complete(rows, faults))
        self._look_into(left, faults)
        prompts = self._counter.count([row.prompt for row in left])
        answers = self._counter.count([row.answer for row in left])
        for row, prompt, answer in zip(left, prompts, answers, strict=True):
            length = RowLength(prompt, answer)
            if self._fits(row, length, faults):
                yield row, length

    def _complete(self, rows: Sequence[TextRow], faults: Faults) -> Iterator[TextRow]:
        for row in rows:
            if missing := [name for name, text in (("prompt", row.prompt), ("answer", row.answer)) if not text.strip()]:
                if self._rules.empty == "drop":
                    self.dropped["empty"] += 1
                else:
                    faults.add(f"no {missing[0]}", row.number, "Complete them, or leave them out with empty='drop'.")
            elif self._rules.group and not row.group.strip():
                what = f"nothing in {self._rules.group!r}, which says what stays together"
                faults.add(what, row.number, "Complete it, or name no group.")
            else:
                yield row

    def _look_into(self, rows: Sequence[TextRow], faults: Faults) -> None:
        for row in rows:
            if self._answers and row.answer not in self._answers:
                shown = ", ".join(sorted(self._answers)[:10])
                faults.add("an answer that may not be", row.number, f"It may be {shown}: case and white space count.")
            self.unreadable += _UNREADABLE in row.prompt or _UNREADABLE in row.answer
        for name, pattern in self._rules.forbidden.items():
            texts = pa.array([f"{row.prompt}\n{row.answer}" for row in rows], pa.large_string())
            # By an engine whose time grows with the text alone, whatever the expression is.
            for index in pc.indices_nonzero(pc.match_substring_regex(texts, pattern)).to_pylist():
                faults.add(f"forbidden: {name}", rows[index].number, "Take it out where the rows come from.")

    def _fits(self, row: TextRow, length: RowLength, faults: Faults) -> bool:
        cut = length.cut(self._rules)
        if cut is None:
            return True
        # What was only estimated is no reason to refuse or to lose a row.
        if self._counter.exact and self._rules.too_long == "drop":
            self.dropped["too long"] += 1
            return False
        self.lengths.note(row.number, cut)
        if self._counter.exact and self._rules.too_long == "fail":
            faults.add(
                "more tokens than the training takes",
                row.number,
                f"The first has {cut}. Raise both limits, here and in the training; leave such rows out with "
                "too_long='drop'; or let FATE-LLM cut off their ends with too_long='cut'.",
            )
        return True

"""From rows of a source to a set that FATE-LLM trains with, and one that the result is judged with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_fate.data.source import Source
from airflow_provider_fate.errors import FateDataError
from airflow_provider_fate.llm.texts.checks import RowChecks, TextRow
from airflow_provider_fate.llm.texts.faults import Faults
from airflow_provider_fate.llm.texts.keys import alike, is_held_out, number_of, same
from airflow_provider_fate.llm.texts.records import read_records
from airflow_provider_fate.llm.texts.rules import TextRules
from airflow_provider_fate.llm.texts.text_file import TextFile
from airflow_provider_fate.llm.texts.tokens import TokenCounter

__all__ = ["BuiltTexts", "build_texts"]

_LEAK = "A model is not judged with what it has learned: leakage='drop' leaves such rows out."


@dataclass(frozen=True)
class BuiltTexts:
    """What has been made.

    :ivar train: rows to train with.
    :ivar held_out: rows to judge with; ``None``: none were to be held out.
    :ivar read: rows of the sources.
    :ivar dropped: how many rows were left out, by the reason.
    :ivar notes: what a person should look at.
    :ivar lengths: see :meth:`~airflow_provider_fate.llm.texts.lengths.Lengths.facts`.
    :ivar examples: prompt and answer of the first rows.
    """

    train: TextFile
    held_out: TextFile | None
    read: int
    dropped: dict[str, int]
    notes: list[str]
    lengths: dict[str, int | bool]
    examples: list[tuple[str, str]] = field(repr=False)


def build_texts(
    source: Source,
    rules: TextRules,
    counter: TokenCounter,
    folder: Path,
    *,
    held_out: Source | None = None,
    examples: int = 0,
) -> BuiltTexts:
    """Read, check, split and write.

    Memory grows by some 200 bytes with each row, for telling what has been there already.

    :param source: the rows.
    :param rules: what they must be like.
    :param counter: what counts tokens.
    :param folder: gets ``train.jsonl`` and ``held_out.jsonl``.
    :param held_out: rows to judge with, instead of a share of ``source``.
    :param examples: how many rows to keep for showing.
    :raises FateDataError: the set is not what it must be; tells of all rows that are wrong, by their numbers.
    """
    with ExitStack() as stack:
        builder = _Builder(rules, counter, folder, stack, examples, split=held_out is None)
        if held_out is not None:
            builder.read(held_out, held_out=True)
        builder.read(source, held_out=None if held_out is None else False)
    return builder.result(source.name)


class _Builder:
    def __init__(
        self, rules: TextRules, counter: TokenCounter, folder: Path, stack: ExitStack, examples: int, *, split: bool
    ) -> None:
        self._rules = rules
        self._checks = RowChecks(rules, counter)
        self._exact = counter.exact
        self._split = split
        self._read = 0
        self._examples: list[tuple[str, str]] = []
        self._wanted_examples = examples
        self._prompt, self._answer = rules.prompt_template, rules.answer_template
        self._pairs: set[int] = set()
        self._prompts: dict[int, bool] = {}  # whether each is held out
        self._ambiguous = 0
        self._files = {False: TextFile(folder / "train.jsonl")}
        if not split or rules.held_out:
            self._files[True] = TextFile(folder / "held_out.jsonl")
        self._sinks = {side: stack.enter_context(file.path.open("wb")) for side, file in self._files.items()}

    def read(self, source: Source, *, held_out: bool | None) -> None:
        """Take a source in.

        :param held_out: whether its rows are to judge with; ``None``: a share of them.
        """
        faults = Faults()
        rows = 0
        for chunk in read_records(source, self._rules.columns):
            for row, length in self._checks.good(
                [self._row(values, rows + number) for number, values in enumerate(chunk, 1)], faults
            ):
                if self._take(row, self._side(row) if held_out is None else held_out, faults):
                    self._checks.lengths.add([length])
            rows += len(chunk)
        faults.raise_any(source.name)
        if not rows:
            raise FateDataError(f"{source.name} has no rows", hint="Is the export complete?")
        self._read += rows

    def _row(self, values: Mapping[str, str], number: int) -> TextRow:
        group = values[self._rules.group] if self._rules.group else ""
        return TextRow(number, self._prompt.render(values), self._answer.render(values), group)

    def _side(self, row: TextRow) -> bool:
        key = row.group if self._rules.group else alike(row.prompt)
        return is_held_out(key, self._rules.held_out, self._rules.seed)

    def _take(self, row: TextRow, held_out: bool, faults: Faults) -> bool:
        """Write a row, unless it has been there already, on this side or on the other."""
        prompt = number_of(same(row.prompt))
        pair = number_of(same(row.prompt), " ".join(row.answer.split()))
        known = prompt in self._prompts
        if self._prompts.setdefault(prompt, held_out) != held_out:
            what, hint = "a prompt that is on the other side of the split, too", _LEAK
            self._leave_out(row, faults, "leak", self._rules.leakage, what, hint)
            return False
        if pair in self._pairs and self._rules.duplicates != "keep":
            what, hint = "there was the same before", "Leave repetitions out with duplicates='drop'."
            self._leave_out(row, faults, "duplicate", self._rules.duplicates, what, hint)
            return False
        self._ambiguous += known and pair not in self._pairs
        self._pairs.add(pair)
        self._files[held_out].write(self._sinks[held_out], row.prompt, row.answer)
        if not held_out and len(self._examples) < self._wanted_examples:
            self._examples.append((row.prompt, row.answer))
        return True

    def _leave_out(self, row: TextRow, faults: Faults, why: str, then: str, what: str, hint: str) -> None:
        if then == "drop":
            self._checks.dropped[why] += 1
        else:
            faults.add(what, row.number, hint)

    # -- the whole ------------------------------------------------------------------------------------------------

    def result(self, name: str) -> BuiltTexts:
        """Judge the whole."""
        train, held_out = self._files[False], self._files.get(True)
        limits, dropped = self._rules.rows, dict(self._checks.dropped)
        if held_out is not None and not held_out.rows:
            raise FateDataError(
                f"of {self._read:,} rows of {name} none is held out with held_out={self._rules.held_out:g}",
                hint=f"There are few different {'groups' if self._rules.group else 'prompts'}. Raise held_out, change "
                "seed, or name rows to judge with in held_out_source; held_out=0 does without.",
            )
        if train.rows < limits.min:
            gone = ", ".join(f"{count:,} were dropped ({why})" for why, count in dropped.items())
            raise FateDataError(
                f"{name} leaves {train.rows:,} rows for the training, and there must be {limits.min:,} at least",
                hint=f"Of {self._read:,} rows {held_out.rows if held_out else 0:,} are held out{gone and ', '}{gone}.",
            )
        if limits.max is not None and train.rows > limits.max:
            raise FateDataError(
                f"{name} has {train.rows:,} rows for the training, and there may be {limits.max:,} at most",
                hint="Is it the right source?",
            )
        facts = self._checks.lengths.facts()
        return BuiltTexts(train, held_out, self._read, dropped, self._notes(), facts, self._examples)

    def _notes(self) -> list[str]:
        notes = []
        lengths = self._checks.lengths
        if lengths.first:
            row, cut = lengths.first
            about = "" if self._exact else "about "
            notes.append(f"FATE-LLM will cut the ends of {about}{lengths.too_long:,} rows, first of row {row:,}: {cut}")
        if self._ambiguous:
            notes.append(f"{self._ambiguous:,} rows have a prompt that was there before, with another answer")
        if self._checks.unreadable:
            notes.append(f"{self._checks.unreadable:,} rows have the character that stands for what was not readable")
        return notes

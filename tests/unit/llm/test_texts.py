"""Rows to prompts and answers: templates, splits, repetitions, lengths, and the file that FATE-LLM reads."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.errors import FateDataError, FateInputError
from airflow_provider_fate.llm.texts import BuiltTexts, EstimatedTokens, TextRules, TextTemplate, build_texts
from airflow_provider_fate.llm.texts.keys import alike, is_held_out, same
from airflow_provider_fate.llm.texts.lengths import RowLength

GUESS = EstimatedTokens("this is a test")


class Words:
    """A tokenizer that counts words."""

    exact = True
    how = "counted by words"
    sha256 = "0" * 64

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


def rows_of(number: int) -> list[dict[str, Any]]:
    return [{"q": f"What is {n} times {n}?", "a": f"It is {n * n}.", "patient": f"p{n % 9}"} for n in range(number)]


def file_of(tmp_path: Path, rows: Sequence[dict[str, Any]], name: str = "rows.jsonl") -> FileSource:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FileSource.of_path(path)


def build(
    tmp_path: Path,
    rows: Sequence[dict[str, Any]] | FileSource,
    *,
    counter: Any = GUESS,
    judge: Any = None,
    **rules: Any,
) -> BuiltTexts:
    source = rows if isinstance(rows, FileSource) else file_of(tmp_path, rows)
    held_out = None if judge is None else file_of(tmp_path, judge, "judge.jsonl")
    return build_texts(
        source, TextRules.model_validate({"prompt": "q", "answer": "a"} | rules), counter, tmp_path, held_out=held_out
    )


def as_fate_llm_reads(path: Path) -> list[tuple[str, str]]:
    """What its PromptDataset does with a file."""
    with path.open() as lines:
        return [(row["content"], row["summary"]) for row in map(json.loads, lines)]


# --- templates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("q", {"q": "a {b} c"}, "a {b} c"),
        ("{q}\nInput: {i}\nAnswer:", {"q": "Sum up.", "i": "1 2"}, "Sum up.\nInput: 1 2\nAnswer:"),
        ("{q}\nInput: {i}\nAnswer:", {"q": "Sum up.", "i": " "}, "Sum up.\nAnswer:"),
        ("{{{q}}}", {"q": "x"}, "{x}"),
        ("{first name}!", {"first name": "Anna"}, "Anna!"),
        ("{q}", {"q": "two\nlines"}, "two\nlines"),
    ],
)
def test_a_template_is_filled_in(template: str, row: dict[str, str], text: str) -> None:
    assert TextTemplate.parse(template, "prompt").render(row) == text


@pytest.mark.parametrize("template", ["", " ", "{", "}", "{}", "{q!r}", "{q:>8}"])
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(FateInputError, match="prompt"):
        TextTemplate.parse(template, "prompt")


def test_a_template_looks_into_no_object() -> None:
    template = TextTemplate.parse("{q.__class__}", "prompt")
    assert template.columns == ["q.__class__"], "the name of a column, which no row has"


# --- sources ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=8))
def test_fate_llm_reads_what_the_source_says(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    pairs = [(q, a) for q, a in pairs if q.strip() and a.strip()]
    rows = [{"q": q, "a": a} for q, a in pairs]
    if not rows:
        return
    made = build(tmp_path, rows, held_out=0, duplicates="keep")
    assert as_fate_llm_reads(made.train.path) == pairs
    made.train.path.read_text("ascii")


def test_compressed_json_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + b'{"q": "\xc3\xa4", "a": "1"}\n\n{"q": "b", "a": 2, "x": []}'))
    made = build(tmp_path, FileSource.of_path(path), held_out=0)
    assert as_fate_llm_reads(made.train.path) == [("ä", "1"), ("b", "2")]


def test_json_is_known_by_its_first_character(tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_text('\n {"q": "x", "a": "y"}\n')
    assert build(tmp_path, FileSource.of_path(path), held_out=0).train.rows == 1


def test_lines_longer_than_a_block(tmp_path: Path) -> None:
    long = "word " * 700_000
    made = build(tmp_path, [{"q": long, "a": "1"}, {"q": "b", "a": "2"}], held_out=0)
    assert as_fate_llm_reads(made.train.path)[0] == (long, "1")


def test_missing_texts_of_columnar_files_are_empty(tmp_path: Path) -> None:
    table = pa.table({"q": ["x", "y", "z"], "a": ["1", None, "3"], "n": [1.5, float("nan"), 2.0]})
    parquet.write_table(table, tmp_path / "rows.parquet")
    source = FileSource.of_path(tmp_path / "rows.parquet")
    with pytest.raises(FateDataError, match="row 2: no answer"):
        build(tmp_path, source)
    made = build(tmp_path, source, prompt="{q}\nn is {n}", empty="drop", held_out=0)
    assert as_fate_llm_reads(made.train.path) == [("x\nn is 1.5", "1"), ("z\nn is 2.0", "3")]
    assert made.dropped == {"empty": 1}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"q": "x", "a": "y"}\n{"q": "x"', r"row 2 of .* is not JSON"),
        ('{"q": "x", "a": "y"}\n[1]', "row 2 of .* is list, not an object"),
        ("[1]", "row 1 of .* is int, not an object"),
        ('[{"q": ', "begins like a JSON array and is none"),
        ("[]", "has no rows"),
        (" \n", "is empty"),
        ('{"q": "x", "a": ["y"]}', "row 1, column 'a': this is a list"),
        ('{"q": "x", "b": "y"}', "has no column 'a'; it has q, b"),
        ('{"q": "\\ud800", "a": "y"}', "row 1 of .* is not JSON"),
    ],
)
def test_json_that_is_none_is_refused_by_row(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(FateDataError, match=says):
        build(tmp_path, FileSource.of_path(path))


def test_csv_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("q,a\nx,y\nä,z\n".encode("latin-1"))
    with pytest.raises(FateDataError, match="row 2, column 'q': this is not UTF-8"):
        build(tmp_path, FileSource.of_path(path))
    made = build(tmp_path, FileSource.of_path(path, encoding="latin-1"), held_out=0)
    assert as_fate_llm_reads(made.train.path)[1] == ("ä", "z")


# --- what is held out -------------------------------------------------------------------------------------------------


def test_the_share_is_about_what_was_asked() -> None:
    held = sum(is_held_out(f"prompt {n}", 0.2, "0") for n in range(10_000))
    assert 1_900 < held < 2_100


def test_a_prompt_stays_on_its_side_when_the_set_grows(tmp_path: Path) -> None:
    few, many = rows_of(40), rows_of(400)[::-1]
    sides = []
    for number, rows in enumerate((few, many)):
        (tmp_path / str(number)).mkdir()
        made = build(tmp_path / str(number), rows)
        assert made.held_out is not None
        sides.append({prompt for prompt, _ in as_fate_llm_reads(made.held_out.path)})
    assert sides[0]
    assert sides[0] == sides[1] & {row["q"] for row in few}


def test_another_seed_holds_other_rows_out(tmp_path: Path) -> None:
    made = [build(tmp_path, rows_of(200), seed=seed) for seed in (0, 1)]
    assert made[0].train.sha256 != made[1].train.sha256


def test_the_same_prompt_in_another_writing_is_on_the_same_side(tmp_path: Path) -> None:
    rows = [row | {"q": text} for row in rows_of(100) for text in (row["q"], f"  {row['q'].upper()} !! ")]
    made = build(tmp_path, rows, leakage="fail")
    assert made.held_out is not None
    there = [{alike(prompt) for prompt, _ in as_fate_llm_reads(f.path)} for f in (made.train, made.held_out)]
    assert not there[0] & there[1]


def test_rows_of_a_group_stay_together(tmp_path: Path) -> None:
    made = build(tmp_path, rows_of(90), group="patient", held_out=0.4)
    assert made.held_out is not None
    groups = {row["q"]: row["patient"] for row in rows_of(90)}
    there = [{groups[prompt] for prompt, _ in as_fate_llm_reads(f.path)} for f in (made.train, made.held_out)]
    assert not there[0] & there[1]
    assert there[0] | there[1] == set(groups.values())


def test_a_prompt_of_two_groups_leaks(tmp_path: Path) -> None:
    rows = rows_of(90) + [{"q": "How are you?", "a": f"Fine, {n}.", "patient": f"p{n}"} for n in range(9)]
    with pytest.raises(FateDataError, match="a prompt that is on the other side of the split"):
        build(tmp_path, rows, group="patient", held_out=0.4)
    made = build(tmp_path, rows, group="patient", held_out=0.4, leakage="drop")
    assert made.held_out is not None
    assert 0 < made.dropped["leak"] < 9
    there = [{prompt for prompt, _ in as_fate_llm_reads(file.path)} for file in (made.train, made.held_out)]
    assert not there[0] & there[1]


def test_rows_to_judge_with_may_come_from_elsewhere(tmp_path: Path) -> None:
    judge = [{"q": "What is  5 TIMES 5?", "a": "25"}, {"q": "And 99?", "a": "No."}]
    with pytest.raises(FateDataError, match=r"rows.jsonl: row 6: a prompt that is on the other side"):
        build(tmp_path, rows_of(20), judge=judge)
    made = build(tmp_path, rows_of(20), judge=judge, leakage="drop")
    assert made.held_out is not None
    assert (made.train.rows, made.held_out.rows, made.dropped) == (19, 2, {"leak": 1})


def test_a_set_too_small_to_hold_anything_out_says_so(tmp_path: Path) -> None:
    rows = [{"q": "Go on.", "a": str(n)} for n in range(50)]
    with pytest.raises(FateDataError, match=r"of 50 rows of .* none is held out(?s:.*)few different prompts"):
        build(tmp_path, rows, held_out=0.1)
    made = build(tmp_path, rows, held_out=0)
    assert made.held_out is None
    assert made.notes == ["49 rows have a prompt that was there before, with another answer"]


# --- repetitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("duplicates", "rows"), [("drop", 2), ("keep", 4)])
def test_repetitions(tmp_path: Path, duplicates: str, rows: int) -> None:
    given = [
        {"q": "Is 1+1 two?", "a": "Yes"},
        {"q": " is 1+1  TWO?", "a": "Yes "},
        {"q": "Is 1-1 two?", "a": "Yes"},
        {"q": "Is 1+1 two?", "a": "Yes"},
    ]
    made = build(tmp_path, given, held_out=0, duplicates=duplicates)
    assert made.train.rows == rows
    assert sum(made.dropped.values()) == len(given) - rows


def test_repetitions_can_be_refused(tmp_path: Path) -> None:
    with pytest.raises(FateDataError, match="rows 11, 12, 13, 14, 15 and 5 more: there was the same before"):
        build(tmp_path, rows_of(10) * 2, duplicates="fail")


def test_what_counts_as_the_same() -> None:
    assert same("\uff21  b\n") == same("a B")
    assert same("1+1") != same("1-1")
    assert alike("1+1!") == alike("1-1")
    assert alike("???") == "???"


# --- lengths ----------------------------------------------------------------------------------------------------------


def fate_llm_cuts(prompt: int, answer: int, rules: TextRules) -> bool:
    """What its PromptDataset does with two lists of so many tokens."""
    prompt_ids = list(range(prompt))[: rules.max_prompt_length]
    answer_ids = list(range(answer))[: rules.max_length - len(prompt_ids) - 1]
    return (len(prompt_ids), len(answer_ids)) != (prompt, answer)


@given(st.integers(0, 40), st.integers(0, 60), st.integers(8, 40), st.integers(1, 38))
def test_a_row_is_too_long_exactly_where_fate_llm_cuts(prompt: int, answer: int, longest: int, most: int) -> None:
    if most + 2 > longest:
        return
    rules = TextRules(prompt="q", answer="a", max_length=longest, max_prompt_length=most)
    assert bool(RowLength(prompt, answer).cut(rules)) == fate_llm_cuts(prompt, answer, rules)


LONG = [*rows_of(5), {"q": "word " * 20, "a": "x"}, {"q": "short", "a": "word " * 20}]
SHORT = {"max_length": 16, "max_prompt_length": 8, "held_out": 0}


def test_rows_that_are_too_long_are_refused_where_they_were_counted(tmp_path: Path) -> None:
    with pytest.raises(FateDataError, match=r"rows 6, 7: more tokens(?s:.*)20 tokens for max_prompt_length=8"):
        build(tmp_path, LONG, counter=Words(), **SHORT)


def test_rows_that_are_too_long_can_be_left_out_or_cut(tmp_path: Path) -> None:
    made = build(tmp_path, LONG, counter=Words(), too_long="drop", **SHORT)
    assert (made.train.rows, made.dropped, made.lengths["longest"]) == (5, {"too long": 2}, 8)
    made = build(tmp_path, LONG, counter=Words(), too_long="cut", **SHORT)
    assert (made.train.rows, made.lengths["too_long"], made.lengths["longest_prompt"]) == (7, 2, 20)
    assert made.notes[0].startswith("FATE-LLM will cut the ends of 2 rows, first of row 6:")


def test_an_estimate_refuses_nothing(tmp_path: Path) -> None:
    made = build(tmp_path, LONG, **SHORT)
    assert made.train.rows == 7
    assert made.lengths["counted"] is False
    assert made.notes[0].startswith("FATE-LLM will cut the ends of about ")


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("word", 1), ("words", 2), ("病历", 2), ("naïve", 2)])
def test_an_estimate(text: str, tokens: int) -> None:
    assert GUESS.count([text]) == [tokens]


# --- the contract -----------------------------------------------------------------------------------------------------


def test_a_contract_says_what_rows_may_hold(tmp_path: Path) -> None:
    rules = TextRules.parse(
        """
        prompt: "Is it urgent?\\n{q}"
        answer: a
        answers: ["yes", "no"]
        held_out: 0
        seed: 2026
        rows: {min: 2, max: 3}
        forbidden: {phone number: '\\d{5}'}
        """
    )
    good = [{"q": "Pain.", "a": "yes"}, {"q": "A cough.", "a": "no"}]
    source = file_of(tmp_path, good)
    assert build_texts(source, rules, GUESS, tmp_path).train.rows == 2
    bad = [{"q": "Call 55512.", "a": "Yes"}]
    with pytest.raises(FateDataError, match=r"row 1: an answer that may not be(?s:.*)row 1: forbidden: phone number"):
        build_texts(file_of(tmp_path, bad), rules, GUESS, tmp_path)
    with pytest.raises(FateDataError, match="leaves 1 rows for the training, and there must be 2 at least"):
        build_texts(file_of(tmp_path, good[:1]), rules, GUESS, tmp_path)
    many = [{"q": f"Pain {n}.", "a": "yes"} for n in range(4)]
    with pytest.raises(FateDataError, match="there may be 3 at most"):
        build_texts(file_of(tmp_path, many), rules, GUESS, tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- prompt", "not a mapping(?s:.*)'prompt:'"),
        ("prompt: q", "answer: Field required"),
        ("{prompt: q, answer: a, maxlength: 3}", "maxlength: Extra inputs"),
        ("{prompt: q, answer: a, forbidden: {x: '['}}", "x is not a regular expression of RE2"),
        ("{prompt: q, answer: a, tokenizer_sha256: abc}", "tokenizer_sha256"),
        ("{prompt: q, answer: a, max_length: 9, max_prompt_length: 8}", "leaves no room"),
    ],
)
def test_a_contract_that_cannot_be_is_refused(text: str, says: str) -> None:
    with pytest.raises(FateInputError, match=says):
        TextRules.parse(text)

"""The page about traps and troubles, held to the tests and pages that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cluster-answers.md").read_text()
WHERE = ("tests/unit", "tests/support", "tests/e2e")


def names_of_tests() -> set[str]:
    found = set()
    for folder in WHERE:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                    found.add(node.name)
    return found


def test_each_trap_has_a_test_named_after_it() -> None:
    traps = [line for line in PAGE.splitlines() if line.startswith("| ") and "`test_" in line]
    assert len(traps) >= 40
    named = {name for line in traps for name in re.findall(r"`(test_\w+)`", line)}
    assert named <= names_of_tests(), named - names_of_tests()


def test_each_of_the_fifteen_troubles_has_an_answer_with_a_link() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", PAGE, re.M)
    assert [int(number) for number, _, _ in rows] == list(range(1, 16))
    for number, trouble, answer in rows:
        assert trouble, number
        assert re.search(r"\]\([\w-]+\.md(#[\w-]+)?\)", answer), number

"""The page about two sites shows every case as it was, and its first part is the one that is written by hand."""

from __future__ import annotations

import re

import pytest

from tests.both_sides.cases import CASES
from tests.both_sides.page import HEAD, PAGE

ANEW = "make it anew: python -m tests.both_sides.page"


@pytest.mark.parametrize("name", CASES)
def test_the_page_shows_the_case(name: str) -> None:
    case = CASES[name]
    section = PAGE.read_text().partition(f"### {case.title}\n")[2].partition("\n### ")[0]
    assert case.story in section, ANEW
    for wanted in (*case.guest_says, *case.host_says):
        assert re.search(wanted, section), f"{wanted!r} is not in the page; {ANEW}"


def test_its_first_part_is_written_by_hand() -> None:
    assert PAGE.read_text().startswith(HEAD.read_text()), (
        f"write it into {HEAD.name}; python -m tests.both_sides.page --head"
    )

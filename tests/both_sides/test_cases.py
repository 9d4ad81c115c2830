"""Whoever reads only their own side's log can say what to do next, and nothing is left running on either."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.both_sides.cases import CASES
from tests.both_sides.play import play
from tests.support.pair import Pair

pytestmark = [pytest.mark.fate, pytest.mark.pair, pytest.mark.timeout(600)]

QUICK = ("partner_table_missing", "own_table_missing", "down_at_submit", "stopped_by_partner", "unknown_partner")
"""What every run goes through; the others take minutes, and are part of `make test-all`."""


@pytest.fixture(autouse=True)
def at_rest(fate_pair: Pair) -> Iterator[None]:
    yield
    fate_pair.settle()


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in CASES]
)
def test_each_side_is_told(fate_pair: Pair, name: str) -> None:
    case = CASES[name]

    played = play(case, fate_pair)

    print(f"━━ the guest's task\n{played.guest}\n━━ the host's diagnosis\n{played.host}\n━━ {played.ends}")
    assert (played.error is None) == case.succeeds
    for wanted in case.guest_says:
        assert re.search(wanted, played.guest), f"the guest is not told {wanted!r}"
    for wanted in case.host_says:
        assert re.search(wanted, played.host), f"the host is not told {wanted!r}"
    for wanted, seen, site in zip(case.ends, played.ends, ("guest", "host"), strict=True):
        assert re.fullmatch(wanted, seen), f"the job is {seen} at the {site}"
    assert played.left == [], "something was left running"

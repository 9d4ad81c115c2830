"""A line per claim: what holds, what does not, and what nobody has shown."""

from __future__ import annotations

from pathlib import Path

from dev.claims import Claim, Tally, line, read, results

REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.dev.test_claims" name="test_a[one]"/>
<testcase classname="tests.unit.dev.test_claims" name="test_a[two]"><failure/></testcase>
<testcase classname="tests.unit.dev.test_claims.TestIt" name="test_b"/>
<testcase classname="tests.unit.dev.test_check" name="test_c"><skipped/></testcase>
</testsuite></testsuites>"""
HERE, CHECK = "tests/unit/dev/test_claims.py", "tests/unit/dev/test_check.py"


def test_results_are_those_of_files_and_tests(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    assert results(tmp_path / "report.xml") == {
        f"{HERE}::test_a": Tally(1, 1),
        f"{HERE}::test_b": Tally(1),
        f"{CHECK}::test_c": Tally(0, 0, 1),
    }


def test_a_claim_holds_where_tests_passed_and_none_failed() -> None:
    found = {f"{HERE}::test_a": Tally(1, 1), f"{HERE}::test_b": Tally(1), f"{CHECK}::test_c": Tally(0, 0, 1)}
    assert line(Claim("b", (f"{HERE}::test_b",)), found) == (True, "  ok     b (1 passed)")
    assert line(Claim("all", (HERE,)), found) == (False, "  FAILED all (2 passed, 1 failed)")
    assert line(Claim("c", (CHECK,)), found) == (False, "  FAILED c (0 passed, 1 skipped)")
    assert line(Claim("d", ("tests/none.py",)), found) == (False, "  FAILED d (0 passed, not there: tests/none.py)")


def test_every_claim_names_tests_that_are_there() -> None:
    claims = [claim for area in read().values() for claim in area]
    assert claims
    assert [claim.missing for claim in claims if claim.missing] == []

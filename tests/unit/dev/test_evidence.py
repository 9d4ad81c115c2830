"""What a test that failed shows of the logs of its servers."""

from __future__ import annotations

import os

from dev.steps import ROOT
from tests.support import evidence


def test_logs_that_were_written_into_meanwhile_are_shown_those_about_errors_first(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "_watched", {})
    (tmp_path / "job").mkdir()
    for name, moment in (("old.log", 1_000), ("info.log", 3_000), ("job/ERROR.log", 2_500)):
        (tmp_path / name).write_text(f"{name}\n" * 50)
        os.utime(tmp_path / name, (moment, moment))
    (tmp_path / "empty.log").touch()
    evidence.watch("FATE", tmp_path)

    shown = evidence.evidence(2_000)

    assert [title for title, _ in shown] == ["FATE: job/ERROR.log", "FATE: info.log"]
    assert shown[1][1].splitlines() == ["info.log"] * evidence.LINES


def test_a_failed_test_shows_them(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest("pytest_plugins = ['tests.support.evidence']")
    pytester.makepyfile(
        """
        from tests.support.evidence import watch

        def test_it(tmp_path):
            watch("FATE", tmp_path)
            (tmp_path / "job.log").write_text("psi_0 has no table")
            assert False
        """
    )

    done = pytester.runpytest_subprocess()

    done.stdout.fnmatch_lines(["*FATE: job.log*", "psi_0 has no table"])

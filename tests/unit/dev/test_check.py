"""`make test`: lanes side by side, all of them to the end, and a summary that tools and people can read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import product

import pytest

from dev import check, lanes, steps
from dev.lanes import Lanes, Result
from dev.steps import Budget, Step

PASSES = "print('x' * 9); print('3 passed in 0.01s')"
FAILS = """
print('noise')
print('=' * 9 + ' FAILURES ' + '=' * 9)
print('why')
print('1 failed in 1s')
raise SystemExit(1)
"""


@pytest.fixture(autouse=True)
def logs(tmp_path, monkeypatch):
    """Logs of these steps lie beside no others."""
    monkeypatch.setattr(steps, "LOGS", tmp_path / "logs")


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes a step whose module holds the given code."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make_step(name: str, code: str, lane: str = "one") -> Step:
        (tmp_path / f"step_{name}.py").write_text(code)
        return Step("group", name, lane, f"what {name} is", (f"step_{name}",))

    return make_step


def test_all_steps_run_although_one_fails(make, capfd):
    chosen = [make("a", FAILS), make("b", PASSES), make("c", PASSES, "two")]

    assert [result.code for result in Lanes().run(chosen)] == [1, 0, 0]

    printed = capfd.readouterr().out
    assert "why" in printed
    assert "noise" not in printed
    assert printed.count("3 passed in 0.01s") == 2
    assert "xxx" not in printed
    assert str(chosen[0].log) in printed
    assert "noise" in chosen[0].log.read_text()


def test_lanes_run_side_by_side(make, tmp_path):
    # Each waits for the file that the other makes.
    code = """
import pathlib, time
here, end = pathlib.Path({folder!r}), time.monotonic() + 30
(here / {mine!r}).touch()
while not (here / {other!r}).exists():
    time.sleep(0.01)
    assert time.monotonic() < end
"""
    one = make("a", code.format(folder=str(tmp_path), mine="m1", other="m2"), "one")
    two = make("b", code.format(folder=str(tmp_path), mine="m2", other="m1"), "two")

    assert [result.code for result in Lanes().run([one, two])] == [0, 0]


def test_steps_of_one_lane_run_one_after_the_other(make, tmp_path):
    first = make("a", f"open({str(tmp_path / 'm')!r}, 'x').close()")
    second = make("b", f"import os; os.rename({str(tmp_path / 'm')!r}, {str(tmp_path / 'n')!r})")

    assert [result.code for result in Lanes().run([first, second])] == [0, 0]


def test_one_lane_alone_is_watched_while_it_runs(make, capfd):
    step = make("a", "print('seen at once')")

    assert Lanes().run([step])[0].code == 0

    assert "seen at once" in capfd.readouterr().out
    assert not step.log.exists()


def test_a_python_that_is_missing_is_a_failure_and_the_others_run(make, tmp_path):
    gone = Step("group", "gone", "one", "gone", ("x",), tmp_path / "no-python")

    assert [result.code for result in Lanes().run([gone, make("b", PASSES)])] == [-1, 0]


def test_steps_have_environments_of_their_own(make, tmp_path):
    step = make(
        "a", "import os; raise SystemExit(os.environ['X'] != 'y' or 'data.a' not in os.environ['COVERAGE_FILE'])"
    )
    step = Step(step.group, step.name, step.lane, step.what, step.command, env={"X": "y"})

    assert Lanes().run([step])[0].code == 0


def test_an_early_end_lets_what_runs_stop_its_servers_and_starts_nothing_more(tmp_path):
    step = """
import pathlib, time
here = pathlib.Path({folder!r})
try:
    (here / "started").touch()
    time.sleep(60)
except KeyboardInterrupt:
    (here / "stopped").touch()
    raise SystemExit(2)
"""
    (tmp_path / "step_a.py").write_text(step.format(folder=str(tmp_path)))
    (tmp_path / "step_b.py").write_text(f"open({str(tmp_path / 'next')!r}, 'x')")
    code = f"""
import pathlib
from dev import check, steps
steps.LOGS = pathlib.Path({str(tmp_path)!r})
check.hear_signals()
one = [steps.Step("g", name, "one", name, ("step_" + name,)) for name in "ab"]
check.Lanes().run([*one, steps.Step("g", "c", "two", "c", ("this",))])
"""
    env = os.environ | {"PYTHONPATH": f"{steps.ROOT}{os.pathsep}{tmp_path}"}
    # As a shell starts what runs in the background.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", code]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 30
        while not (tmp_path / "started").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        process.terminate()
        assert process.wait(30) != 0

    assert (tmp_path / "stopped").exists()
    assert not (tmp_path / "next").exists()


def test_a_lane_that_breaks_down_is_no_success(make, monkeypatch):
    def broken(*args):
        raise ValueError("a bug")

    monkeypatch.setattr(Lanes, "_run", broken)
    monkeypatch.setattr("threading.excepthook", lambda args: None)

    assert [result.code for result in Lanes().run([make("a", PASSES)])] == [-1]


def test_a_long_explanation_is_cut_in_the_middle_and_says_so(tmp_path):
    log = tmp_path / "log"
    log.write_text("\n".join(["== FAILURES ==", *map(str, range(5_000)), "1 failed in 1s"]))

    told = lanes.shown(log, 1)

    assert len(told) < lanes.SHOWN + 5
    assert told[0] == "== FAILURES =="
    assert "1 failed in 1s" in told
    assert any("more lines are in the log" in line for line in told)


BUDGET = Budget(30, {"unit": 1, "e2e": 2})


def results() -> list[Result]:
    return [
        Result(Step("unit", "a", "one", "units", ("pytest",)), 0, 61.0),
        Result(Step("e2e", "b", "two", "ends", ("pytest",)), 2, 119.0),
    ]


def test_the_summary_shows_budgets_and_ends_in_the_plain_form():
    lines = check.summary(results(), 120.0, BUDGET, whole=True)

    assert lines[-1] == "1 passed, 1 failed"
    assert [line for line in lines if "FAILED" in line] == ["  FAILED   119.0 s  ends"]
    assert [line.split()[-1] for line in lines if "more than its budget" in line] == ["budget"]
    assert next(line for line in lines if "more than" in line).split()[:3] == ["1.0", "1", "unit"]
    assert next(line for line in lines if "all, side by side" in line).split()[:2] == ["2.0", "30"]


def test_a_part_of_the_checks_is_not_held_to_the_budget_of_all():
    assert not any("all, side by side" in line for line in check.summary(results(), 120.0, BUDGET, whole=False))


def test_each_group_has_a_budget():
    assert set(Budget.read().groups) == {*steps.groups(), "coverage"}


def test_a_group_without_a_budget_is_named(tmp_path):
    file = tmp_path / "budget.toml"
    file.write_text("total = 30\n[groups]\nnobody = 1\n")

    with pytest.raises(ValueError, match=r"budget\.toml: .*e2e.*nobody"):
        Budget.read(file)


def test_each_step_has_a_log_and_a_coverage_file_of_its_own():
    chosen = steps.steps()

    assert len({step.log for step in chosen}) == len(chosen)
    assert len({step.environment["COVERAGE_FILE"] for step in chosen}) == len(chosen)


def test_every_test_belongs_to_exactly_one_group():
    """Markers of the steps on the newest Airflow, tried on each combination of marks."""
    usual, everything = (
        [
            step.command[step.command.index("-m") + 1]
            for step in steps.steps(everything=everything)
            if "-m" in step.command and step.group != "lowest"
        ]
        for everything in (False, True)
    )
    for fate in (False, True):
        for airflow in (False, True):
            for chaos in (False, True):
                for thorough, markers in ((False, usual), (False, everything), (True, everything)):
                    # What needs a pair of sites needs FATE; what needs Kubernetes needs none of the others.
                    pairs = (False, True) if fate and not airflow and not chaos else (False,)
                    kinds = (False, True) if not (fate or airflow or chaos) else (False,)
                    for pair, kubernetes in product(pairs, kinds):
                        marks = {"fate": fate, "airflow": airflow, "chaos": chaos, "thorough": thorough}
                        marks |= {"pair": pair, "kubernetes": kubernetes}
                        assert sum(bool(eval(marker, {}, marks)) for marker in markers) == 1, marks


def test_everything_is_more():
    assert {step.name for step in steps.steps(everything=True)} == {step.name for step in steps.steps()}
    assert all(step.environment["TEST_ALL"] == "1" for step in steps.steps(everything=True))


def test_an_unknown_group_is_refused_with_the_known_ones():
    done = subprocess.run(
        [sys.executable, "-m", "dev.check", "nonsense"], cwd=steps.ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "no group nonsense; there are lint, unit, integration" in done.stderr

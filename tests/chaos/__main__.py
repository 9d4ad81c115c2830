"""Many trials in random order: python -m tests.chaos [--trials 500] [--seed N] [--only TEXT].

Each batch runs on one Airflow. The seed decides which trials are drawn, and in which order; a trial itself has no
chance in it, so that `--only NAME` plays one again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.airflow import chaos_airflow
from tests.chaos.runner import Runner, Verdict
from tests.chaos.trial import Trial, drawn, trials

BATCH = 125
"""Each batch ends with one crash of each part of Airflow, which hits all trials that want it."""


def play(chosen: Sequence[Trial], folder: Path, reports: Path) -> list[Verdict]:
    """Run trials in batches, say how each has ended, and keep the reports of those that went wrong."""
    verdicts: list[Verdict] = []
    with chaos_airflow(folder) as airflow:
        runner = Runner(airflow, folder)
        for begin in range(0, len(chosen), BATCH):
            for future in runner.start(chosen[begin : begin + BATCH]):
                verdict = future.result()
                verdicts.append(verdict)
                mark = "ok" if not verdict.wrong else "TROUBLED" if verdict.troubled else "WRONG"
                jobs = ", ".join(verdict.jobs) or "none"
                name = verdict.trial.name
                print(f"{len(verdicts):4} {mark:8} {verdict.seconds:5.0f} s  {name}  (jobs: {jobs})", flush=True)
                if verdict.wrong:
                    (reports / f"{len(verdicts)}-{name}.txt").write_text(verdict.text)
    return verdicts


def table(verdicts: Sequence[Verdict]) -> str:
    """One line per fault."""
    by_fault: defaultdict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_fault[verdict.trial.fault.name].append(verdict)
    lines = ["| fault | trials | right | wrong | not playable | seconds, at most |", "|---|---|---|---|---|---|"]
    for name, some in sorted(by_fault.items()):
        wrong = sum(bool(v.wrong) and not v.troubled for v in some)
        troubled = sum(v.troubled for v in some)
        right = len(some) - wrong - troubled
        lines.append(f"| {name} | {len(some)} | {right} | {wrong} | {troubled} | {max(v.seconds for v in some):.0f} |")
    return "\n".join(lines)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=60, help="how many to draw (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="the same trials as the run that printed it")
    parser.add_argument("--only", metavar="TEXT", help="all trials whose name has this text, instead of drawn ones")
    args = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if args.seed is None else args.seed
    if args.only:
        chosen = [trial for trial in trials() if args.only in trial.name]
    else:
        chosen = drawn(seed, args.trials)
        print(f"seed {seed}: {len(chosen)} trials", flush=True)
    if not chosen:
        parser.error(f"no trial has {args.only!r} in its name")
    began = time.monotonic()
    reports = Path(tempfile.mkdtemp(prefix="chaos-reports-"))
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        verdicts = play(chosen, Path(folder), reports)
    print(f"\n{table(verdicts)}\n")
    wrong = sum(bool(verdict.wrong) for verdict in verdicts)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(verdicts) - wrong} of {len(verdicts)} trials ended right, in {minutes:.0f} minutes; seed {seed}")
    if wrong:
        print(f"reports: {reports}")
    else:
        reports.rmdir()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

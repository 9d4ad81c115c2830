"""make bench-wait: see the package."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from dev.localairflow import LocalAirflow
from tests.bench.wait.figures import Figures
from tests.bench.wait.measure import Plan, measure, server
from tests.bench.wait.modes import MODES, across, connections
from tests.bench.wait.table import show

SIZES = (1, 100, 1000)


def main() -> int:
    """Measure every mode with every number of jobs, then print the tables."""
    parser = argparse.ArgumentParser(prog="make bench-wait", description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=list(SIZES), help=f"waiting jobs (default {SIZES})")
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=list(MODES), help="default: all")
    parser.add_argument("--interval", type=float, default=Plan.interval, help="poll interval in seconds (default 2)")
    parser.add_argument("--steady", type=float, default=Plan.steady, help="seconds of steady waiting (default 20)")
    parser.add_argument("--home", type=Path, help="keep Airflow's home with its logs here (default: none is kept)")
    parser.add_argument("--sites", type=int, default=1, help="deal the jobs of mode fate out to so many connections")
    args = parser.parse_args()
    modes = dict(MODES) if args.sites == 1 else {**MODES, "fate": across(args.sites)}
    plan = Plan(interval=args.interval, steady=args.steady)
    figures: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="bench-wait-") as scratch, server(args.sites) as fake:
        home = args.home or Path(scratch) / "home"
        options = {
            # 1000 and 50 by default: one triggerer shall take all, and start them in seconds.
            "AIRFLOW__TRIGGERER__CAPACITY": str(2 * max(args.jobs) + 1000),
            "AIRFLOW__TRIGGERER__MAX_TRIGGER_TO_SELECT_PER_LOOP": "250",
        }
        airflow = LocalAirflow(home, Path(scratch), env={**connections(fake.port, args.sites), **options})
        (airflow.home / "logs").mkdir(parents=True, exist_ok=True)
        airflow.prepare()
        os.environ.update(airflow.environment())  # before Airflow is imported, so that rows go into its database
        for jobs in args.jobs:
            for name in args.modes:
                began = time.monotonic()
                found = measure(airflow, fake, modes[name], jobs, plan)
                figures.append(found)
                print(f"· {jobs} x {found.mode}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How much quicker a local FATE gets by its speed-ups, and that results stay the same.

Runs an upload and PSI + SecureBoost + evaluation three times, in one run on one machine: as FATE-Flow does it, with
component definitions kept, and with workers forked from the zygote. Prints wall and CPU seconds (CPU is what to compare
on a busy machine) and their ratios, compares all outputs, and fails when any of them differ.

    python -m tests.bench.bench_local_speed [--rows 569] [--trees 3] [--modes plain,definitions,zygote]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_fate.local import LocalFate, Settings
from airflow_provider_fate.local.processes import of_instance
from airflow_provider_fate.local.progress import PlainLines
from tests.support.fate_jobs import Flow, psi_sbt_eval, write_data

MODES = {
    "plain": (False, {}),
    "definitions": (True, {"FATE_LOCAL_ZYGOTE": "0"}),
    "zygote": (True, {}),
}


@dataclass
class Measured:
    """One mode: seconds per step, and what came out."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)


def cpu_of(home: Path) -> float:
    """CPU seconds of all processes of the instance, with the children that they have waited for."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in of_instance(home):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(x) for x in stat[11:15])
    return total / tick


def measure(mode: str, folder: Path, rows: int, trees: int) -> Measured:
    """Run everything once in a fresh instance."""
    speedups, switches = MODES[mode]
    guest, host = write_data(folder / "data", rows)
    fate = LocalFate(folder / mode, settings=Settings(speedups=speedups))
    os.environ.update(switches)
    result = Measured()
    say = PlainLines()
    try:
        begun = time.monotonic()
        flow = Flow(str(fate.start(say, owner=os.getpid())))
        result.wall["start"] = time.monotonic() - begun
        while speedups and not switches and "ready" not in _text(fate.layout.zygote_log):
            time.sleep(0.1)  # the steady state is what is compared; its price is the line "start"
        if mode == "definitions":
            flow.wait(flow.upload(guest, "warm", label="y"))
            flow.wait(flow.upload(host, "warm_host"))
            flow.wait(flow.submit(psi_sbt_eval("warm", "warm_host", 1)))
        result.cpu["start"] = cpu_of(fate.home)

        def step(name: str, start: Any) -> str:
            cpu, wall = cpu_of(fate.home), time.monotonic()
            job = start()
            status = flow.wait(job)
            result.wall[name] = time.monotonic() - wall
            # Cleaning up goes on after the job has ended.
            time.sleep(6)
            result.cpu[name] = cpu_of(fate.home) - cpu
            say(f"{mode}: {name} {status} in {result.wall[name]:.1f} s, {result.cpu[name]:.1f} CPU s")
            assert status == "success", (name, flow.tasks(job))
            return job

        step("upload guest", lambda: flow.upload(guest, "guest", label="y"))
        step("upload host", lambda: flow.upload(host, "host"))
        job = step("psi+sbt+eval", lambda: flow.submit(psi_sbt_eval("guest", "host", trees)))
        result.outputs = outputs(flow, job)
    finally:
        for name in switches:
            os.environ.pop(name, None)
        fate.stop()
    return result


def outputs(flow: Flow, job: str) -> dict[str, Any]:
    """Everything that a user sees of the job and that must not depend on how processes are started."""
    found: dict[str, Any] = {}
    for name in ("guest", "host"):
        found[f"{name} rows"] = flow.data("GET", "/table/query", {"namespace": "bench", "name": name})["count"]
    for task in ("psi_0", "sbt_0", "evaluation_0"):
        metrics = flow.metrics(job, task)
        found[task] = json.loads(json.dumps(metrics, sort_keys=True))
    shown = flow.rows(job, "sbt_0")["train_output_data"][0]
    # Columns: sample id, match id, label, score. The server shows a hundred rows; which ones hangs on the sample ids.
    found["predictions"] = {row[1]: row[3] for row in shown["data"]}
    found["predicted rows"] = shown["total"]
    return found


def same(left: Any, right: Any) -> bool:
    """Whether two outputs are equal but for what differs between any two runs of FATE.

    That is: timestamps, which rows are shown, and the last bits of sums: an upload gives rows random sample ids, these
    decide on the order of rows, and the order on the rounding.
    """
    if isinstance(left, dict) and isinstance(right, dict):
        common = (left.keys() & right.keys()) - {"timestamp"}
        return bool(common) and all(same(left[key], right[key]) for key in common)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9)
    return bool(left == right)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def report(results: dict[str, Measured]) -> bool:
    """Print the table; returns whether all outputs are equal."""
    first = next(iter(results))
    steps = list(results[first].wall)
    print(f"\n{'':14}" + "".join(f"{step:>28}" for step in steps))
    print(f"{'':14}" + f"{'wall s   CPU s   ratio':>28}" * len(steps))
    for mode, result in results.items():
        cells = []
        for step in steps:
            ratio = results[first].wall[step] / result.wall[step]
            cells.append(f"{result.wall[step]:.1f}   {result.cpu[step]:.1f}   {ratio:.1f}x".rjust(28))
        print(f"{mode:14}" + "".join(cells))
    equal = True
    for mode, result in results.items():
        different = [k for k in result.outputs if not same(results[first].outputs[k], result.outputs[k])]
        equal &= not different
        print(f"outputs of {mode}: {'equal' if not different else 'DIFFERENT in ' + ', '.join(different)}")
    print("evaluation:", json.dumps(results[first].outputs["evaluation_0"])[:400])
    print(f"load average now: {os.getloadavg()[0]:.1f}, CPUs: {os.cpu_count()}")
    print(f"own CPU: {sum(resource.getrusage(resource.RUSAGE_SELF)[:2]):.1f} s")
    return equal


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=569)
    parser.add_argument("--trees", type=int, default=3)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--folder", type=Path, help="keep the instances here (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="fate-speed-"))
    try:
        results = {mode: measure(mode, folder, arguments.rows, arguments.trees) for mode in arguments.modes.split(",")}
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({k: asdict(v) for k, v in results.items()}, indent=1))
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())

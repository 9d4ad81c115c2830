"""What importing our operators costs, next to other providers' operators: make bench-import.

Every DAG file is parsed in a fork of a process that has Airflow loaded already, again and again; so the base, ``from
airflow.sdk import BaseOperator, DAG, task``, is imported once here, and every case in forks of it. CPU time is
measured rather than elapsed time, because that hardly changes when the machine has other things to do.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

# What a DAG file imports. Triggers are not among it: only the triggerer and a task that defers need them.
OURS = ("operators", "sensors", "decorators", "links")
OTHERS = {
    "BashOperator": "airflow.providers.standard.operators.bash",
    "DatabricksSubmitRunOperator": "airflow.providers.databricks.operators.databricks",
    "KubernetesPodOperator": "airflow.providers.cncf.kubernetes.operators.pod",
}


class Cost(NamedTuple):
    """CPU milliseconds, modules and megabytes beyond the base."""

    cpu_ms: float
    modules: int
    megabytes: float


def our_modules() -> list[str]:
    """Return every module that a DAG author imports: found as files, so that nothing is imported yet."""
    spec = find_spec("airflow_provider_fate")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    files = (file for package in OURS for file in sorted((root / package).glob("*.py")))
    return [f"{spec.name}.{file.parent.name}.{file.stem}" for file in files if file.stem != "__init__"]


def measure(modules: list[str], repeat: int) -> Cost:
    """Import `modules` in `repeat` forks of this process, and return the cheapest of them."""
    return min(_in_fork(modules) for _ in range(repeat))


def _in_fork(modules: list[str]) -> Cost:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            logging.disable()
            before, loaded, memory = time.process_time(), len(sys.modules), _resident_mb()
            for module in modules:
                importlib.import_module(module)
            spent = 1000 * (time.process_time() - before)
            os.write(write, f"{spent} {len(sys.modules) - loaded} {_resident_mb() - memory}".encode())
            os._exit(0)
        except BaseException as exc:
            os.write(write, f"{type(exc).__name__}: {exc}".encode())
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"importing {', '.join(modules)} failed: {said}")
    cpu, count, megabytes = said.split()
    return Cost(float(cpu), int(count), float(megabytes))


def _resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench-import", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="forks per case; the cheapest counts (default 5)")
    repeat = parser.parse_args().repeat
    ours = our_modules()
    began = time.process_time()
    from airflow.sdk import DAG, BaseOperator, task  # noqa: F401

    print(f"base: airflow.sdk, {1000 * (time.process_time() - began):.0f} ms CPU, {len(sys.modules)} modules")
    unit = measure(ours, repeat)
    cases = [(f"all {len(ours)} modules of this provider", unit)]
    cases += [(name, measure([module], repeat)) for name, module in OTHERS.items()]
    print(f"\n{'beyond the base, best of ' + str(repeat):<40} {'CPU ms':>8} {'modules':>8} {'MB':>6} {'x ours':>8}")
    for name, cost in cases:
        ratio = f"{cost.cpu_ms / unit.cpu_ms:8.1f}" if unit.cpu_ms else ""
        print(f"{name:<40} {cost.cpu_ms:8.1f} {cost.modules:8} {cost.megabytes:6.1f} {ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Takes the limits that JupyterLab and its kernels inherit, runs the start script, and becomes JupyterLab.

launch.py [--cpus N] [--memory BYTES] [--script FILE] -- PROGRAM ARGUMENT ...
"""

import argparse
import os
import resource
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--cpus", type=int)
parser.add_argument("--memory", type=int)
parser.add_argument("--script")
parser.add_argument("program", nargs=argparse.REMAINDER)
given = parser.parse_args()
program = given.program[1:] if given.program[:1] == ["--"] else given.program

if given.cpus:
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[: given.cpus])
    os.environ["OMP_NUM_THREADS"] = str(given.cpus)
if given.memory:
    # What a process has for itself, not what it maps: libraries and shared files do not count.
    resource.setrlimit(resource.RLIMIT_DATA, (given.memory, given.memory))
if given.script:
    done = subprocess.run(["/bin/sh", "-e", given.script], check=False)
    if done.returncode:
        sys.exit(f"the start script has ended with exit status {done.returncode}")
sys.stdout.flush()
os.execv(program[0], program)  # noqa: S606  # no shell is wanted

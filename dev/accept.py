"""Run what an issue wants to see before it is closed: python -m dev.accept AREA (`make accept AREA=house`).

All of the list runs even if a part fails. A later area adds its list to `AREAS`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping

from dev.steps import ROOT

# Arguments of make, in the order in which they run.
AREAS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "house": (("test",), ("chaos", "TRIALS=100"), ("bench-wait",), ("demo",), ("demo", "ARGS=--stop")),
    # On a real pair every case of docs/two-sites.md, with what each side said and what both servers' records say.
    "both-sides": (
        *(("test-all", "ARGS=both-sides"), ("chaos-pair", "TRIALS=100")),
        *(("demo", "ARGS=--sites=2"), ("down",)),
    ),
    # For each recipe scores, package, ONNX; registries, gate, approval and the loop of all of them: a line for each.
    "models": (("test-models",),),
    # KubeFATE and what belongs to it; other parts add their claims to dev/claims.toml, or a target of their own here.
    "clusters": (("test-clusters",),),
    # Real processes from the training to the answer; a client that counts over changes and kills; the demo's last word.
    "serving": (("test-serving",), ("demo",), ("demo", "ARGS=--stop")),
    # Texts, recipes and adapters, and a job that tunes on a real FATE-LLM: a line for each.
    "llm": (("test-llm",),),
}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make accept", description=__doc__)
    parser.add_argument("area", choices=sorted(AREAS), help="whose list")
    area = parser.parse_args().area
    lines = []
    failed = 0
    for arguments in AREAS[area]:
        what = f"make {' '.join(arguments)}"
        print(f"\n━━ {what}", flush=True)
        began = time.monotonic()
        code = subprocess.run(["make", *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
        failed += code != 0
        lines.append(f"  {'ok    ' if code == 0 else 'FAILED'} {(time.monotonic() - began) / 60:6.1f} min  {what}")
    print(f"\n━━ acceptance of {area}", *lines, sep="\n")
    print(f"\n{len(lines) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

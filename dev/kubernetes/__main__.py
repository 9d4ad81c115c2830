"""See to the programs, and print where they are: export KUBEBUILDER_ASSETS=$(python -m dev.kubernetes)."""

from __future__ import annotations

import sys

from dev.console import Steps
from dev.kubernetes.build import KubernetesError
from dev.kubernetes.programs import programs


def main() -> int:
    """Run the command line."""
    console = Steps()
    try:
        with console.watch(), console.step("kubernetes") as step:
            folder = programs(step.say)
    except KubernetesError as e:
        print(e, file=sys.stderr)
        return 1
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

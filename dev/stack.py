"""FATE and Airflow together on this machine, as `make up` and `make demo` start them: python -m dev.stack up|down."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from airflow_provider_fate.local import LocalFate
from dev.localairflow import LocalAirflow
from dev.localairflow.settings import ADMIN

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
CONNECTION = "fate_default"


class Stack:
    """One FATE site that plays both parties, and an Airflow with the DAGs of ``dags/`` and a connection to it.

    :param folder: everything that is kept lies below it.
    :param log: is told in one line what happens.
    """

    def __init__(self, folder: Path = STATE, log: Callable[[str], None] = print) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = log
        self.fate = LocalFate(folder / "fate")
        self.airflow = LocalAirflow(folder / "airflow", ROOT / "dags", log=lambda line: self.log(line))

    def start_fate(self) -> None:
        """Install and start FATE; does nothing where it runs."""
        self.fate.start(progress=lambda line: self.log(line))

    def start_airflow(self) -> None:
        """Start Airflow, and tell it where FATE is; needs FATE to run."""
        self.airflow.start()
        connection = self.fate.airflow_connection
        self.airflow.api.add_connection(
            {
                "connection_id": CONNECTION,
                "conn_type": "fate",
                "host": connection.address.host,
                "port": connection.address.port,
                "extra": json.dumps(connection.extra),
            }
        )

    def stop(self) -> bool:
        """Stop both; returns False when nothing was running."""
        airflow = self.airflow.stop()
        return self.fate.stop() or airflow

    def how_to_look(self) -> str:
        """Where the UI is, how to log in, and how to end it all."""
        api = f"http://{self.fate.address.host}:{self.fate.address.port}"
        return (
            f"Airflow   {self.airflow.url}   user {ADMIN}, password {self.airflow.settings.password}\n"
            f"FATE      {api} (API), logs in {_short(self.fate.logs_dir)}\n"
            f"Stop      make down"
        )


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make up|down", description=__doc__)
    parser.add_argument("action", choices=("up", "down"))
    action = parser.parse_args().action
    stack = Stack(log=lambda line: print(f"· {line}", file=sys.stderr, flush=True))
    if action == "down":
        print("Stopped." if stack.stop() else "Nothing was running.")
        return 0
    stack.start_fate()
    stack.start_airflow()
    print(stack.how_to_look())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The plays: each module has those of one phase of the life of a job."""

from __future__ import annotations

from importlib import import_module

PHASES = ("submit", "wait", "finish", "processes", "users", "server", "airflow", "real_fate")


def load() -> None:
    """Let all plays enter themselves into the list, in this order."""
    for phase in PHASES:
        import_module(f"tests.chaos.faults.{phase}")

"""Jobs that a script or function has run already, which it is told when it runs again for the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["EarlierJob", "Outputs"]


@dataclass(frozen=True)
class EarlierJob:
    """A job that the same code has run.

    :param role: this site's role in it.
    :param party_id: this site's party.
    :param tasks: names of its tasks, by which it is recognized.
    """

    job_id: str
    role: str
    party_id: str
    model_id: str
    model_version: str
    tasks: Sequence[str]

    def orders(self) -> dict[str, Any]:
        """As the runner is told."""
        return {**asdict(self), "tasks": list(self.tasks)}


Outputs: TypeAlias = Callable[[Literal["model", "metric", "data"], str, str], Any]
"""Gives what a task has left behind, by kind, job id and task: JSON as FATE-Flow has it, or a folder with one of CSV
files for each output. Raises :class:`~airflow_provider_fate.errors.FateNotFoundError` where there is none."""

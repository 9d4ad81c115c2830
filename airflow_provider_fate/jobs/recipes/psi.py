"""Private set intersection: which ids do the parties have in common?"""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_fate.jobs.builder import DagBuilder
from airflow_provider_fate.jobs.recipes.hetero import PrivateIntersection
from airflow_provider_fate.jobs.recipes.steps import Statistics

__all__ = ["Psi"]


class Psi(PrivateIntersection):
    """Find the ids that all parties have, and say how many: ``psi_0.intersect_count`` and ``psi_0.intersect_rate``.

    The guest may have an id several times; a host must not (the job fails). The rows in common are the output of the
    task ``psi_0`` on every party.

    :param statistics: describe the columns of the rows in common.
    """

    _not_offered: ClassVar[dict[str, tuple[str, str]]] = {
        "warm_start": ("an intersection trains no model that it could go on from", "Leave it out."),
        "cross_validation": ("an intersection trains no model that could be judged", "Leave it out."),
    }

    statistics: Statistics | None = None

    def _build(self, dag: DagBuilder) -> None:
        rows = self._intersect(dag, 0)
        if self.statistics is not None:
            dag.add(
                "statistics_0",
                "statistics",
                inputs={"input_data": rows},
                parameters={"metrics": self.statistics.metrics},
            )

"""Jobs of a real FATE 2.2, as :mod:`tests.unit.metrics.record` has recorded them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.models import JobRecord, Metric, TaskRecord
from airflow_provider_fate.errors import FateModelNotFound
from airflow_provider_fate.metrics import JobMetrics, collect_metrics

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in RECORDED.glob("*.json"))


class RecordedSite:
    """Answers for one party of one job, as the client would."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.task = self.output = self

    @property
    def record(self) -> JobRecord:
        return JobRecord.model_validate(self.facts["job"])

    def query(self, *, job_id: str, role: str, party_id: str) -> list[TaskRecord]:
        who = {"job_id": job_id, "role": role, "party_id": party_id}
        return [
            TaskRecord.model_validate(who | task | {"task_id": task["task_name"], "start_time": number + 1})
            for number, task in enumerate(self.facts["tasks"])
        ]

    def metrics(self, job_id: str, role: str, party_id: str, task: str) -> list[Metric]:
        return [Metric.model_validate(metric) for metric in self.facts["metrics"][task]]

    def model(self, job_id: str, role: str, party_id: str, task: str) -> dict[str, Any]:
        if task not in self.facts["models"]:
            raise FateModelNotFound("This task has no model on this site.")
        return cast("dict[str, Any]", self.facts["models"][task])


def facts_of(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((RECORDED / f"{name}.json").read_text()))


def metrics_of(name: str) -> JobMetrics:
    """What is read of a recorded job, such as ``boosting.guest``."""
    return metrics_in(facts_of(name))


def metrics_in(facts: dict[str, Any]) -> JobMetrics:
    site = RecordedSite(facts)
    return collect_metrics(cast("FlowClient", site), site.record)

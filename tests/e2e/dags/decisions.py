"""DAGs that decide about models which nobody has trained, for the end-to-end tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag, task

from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from airflow_provider_fate.operators.model_register import FateModelRegisterOperator


def decide(dag_id: str, response_timeout: timedelta) -> None:
    """Gate, approval, registration."""

    @dag(
        dag_id=dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1),
        params={"challenger": "", "champion": "", "model": {}, "registry": ""},
    )
    def decided() -> None:
        @task
        def export(**context: Any) -> dict[str, Any]:
            """Stands for FateModelExportOperator."""
            return dict(context["params"]["model"])

        model: Any = export()
        gate = FateQualityGateOperator(
            task_id="gate",
            challenger="{{ params.challenger }}",
            champion="{{ params.champion }}",
            bounds={"scores.auc": ">= 0.6"},
            compare={"require": "better"},
        )
        approve = FateApprovalOperator(
            task_id="approve", model=model, verdict=gate.output, response_timeout=response_timeout
        )
        register = FateModelRegisterOperator(
            task_id="register",
            model=model,
            name="credit_risk",
            registry="{{ params.registry }}",
            tags=approve.output["tags"],
        )
        approve >> register

    decided()


decide("e2e_decide", timedelta(minutes=10))
decide("e2e_decide_in_time", timedelta(seconds=2))


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"auc": 0.9})
def e2e_branch() -> None:
    """Goes one way or the other."""

    @task.fate_gate(bounds={"auc": ">= 0.8"}, on_fail="branch", if_passed="go_on", if_failed="train_again")
    def gate(**context: Any) -> dict[str, float]:
        return {"auc": context["params"]["auc"]}

    gate() >> [EmptyOperator(task_id="go_on"), EmptyOperator(task_id="train_again")]


e2e_branch()

"""Run a pipeline that a data scientist wrote with fate-client, unchanged."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from example_tables import DAY, load_small_tables


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "example"],
    doc_md="`@task.fate_pipeline` compiles the `FateFlowPipeline` that the function returns, and runs its job.",
)
def train_with_fate_client() -> None:
    @task.fate_pipeline
    def train(day: str, trees: int):  # type: ignore[no-untyped-def]  # the type lives in fate-client's environment
        from fate_client.pipeline import FateFlowPipeline
        from fate_client.pipeline.components.fate import PSI, Evaluation, HeteroSecureBoost, Reader

        pipeline = FateFlowPipeline().set_parties(guest="9999", host="10000")
        reader = Reader("reader_0")
        reader.guest.task_parameters(namespace="pipeline", name=f"clinic_{day}")
        reader.hosts[0].task_parameters(namespace="pipeline", name=f"laboratory_{day}")
        psi = PSI("psi_0", input_data=reader.outputs["output_data"])
        boost = HeteroSecureBoost(
            "sbt_0", train_data=psi.outputs["output_data"], num_trees=trees, max_depth=3, max_bin=16
        )
        judge = Evaluation(
            "evaluation_0",
            input_datas=[boost.outputs["train_output_data"]],
            runtime_parties={"guest": "9999"},
            default_eval_setting="binary",
        )
        pipeline.add_tasks([reader, psi, boost, judge])
        pipeline.conf.set("task", {"engine_run": {"cores": 1}})
        return pipeline

    load_small_tables("pipeline") >> train(DAY, trees=3)


train_with_fate_client()

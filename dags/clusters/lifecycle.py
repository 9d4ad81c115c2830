"""The life of a federation on Kubernetes: two parties are deployed, verified, used, upgraded, and removed again."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, task
from example_tables import CLINIC, DAY, LABORATORY, write_tables

from airflow_provider_fate.clusters import ClusterFederation
from airflow_provider_fate.jobs import HeteroSecureBoost, Party
from airflow_provider_fate.operators.cluster import (
    FateClusterDeleteOperator,
    FateClusterDeployOperator,
    FateClusterUpdateOperator,
)
from airflow_provider_fate.operators.connection import FateConnectionDeleteOperator, FateConnectionOperator
from airflow_provider_fate.operators.connectivity import FateConnectivityOperator
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.upload import FateUploadOperator
from airflow_provider_fate.sensors.health import FateClusterHealthSensor

# One description of all parties. One more of them there, and each task below has one more instance.
FEDERATION = ClusterFederation.read(Path(__file__).with_name("federation.yaml"))


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "clusters"],
    params={
        "chart": Param(
            "/opt/charts/fate-v2.0.0.tgz",
            type="string",
            title="Chart",
            description="Packed chart of FATE on the workers, for a KubeFATE that does not have it.",
        ),
        "newer_version": Param(
            "v2.2.0",
            type="string",
            pattern=r"^v\d+\.\d+\.\d+$",
            title="Newer version",
            description="Version of the chart to which party 9999 is upgraded.",
        ),
        "newer_chart": Param(
            "/opt/charts/fate-v2.2.0.tgz",
            type="string",
            title="Newer chart",
            description="Packed chart of that version.",
        ),
    },
    doc_md="""
### A federation that lives as long as this run

Both parties of `federation.yaml` are put on Kubernetes through KubeFATE, with the routes to each other. When their
FATE-Flows answer, Airflow gets a connection to each, a toy job goes between them, and a model is trained. Party 9999 is
upgraded. Whatever happens on the way, clusters and connections are removed in the end.
""",
)
def clusters_lifecycle() -> None:
    deploy = FateClusterDeployOperator.partial(
        task_id="deploy", chart="{{ params.chart }}", existing="update"
    ).expand_kwargs(FEDERATION.deployments())
    connect = FateConnectionOperator.partial(task_id="connect").expand(cluster=deploy.output)
    healthy = FateClusterHealthSensor.partial(task_id="healthy", timeout=timedelta(minutes=10)).expand(
        fate_conn_id=FEDERATION.conn_ids()
    )
    # The first job of a new site loads its components, which takes a while.
    link = FateConnectivityOperator.partial(
        task_id="link", waiting_timeout=timedelta(minutes=10), stall_timeout=timedelta(minutes=10)
    ).expand_kwargs(FEDERATION.pairs())

    @task(multiple_outputs=True)
    def export_tables(day: str) -> dict[str, str]:
        """Stands for the export from each side's warehouse."""
        return write_tables(day, rows=200)

    files = export_tables(DAY)
    loads = [
        FateUploadOperator(
            task_id=f"load_{side}",
            fate_conn_id=f"fate_{party}",
            source=files[f"{side}_train"],
            table=f"lifecycle.{side}_{DAY}",
            match_id="patient",
            label=label,
        )
        for side, party, label in (("clinic", CLINIC, "malignant"), ("laboratory", LABORATORY, None))
    ]
    train = FateJobOperator(
        task_id="train",
        fate_conn_id=f"fate_{CLINIC}",
        job=HeteroSecureBoost(
            guest=Party(CLINIC, f"lifecycle.clinic_{DAY}"),
            hosts=[Party(LABORATORY, f"lifecycle.laboratory_{DAY}")],
            num_trees=2,
            max_bin=8,
        ),
    )
    upgrade = FateClusterUpdateOperator(
        task_id="upgrade",
        cluster=FEDERATION.document(CLINIC, chartVersion="{{ params.newer_version }}"),
        chart="{{ params.newer_chart }}",
        kubefate_conn_id=FEDERATION.member(CLINIC).kubefate_conn_id,
    )

    @task
    def report(trained: dict[str, Any], upgraded: dict[str, Any]) -> dict[str, Any]:
        """What has become of it."""
        print(f"Job {trained['job_id']} is done; party {upgraded['party_id']} runs FATE {upgraded['flow_version']}")
        return {"job_id": trained["job_id"], "version": upgraded["flow_version"]}

    forget = FateConnectionDeleteOperator.partial(task_id="forget").expand(fate_conn_id=FEDERATION.conn_ids())
    remove = FateClusterDeleteOperator.partial(task_id="remove").expand_kwargs(FEDERATION.removals())

    reported = report(train.output, upgrade.output)
    deploy.as_setup() >> connect.as_setup() >> healthy >> link >> files >> loads >> train >> upgrade >> reported
    connect >> forget.as_teardown(setups=connect)
    deploy >> remove.as_teardown(setups=deploy)
    reported >> forget >> remove


clusters_lifecycle()

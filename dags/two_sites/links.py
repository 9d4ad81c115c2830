"""Can the sites run jobs with each other? A table of all pairs, each asked by a toy job."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import dag, task

from airflow_provider_fate.operators.connectivity import FateConnectivityOperator

# Each site knows its own connections only. Where one Airflow has several sites, as here, it sees all pairs.
PAIRS = [
    {"fate_conn_id": "fate_9999", "partner": "10000"},
    {"fate_conn_id": "fate_10000", "partner": "9999"},
]


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["fate", "federated learning", "two sites"],
    doc_md="""
### Links

A toy job per pair and direction: no table is read, and one core is taken for some seconds. Before a long night of
training it tells whose site is down, whose app ids were not exchanged, and between whom messages get lost.
""",
)
def two_sites_links() -> None:
    link = FateConnectivityOperator.partial(task_id="link", max_active_tis_per_dagrun=1).expand_kwargs(PAIRS)

    @task(trigger_rule="all_done")
    def table(ti: Any = None) -> list[dict[str, Any]]:
        """Print a line for each pair, also for those that do not work."""
        links = list(ti.xcom_pull(task_ids="link", key="link", map_indexes=range(len(PAIRS))))
        for pair, found in zip(PAIRS, links, strict=True):
            how = f"works, {found['seconds']:.0f} s" if found["works"] else found["reason"]
            print(f"{pair['fate_conn_id']} -> {pair['partner']}: {how}")
        return links

    link >> table()


two_sites_links()

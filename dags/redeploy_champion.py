"""Another version has become the champion, wherever that was decided: each place that serves it follows."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from example_models import HOME, REGISTRY, SERVED, SERVED_CHAMPION, SERVICE

from airflow_provider_fate.operators.serving import FateServeOperator

BRANCHES = [f"local://{HOME}/serving_of_branch"]
"""Further places that serve the model; in production ``kserve://...`` of several clusters."""


@dag(
    schedule=[SERVED_CHAMPION],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### The champion everywhere

Runs when `train_and_serve`, or anybody else, has moved the alias `champion`. Each place is a mapped task of its own:
one that cannot be reached is retried, and the others have the new version meanwhile. Their clients see no gap.
""",
)
def redeploy_champion() -> None:
    @task.short_circuit
    def is_there_a_champion() -> bool:
        from airflow_provider_fate.models.registry import open_registry

        registry = open_registry(REGISTRY)
        try:
            return "champion" in registry.aliases(SERVED)
        finally:
            registry.close()

    serve = FateServeOperator.partial(
        task_id="serve", service=SERVICE, model={"registry": REGISTRY, "name": SERVED, "alias": "champion"}
    ).expand(backend=BRANCHES)
    is_there_a_champion() >> serve


redeploy_champion()

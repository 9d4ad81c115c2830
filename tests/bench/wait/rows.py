"""The rows of a DAG run whose mapped task is deferred many times, written straight into Airflow's database.

No scheduler, API server or worker is needed then, and nothing but the triggerer is measured. Imports Airflow: only for
a process that has the environment of the Airflow that is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

DAG_ID, TASK_ID, BUNDLE = "bench_wait", "wait", "bench"


def empty() -> None:
    """Remove what an earlier measurement has left."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session

    with create_session() as session:
        session.execute(update(TaskInstance).values(trigger_id=None))
        for model in (Trigger, TaskInstance, DagRun):
            session.execute(delete(model))


def defer(triggers: Sequence[BaseTrigger], run_id: str) -> None:
    """Add one deferred instance of the task per trigger, all in one DAG run."""
    import uuid6
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session

    version_id = _dag_version()
    now = datetime.now(UTC)
    with create_session() as session:
        session.execute(
            insert(DagRun).values(
                dag_id=DAG_ID,
                run_id=run_id,
                run_type="manual",
                state="running",
                run_after=now,
                start_date=now,
                created_dag_version_id=version_id,
                log_template_id=_log_template(session),
            )
        )
        first = (session.scalar(select(func.max(Trigger.id))) or 0) + 1
        rows: list[dict[str, Any]] = []
        for number, trigger in enumerate(triggers):
            classpath, kwargs = trigger.serialize()
            row = Trigger(classpath=classpath, kwargs=kwargs)
            rows.append(
                {
                    "id": first + number,
                    "classpath": classpath,
                    "encrypted_kwargs": row.encrypted_kwargs,
                    "created_date": now,
                }
            )
        session.execute(insert(Trigger), rows)
        session.execute(
            insert(TaskInstance),
            [
                {
                    "id": uuid6.uuid7(),
                    "dag_id": DAG_ID,
                    "task_id": TASK_ID,
                    "run_id": run_id,
                    "map_index": number,
                    "state": "deferred",
                    "try_number": 1,
                    "max_tries": 0,
                    "pool": "default_pool",
                    "pool_slots": 1,
                    "queue": "default",
                    "priority_weight": 1,
                    "start_date": now,
                    "trigger_id": row["id"],
                    "next_method": "execute_complete",
                    "next_kwargs": {},
                    "dag_version_id": version_id,
                    "span_status": "not_started",
                }
                for number, row in enumerate(rows)
            ],
        )


def resumed(run_id: str) -> dict[int, float]:
    """Return when each task instance was set to ``scheduled`` by its trigger's event, by map index."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    question = select(TaskInstance.map_index, TaskInstance.scheduled_dttm).where(
        TaskInstance.run_id == run_id, TaskInstance.state == "scheduled", TaskInstance.next_method != "__fail__"
    )
    with create_session() as session:
        return {index: moment.timestamp() for index, moment in session.execute(question) if moment}


def states(run_id: str) -> dict[str, int]:
    """Return how many task instances are in each state."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    question = (
        select(TaskInstance.state, func.count()).where(TaskInstance.run_id == run_id).group_by(TaskInstance.state)
    )
    with create_session() as session:
        return {str(state): count for state, count in session.execute(question)}


def _dag_version() -> Any:
    """Store a DAG with the task, if it is not there yet; the id of its version."""
    from airflow.models.dag import DagModel
    from airflow.models.dag_version import DagVersion
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        known = session.scalar(select(DagVersion.id).where(DagVersion.dag_id == DAG_ID))
        if known is not None:
            return known
        session.execute(insert(DagBundleModel).values(name=BUNDLE))
        session.add(DagModel(dag_id=DAG_ID, bundle_name=BUNDLE, max_active_tasks=16, max_active_runs=16))  # type: ignore[no-untyped-call]
        session.flush()
        version = DagVersion(dag_id=DAG_ID, version_number=1, bundle_name=BUNDLE)
        session.add(version)
        session.flush()
        return version.id


def _log_template(session: Any) -> int | None:
    from airflow.models.tasklog import LogTemplate

    found: Iterable[int] = session.scalars(select(LogTemplate.id).order_by(LogTemplate.id.desc()))
    return next(iter(found), None)

"""What becomes of remote work when a user ends its waiting task and no triggerer hears of it.

Airflow tells a trigger that its task was marked as failed or successful only if a triggerer has started it. Within the
first seconds of a wait, and while no triggerer runs, it deletes the trigger without a word, and the work would go on.
The API server, which takes the user's order, tells listeners; so the work is stopped from there, too. Where the trigger
runs both stop it, which does no harm.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from airflow_provider_fate.compat import marked_runs_tell_their_tasks

if TYPE_CHECKING:
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

log = logging.getLogger(__name__)

OURS = "airflow_provider_fate."
AT_ONCE = 4
"""So many pieces of work are stopped at the same time: a user may end hundreds of mapped tasks with one click."""
_turn = threading.BoundedSemaphore(AT_ONCE)


@hookimpl
def on_task_instance_failed(task_instance: Any) -> None:
    """Stop what the task has waited for; called in whichever process Airflow notes the failure."""
    stop_abandoned_work(task_instance)


@hookimpl
def on_task_instance_success(task_instance: Any) -> None:
    """Stop what the task has waited for, as above."""
    stop_abandoned_work(task_instance)


@hookimpl
def on_task_instance_skipped(task_instance: Any) -> None:
    """Stop what the task has waited for, as above."""
    stop_abandoned_work(task_instance)


@hookimpl
def on_dag_run_failed(dag_run: Any) -> None:
    """Stop what the tasks of the run have waited for, where Airflow does not tell it of each."""
    stop_abandoned_work_of_run(dag_run)


@hookimpl
def on_dag_run_success(dag_run: Any) -> None:
    """Stop what the tasks of the run have waited for, as above."""
    stop_abandoned_work_of_run(dag_run)


def stop_abandoned_work_of_run(dag_run: Any) -> None:
    """Stop the work of all tasks of a run that are over although they still have a trigger.

    :param dag_run: as listeners get it. Only the API server and the scheduler give one that knows its tasks.
    """
    if marked_runs_tell_their_tasks() or not hasattr(dag_run, "get_task_instances"):
        return
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is not None:
        for task_instance in dag_run.get_task_instances(session=session):
            stop_abandoned_work(task_instance)


def stop_abandoned_work(task_instance: Any) -> threading.Thread | None:
    """Stop the work of a task that is over although it still has a trigger, in the background.

    :param task_instance: as listeners get it. Only the API server and the scheduler know a task's trigger; where a
        worker calls, the task has finished by itself and there is nothing to stop.
    :returns: the thread that stops it, or ``None`` where there is nothing to stop.
    """
    if getattr(task_instance, "trigger_id", None) is None:
        return None
    row = task_instance.trigger
    if row is None or not row.classpath.startswith(OURS):
        return None
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

    module, _, name = row.classpath.rpartition(".")
    trigger = getattr(import_module(module), name)(**row.kwargs)
    if not isinstance(trigger, RemoteWorkTrigger) or not trigger.stop_on_kill:
        return None
    who = ".".join(str(getattr(task_instance, name, "?")) for name in ("dag_id", "run_id", "task_id", "map_index"))
    log.info("Task %s was ended while it waited: stopping %s", who, trigger.work_id)
    thread = threading.Thread(target=_stop, args=(trigger,), name=f"stop[{trigger.work_id}]", daemon=True)
    thread.start()
    return thread


def _stop(trigger: RemoteWorkTrigger) -> None:
    with _turn:
        try:
            asyncio.run(trigger.stop_persistently())
        except Exception:
            log.exception("%s could not be stopped and may still run", trigger.work_id)

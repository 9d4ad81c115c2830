"""What becomes of remote work when its waiting task is ended and whoever waits cannot stop it.

Airflow tells a trigger that its task was marked as failed or successful only if a triggerer has started it. Within the
first seconds of a wait, and while no triggerer runs, it deletes the trigger without a word, and the work would go on.
A task that waits in its worker is told, but has only 5 s to stop the work before its process is killed; and one whose
worker is lost is not told at all.

The API server, which takes a user's order, and the scheduler, which gives up the last try of a lost worker, tell
listeners. So the work is stopped from there, too, and with more patience. Where others stop it as well that does no
harm.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from airflow_provider_fate.compat import marked_runs_tell_their_tasks
from airflow_provider_fate.remote.lifecycle import end_work
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.remote.work import Kill

if TYPE_CHECKING:
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger
    from airflow_provider_fate.remote.work import WorkKind

log = logging.getLogger(__name__)

AT_ONCE = 4
"""So many pieces of work are stopped at the same time: a user may end hundreds of mapped tasks with one click."""
OVER = ("failed", "success", "skipped")
"""States of a task that does not run again by itself."""
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
    """Stop the work of a task that was ended while it waited, in the background.

    :param task_instance: as listeners get it. Only the API server and the scheduler know a task's trigger; where a
        worker calls, the task has finished by itself and there is nothing to stop.
    :returns: the thread that stops it, or ``None`` where there is nothing to stop.
    """
    if not hasattr(task_instance, "trigger_id"):
        return None
    if task_instance.trigger_id is not None:
        row = task_instance.trigger
        trigger = None if row is None else _trigger(row.classpath, row.kwargs)
    else:
        trigger = _trigger_of_worker(task_instance)
    if trigger is None:
        return None
    try:
        kind, ref = trigger.work()
    except LookupError as e:
        log.warning("What a task has waited for cannot be stopped: %s", e)
        return None
    who = ".".join(str(getattr(task_instance, name, "?")) for name in ("dag_id", "run_id", "task_id", "map_index"))
    if kind.kill(ref) is not Kill.STOPS:
        log.info("Task %s was ended while it waited; %s goes on (%s)", who, ref.id, kind.kill(ref).value)
        return None
    log.info("Task %s was ended while it waited: stopping %s", who, ref.id)
    # Imported here and not by the thread: a worker that is forked meanwhile would have half a module.
    import asgiref.sync  # noqa: F401

    kind.prepare()
    thread = threading.Thread(target=_stop, args=(kind, ref), name=f"stop[{ref.id}]", daemon=True)
    thread.start()
    return thread


def _trigger(classpath: str, kwargs: Mapping[str, Any]) -> RemoteWorkTrigger | None:
    """Make the trigger of this provider; ``None`` for all others, and for one that another release has written."""
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

    if classpath != f"{RemoteWorkTrigger.__module__}.{RemoteWorkTrigger.__qualname__}":
        return None
    try:
        return RemoteWorkTrigger(**kwargs)
    except TypeError as e:
        log.warning("A trigger of another release cannot be read, and what it waits for goes on: %s", e)
        return None


def _trigger_of_worker(task_instance: Any) -> RemoteWorkTrigger | None:
    """The trigger that would have waited in place of the worker, from the task's XCom.

    A task that had ended before the user marked it has one as well: its work is over, and stopping it does nothing.
    """
    if getattr(task_instance, "state", None) not in OVER:
        return None  # it is tried again, and the next try takes the work up
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    from airflow_provider_fate.remote.operator import WAITS_FOR

    session = object_session(task_instance)
    if session is None:
        return None
    query = select(XComModel.value).where(
        XComModel.dag_id == task_instance.dag_id,
        XComModel.run_id == task_instance.run_id,
        XComModel.task_id == task_instance.task_id,
        XComModel.map_index == task_instance.map_index,
        XComModel.key == WAITS_FOR,
    )
    row = session.execute(query).first()
    noted = XComModel.deserialize_value(row) if row is not None else None
    # Another provider may use the same key, and an XCom backend may have put the value elsewhere.
    if not isinstance(noted, Mapping) or not isinstance(noted.get("kwargs"), Mapping):
        return None
    return _trigger(str(noted.get("classpath")), noted["kwargs"])


def _stop(kind: WorkKind[Any, Any], ref: Any) -> None:
    """Stop the work; where that fails, it is tried again for as long as a server may take to be replaced."""
    try:
        with _turn:
            asyncio.run(_stop_apart(kind, ref))
    except Exception:
        log.exception("%s could not be stopped and may still run", ref.id)
    else:
        log.info("%s is stopped", ref.id)


async def _stop_apart(kind: WorkKind[Any, Any], ref: Any) -> None:
    """Stop the work without the one thread that all of a process share for blocking calls.

    The scheduler forks the workers of the LocalExecutor. They would inherit that thread as one that runs, although it
    does not in them, and the first blocking call of a task that waits in such a worker would never return.
    """
    from asgiref.sync import ThreadSensitiveContext

    async with ThreadSensitiveContext(), kind:
        await end_work(kind, ref, patience=times().stop_abandoned, logger=log)

"""The one place that knows which Airflow is installed.

Airflow 3.1 is the oldest release this provider runs on. Whatever 3.2 and 3.3 added is asked for here by looking for
the thing itself, never by comparing version numbers elsewhere in the package.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.providers.common.compat.sdk import Connection
    from airflow.sdk import ObjectStoragePath


def trigger_has_on_kill() -> bool:
    """Whether the triggerer calls ``BaseTrigger.on_kill`` when a user kills a deferred task (Airflow >= 3.3)."""
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "on_kill")


def marked_runs_tell_their_tasks() -> bool:
    """Whether listeners hear of each task that ends because a user ends its whole run (Airflow >= 3.3)."""
    return trigger_has_on_kill()  # came in the same release, and leaves no trace of its own


def come_back_at(moment: datetime) -> Exception:
    """What a task raises to end its process and be started again at a moment."""
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import AirflowRescheduleException
    error: Exception = AirflowRescheduleException(moment)  # type: ignore[no-untyped-call]
    return error


def storage_conn_id(path: ObjectStoragePath) -> str | None:
    """The connection of a path on a storage; before Airflow 3.2 only the options of the storage have it."""
    found: str | None = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    return found


def mask_in_logs(secret: str) -> None:
    """Hide a text in all that this task, and the process that watches it, write into logs."""
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # Airflow 3.0 and early builds of 3.1
        from airflow.sdk.execution_time.secrets_masker import mask_secret  # type: ignore[no-redef]
    mask_secret(secret)


async def aget_connection(conn_id: str) -> Connection:
    """Read a connection without blocking the event loop of the triggerer.

    :param conn_id: id of the Airflow connection.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    read = getattr(BaseHook, "aget_connection", None)
    if read is not None:
        # A worker of Airflow 3.1 cannot ask for it like this, and says that there is none.
        with suppress(AirflowNotFoundException):
            connection: Connection = await read(conn_id)
            return connection
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection)(conn_id)


async def task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Ask Airflow, from inside a trigger, which state a task instance is in.

    :returns: the state, or ``None`` where it is not known.
    """
    from airflow.sdk.execution_time.comms import GetTaskStates, TaskStatesResult
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    answer = await SUPERVISOR_COMMS.asend(
        GetTaskStates(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id], map_index=map_index)
    )
    if not isinstance(answer, TaskStatesResult):
        return None
    key = task_id if map_index < 0 else f"{task_id}_{map_index}"
    state = answer.task_states.get(run_id, {}).get(key)
    return None if state is None else str(getattr(state, "value", state))

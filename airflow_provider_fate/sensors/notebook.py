"""Waits for a notebook on the machine of the worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, BaseSensorOperator

from airflow_provider_fate.operators._moments import seconds

if TYPE_CHECKING:
    from airflow.sdk import Context

_UNTIL = ("running", "idle", "stopped")


class FateNotebookSensor(BaseSensorOperator):
    """Wait until a notebook of this machine runs, is idle, or is stopped: until somebody has done their part of a DAG.

    It has to be asked on its own machine, so that a triggerer could not wait: ``mode="reschedule"``, the default here,
    gives up the worker between two looks. With several workers, give them and the notebook one queue.

    :param name: name of the notebook. (templated)
    :param until: ``"running"``: it answers. ``"idle"``: it runs, and nobody has worked in it for ``idle_after``.
        ``"stopped"``: it does not run; one that was never started is stopped, too.
    :param idle_after: how long nobody must have worked in it, ``timedelta`` or seconds.
    """

    template_fields: Sequence[str] = ("name",)
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        name: str,
        until: Literal["running", "idle", "stopped"] = "running",
        idle_after: timedelta | float = timedelta(minutes=30),
        mode: str = "reschedule",
        **kwargs: Any,
    ) -> None:
        super().__init__(mode=mode, **kwargs)
        if until not in _UNTIL:
            raise ValueError(f"until={until!r} is not one of {', '.join(_UNTIL)}")
        self.name = name
        self.until = until
        self.idle_after = seconds("idle_after", idle_after)

    def poke(self, context: Context) -> bool:
        """Look once."""
        from airflow_provider_fate.errors import FateError, FateInputError
        from airflow_provider_fate.notebooks import LocalNotebook

        try:
            notebook = LocalNotebook(self.name)
        except FateInputError as e:
            raise AirflowFailException(str(e)) from None
        state = notebook.status()
        if state is None or self.until == "stopped":
            self.log.info("Notebook %s %s", self.name, "does not run" if state is None else "runs")
            return state is None and self.until == "stopped"
        try:
            activity = notebook.activity()
        except FateError as e:
            self.log.info("Notebook %s is %s, and does not answer: %s", self.name, state.phase, e)
            return False
        idle = activity.idle_seconds()
        self.log.info("Notebook %s runs at %s, idle for %s", self.name, state.url, timedelta(seconds=round(idle)))
        return self.until == "running" or idle >= self.idle_after

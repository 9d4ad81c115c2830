"""What tasks leave behind: metrics, data, log lines."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import FlowModel

__all__ = ["DataDisplay", "LogLine", "LogType", "Metric", "MetricGroup", "MetricKey"]

LogType = Literal["schedule_info", "schedule_error", "task_info", "task_warning", "task_error", "task_debug"]
"""Which log. ``schedule_*`` are those of the job on the scheduler's site, the others those of a task."""


class MetricGroup(FlowModel):
    """What a metric belongs to, such as the training or the validation set."""

    name: str
    index: int | None = None


class MetricKey(FlowModel):
    """A metric without its values.

    :ivar step_axis: what the steps are, such as ``iterations``; ``None`` for a single value.
    """

    name: str
    type: str | None = None
    groups: list[MetricGroup] = Field(default_factory=list)
    step_axis: str | None = None


class Metric(MetricKey):
    """A metric with its values: ``[{"metric": value, "step": n, "timestamp": s}]``, or a mapping of the
    component's own.

    FATE-Flow answers one entry per step, so a loss of ten iterations comes as ten entries of the same name.
    """

    data: Any = None


class DataDisplay(FlowModel):
    """The first rows (at most 100) of a task's output.

    :ivar total: rows of the whole output.
    """

    data: list[list[Any]] = Field(default_factory=list, repr=False)
    metadata: dict[str, Any] = Field(default_factory=dict, repr=False)
    total: int | None = None


class LogLine(FlowModel):
    """A line of a log; addresses in it are masked by the server."""

    line_num: int
    content: str

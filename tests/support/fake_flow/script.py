"""What a job of the fake server will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .tables import Table

TRACEBACK = """Traceback (most recent call last):
  File "execute_cli.py", line 147, in execute_component_from_config
    component.execute(ctx, role, **execution_io.get_kwargs())
{reason}
"""


@dataclass(frozen=True)
class Failure:
    """How a task fails.

    :param reason: last line of the traceback in ``error_report``, which only the party that raised it has.
    :param party: ``(role, party id)`` of that party; by default the first party of the task.
    :param log: lines of that party's ``task_error`` log; by default the traceback.
    """

    reason: str = "ValueError: curve_type=nope is not allowed in config"
    party: tuple[str, str] | None = None
    log: Sequence[str] | None = None

    @property
    def report(self) -> str:
        """The ``error_report``."""
        return TRACEBACK.format(reason=self.reason)


@dataclass(frozen=True)
class Script:
    """How a job goes; give one to ``FakeFlow(script=...)`` or ``fake.plan(...)``.

    :param waiting: seconds in the queue.
    :param seconds: for each task, one after the other; or by task name.
    :param fail: failures by task name or component.
    :param stall: a task (name or component) that runs for ever.
    :param metrics: ``output/metric/query`` by task name; the common components have some by default.
    :param data: output tables by task name and output key; the common components have one of one row by default.
    :param models: files of a model by task name; components that train have one of a few numbers by default.
    :param settle: seconds for which a job stopped by a partner reads ``failed`` before ``canceled``.
    :param rerun_delay: seconds for which a rerun still reads the old end state.
    """

    waiting: float = 0.05
    seconds: float | Mapping[str, float] = 0.05
    fail: Mapping[str, Failure] = field(default_factory=dict)
    stall: str | None = None
    metrics: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    data: Mapping[str, Mapping[str, Sequence[Table]]] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    settle: float = 0.3
    rerun_delay: float = 0.15

    def duration(self, task: str, component: str) -> float:
        """Return how long a task runs."""
        if self.stall in (task, component):
            return float("inf")
        if isinstance(self.seconds, Mapping):
            return self.seconds.get(task, self.seconds.get(component, 0.05))
        return self.seconds

    def failure(self, task: str, component: str) -> Failure | None:
        """Return how a task fails, if it does."""
        return self.fail.get(task) or self.fail.get(component)

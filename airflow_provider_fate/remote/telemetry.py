"""What the life cycle tells Airflow's metrics and traces; where neither is configured, this costs next to nothing.

====================================  ==================================================================
metric, each tagged with ``conn_id``  when
====================================  ==================================================================
``fate.submitted``                    new work was submitted
``fate.attached``                     a task found work that it had submitted before
``fate.rerun``, ``fate.inherited``    a retry went on with an earlier job, or took over its finished tasks
``fate.stopped``                      work was stopped: a kill, a limit, a clear, a copy
``fate.ended``                        a wait ended; also tagged with ``outcome`` and ``state``
``fate.wait`` (milliseconds)          how long it took
``fate.polled``, ``fate.poll_failed`` a site was asked, or could not be, for all work that is waited for
``fate.waiting``                      gauge: so much work is waited for in this process
====================================  ==================================================================

Spans (OpenTelemetry): ``fate.find_or_submit`` and ``fate.finish``, within that of the task.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def count(name: str, conn_id: str, **tags: str) -> None:
    """Count one event."""
    _stats().incr(f"fate.{name}", tags={"conn_id": conn_id, **tags})


def timing(name: str, seconds: float, conn_id: str, **tags: str) -> None:
    """Tell how long something took."""
    _stats().timing(f"fate.{name}", seconds * 1000.0, tags={"conn_id": conn_id, **tags})


def gauge(name: str, value: float, conn_id: str) -> None:
    """Tell how much of something there is."""
    _stats().gauge(f"fate.{name}", value, tags={"conn_id": conn_id})


@contextmanager
def span(name: str, **attributes: str) -> Iterator[Any]:
    """Trace what happens in the block; gives the span, or ``None`` without OpenTelemetry."""
    try:
        from opentelemetry import trace
    except ImportError:
        yield None
        return
    with trace.get_tracer("airflow_provider_fate").start_as_current_span(f"fate.{name}") as current:
        for key, value in attributes.items():
            current.set_attribute(f"fate.{key}", value)
        yield current


def _stats() -> Any:
    from airflow.providers.common.compat.sdk import Stats

    return Stats

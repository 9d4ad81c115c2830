"""Whether a new job would start soon: FATE-Flow starts jobs in their order, and one that gets no cores holds all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_fate.site.load import SiteLoad, load_of, spoken
from airflow_provider_fate.site.preflight.check import PreflightCheck, failed, passed

if TYPE_CHECKING:
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["queue_check"]


def queue_check(session: SiteSession, now: float, max_wait: float) -> Iterator[PreflightCheck]:
    """Look whether something is stuck.

    :param now: Unix time by the server's clock.
    :param max_wait: seconds that a job may have waited.
    """
    load = load_of(session.client, now)
    if load.oldest_wait is not None and load.oldest_wait > max_wait:
        yield failed("queue", _stuck(load, max_wait), f"airflow fate diagnose {load.oldest} says why; then stop it.")
    else:
        yield passed("queue", str(load))


def _stuck(load: SiteLoad, max_wait: float) -> str:
    assert load.oldest_wait is not None
    return (
        f"job {load.oldest} has waited for {spoken(load.oldest_wait)}, longer than {spoken(max_wait)}, and holds all "
        f"behind it; {load}"
    )

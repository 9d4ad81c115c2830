"""One FATE site as code in a worker or a command uses it: its connection, and one client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.hooks.site import FateSite

__all__ = ["SiteSession", "session_at"]


@dataclass(frozen=True)
class SiteSession:
    """A site that can be asked.

    :param client: of its FATE-Flow.
    :param site: the connection.
    """

    client: FlowClient
    site: FateSite


@contextmanager
def session_at(site: FateSite) -> Iterator[SiteSession]:
    """Open a client for a site, and close it afterwards."""
    from airflow_provider_fate.clients.fate_flow import FlowClient

    with FlowClient(site.settings()) as client:
        yield SiteSession(client, site)

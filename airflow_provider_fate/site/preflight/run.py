"""A look at a site before anything is submitted to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateTlsError
from airflow_provider_fate.site.preflight.asked import Preflight
from airflow_provider_fate.site.preflight.check import CheckResult, PreflightCheck, PreflightReport, of_error
from airflow_provider_fate.site.preflight.greeting import Greeting, greet, of_clock, of_signature
from airflow_provider_fate.site.preflight.plan import PreflightPlan, without_site
from airflow_provider_fate.site.preflight.together import together
from airflow_provider_fate.site.session import SiteSession

if TYPE_CHECKING:
    from airflow_provider_fate.hooks.site import FateSite

__all__ = ["CHECK_SECONDS", "preflight"]

CHECK_SECONDS = 2.0
"""How long a check may take where nothing else is said."""


def preflight(site: FateSite, asked: Preflight, *, timeout: float = CHECK_SECONDS) -> PreflightReport:
    """Look at a site; nothing that it finds is an error here.

    :param site: the connection.
    :param asked: what it is about.
    :param timeout: seconds that one check may take. The site's first words have as long, and all else together once
        more: the whole takes twice that at most.
    :raises FateConfigError: the connection is wrong.
    """
    from airflow_provider_fate.clients.fate_flow import FlowClient

    began = time.monotonic()
    # A second try would take the time of another check.
    settings = replace(site.settings(), timeout=timeout, submit_timeout=timeout, retries=0)
    try:
        with FlowClient(settings) as client:
            checks = list(_look(SiteSession(client, site), asked, timeout))
    except FateTlsError as error:  # its CA file cannot be read
        checks = [of_error("reachable", error)]
    return PreflightReport(checks, time.monotonic() - began)


def _look(session: SiteSession, asked: Preflight, timeout: float) -> Iterator[PreflightCheck]:
    said: list[Greeting] = []

    def ask() -> list[PreflightCheck]:
        said.append(greet(session))
        return said[0].checks

    yield from together([("reachable", ask)], timeout, CheckResult.FAIL)
    greeting = said[0] if said else Greeting()
    yield from of_signature(greeting)
    if greeting.info is None:
        yield from without_site(session, asked)
    else:
        yield from of_clock(greeting)
        yield from together(PreflightPlan(session, asked, greeting).units(), timeout)

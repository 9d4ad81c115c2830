"""What can be known of a site before a job is submitted to it: whether it is likely to run.

Nothing here submits, changes or waits for anything; each check has a few seconds, and one that cannot be answered stops
no other.
"""

from __future__ import annotations

from airflow_provider_fate.site.preflight.asked import Preflight, RequiredTable
from airflow_provider_fate.site.preflight.check import CheckResult, PreflightCheck, PreflightReport
from airflow_provider_fate.site.preflight.run import preflight

__all__ = ["CheckResult", "Preflight", "PreflightCheck", "PreflightReport", "RequiredTable", "preflight"]

"""Whether a table is still like the one that a model was trained on. No Airflow.

A table is read batch by batch into a :class:`~.profile.DriftProfile`, in memory that does not depend on its rows; two
profiles are compared into a :class:`~.report.DriftReport`. Nothing of this leaves the site.
"""

from __future__ import annotations

from airflow_provider_fate.models.drift.compare import compare_profiles
from airflow_provider_fate.models.drift.profile import DriftProfile
from airflow_provider_fate.models.drift.report import ColumnDrift, DriftReport, DriftThresholds
from airflow_provider_fate.models.drift.table import DriftTable, table_of_source
from airflow_provider_fate.models.drift.tables import current_profile, reference_profile

__all__ = [
    "ColumnDrift",
    "DriftProfile",
    "DriftReport",
    "DriftTable",
    "DriftThresholds",
    "compare_profiles",
    "current_profile",
    "reference_profile",
    "table_of_source",
]

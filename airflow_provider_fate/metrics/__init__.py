"""The metrics of a job as typed values: numbers, curves, tables, importances; as files; and as points. No Airflow.

:func:`collect_metrics` reads them from the site of a party, :class:`JobMetrics` holds them, and
:func:`metric_points` gives them to a tracking server such as MLflow.
"""

from airflow_provider_fate.metrics.collect import collect_metrics
from airflow_provider_fate.metrics.document import JobMetrics
from airflow_provider_fate.metrics.files import StoredMetrics, to_parquet, write_metrics
from airflow_provider_fate.metrics.model import (
    Curve,
    FeatureImportance,
    FeatureShare,
    MeasuredJob,
    MeasuredTask,
    MetricTable,
    MetricValue,
    MissingMetric,
    RawMetric,
)
from airflow_provider_fate.metrics.points import MeasuredPoint, metric_points

__all__ = [
    "Curve",
    "FeatureImportance",
    "FeatureShare",
    "JobMetrics",
    "MeasuredJob",
    "MeasuredPoint",
    "MeasuredTask",
    "MetricTable",
    "MetricValue",
    "MissingMetric",
    "RawMetric",
    "StoredMetrics",
    "collect_metrics",
    "metric_points",
    "to_parquet",
    "write_metrics",
]

"""The checks of a job, one module per subject; :mod:`airflow_provider_fate.jobs.validate` runs them all."""

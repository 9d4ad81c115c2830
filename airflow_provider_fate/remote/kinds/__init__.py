"""The kinds of remote work, one small class each: see :class:`~airflow_provider_fate.remote.work.WorkKind`."""

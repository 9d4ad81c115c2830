"""Split scoring: a hetero model answers online, and each party keeps its part and its rows.

A host's service answers partial sums of its own columns, or directions at its own splits, for ids that the guest names.
The guest's service joins them, and speaks the Open Inference Protocol to its clients. What each side learns from that
stands in :mod:`~airflow_provider_fate.serving.split.terms`, for people who sign it off.

Nothing here knows of Airflow: ``python -m airflow_provider_fate.serving.split`` is the service.
"""

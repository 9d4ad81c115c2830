"""Operators: import them from their modules, ``airflow_provider_fate.operators.job`` and so on."""

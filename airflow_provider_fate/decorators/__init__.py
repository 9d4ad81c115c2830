"""Decorators that make Airflow tasks of functions."""

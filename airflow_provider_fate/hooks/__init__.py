"""From Airflow connections to clients.

A connection type is one declaration (``form``; FATE's is ``fate``). What Airflow is told of it, its form, how a
connection is read and what the Test button says follow from it (``hook``).
"""

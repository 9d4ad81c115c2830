"""Faults between real processes: a real Airflow, a FATE-Flow, and a proxy between them that misbehaves.

Each trial is one run of a small DAG with a connection of its own. Something goes wrong at one point of the life of its
job; what must hold at the end is the same everywhere (see `verdict`). `make chaos` runs many trials in random order.
"""

"""Whether a new model is good enough: bounds on what was measured, and the champion next to it on the same rows.

:mod:`.bounds` holds metrics to limits, :mod:`.scores` pairs two tables of scores row by row, :mod:`.measures` measures
them, :mod:`.comparison` says which is better and how sure that is, and :mod:`.judge` makes one verdict of all that. DAG
files import :mod:`.rule`, which imports nothing.
"""

from airflow_provider_fate.models.decide.rule import ScoreComparison

__all__ = ["ScoreComparison"]

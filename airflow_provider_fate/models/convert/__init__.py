"""Models that FATE has trained, as ONNX: one graph that takes raw columns by name and gives FATE's own scores.

A homo LR or NN is whole at each party. Of a hetero model each party holds a part; :func:`convert` puts the parts of all
parties together, which takes the consent of each: it has to sign off the checksum of its package. What comes out is not
to be used before :func:`require_equal` has compared it with FATE's own predictions.

It needs the extra ``onnx``: ``pip install airflow-provider-fate[onnx]``.
"""

from __future__ import annotations

from airflow_provider_fate.models.convert.compare import require_equal
from airflow_provider_fate.models.convert.convert import Converted, convert

__all__ = ["Converted", "convert", "require_equal"]

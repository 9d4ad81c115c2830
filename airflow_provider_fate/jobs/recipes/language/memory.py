"""A rough estimate of the memory that a training takes: to refuse what cannot work, not to promise what will."""

from __future__ import annotations

__all__ = ["training_gib"]

_GIB = 2**30
_WIDTH_PER_LAYER = 128
"""Width of published models divided by their number of layers: 4096 / 32 of a 7B model, 5120 / 40 of a 13B one."""
_BYTES_PER_VALUE = 34
"""Bytes that a layer keeps per token and unit of its width for the way back, in half precision."""


def training_gib(parameters: float, *, bytes_per_weight: int, rows: int, tokens: int, shares: int = 1) -> float:
    """Return about how many GiB one process needs to train an adapter, to a factor of two.

    :param parameters: number of weights of the model.
    :param bytes_per_weight: 4 for float32, 2 for half precision.
    :param rows: per step.
    :param tokens: of the longest row.
    :param shares: processes that the weights are divided between.
    """
    # A model has about 12 * layers * width^2 weights.
    width: float = (parameters * _WIDTH_PER_LAYER / 12) ** (1 / 3)
    layers = width / _WIDTH_PER_LAYER
    kept = rows * tokens * layers * width * _BYTES_PER_VALUE * bytes_per_weight / 2
    return (parameters * bytes_per_weight / shares + kept) / _GIB

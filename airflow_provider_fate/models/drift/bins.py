"""Bins of numbers, learned from a sample of the reference, and the few of them that an index of PSI compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from airflow_provider_fate.models.drift.values import Floats

__all__ = ["FINE", "Bins", "coarse", "equal_width", "learn_bins"]

FINE = 256
"""About so many bins are learned for a column: KS is exact but for the share of one of them."""
_FEW = 20
"""A column with no more than so many values has a bin of PSI for each."""
_ALIKE = 2.0**-20
"""Numbers that differ by less than this part are one: a site keeps 32 bits of a number of which a file has 64."""


@dataclass(frozen=True)
class Bins:
    """Where the bins of a column end.

    :param edges: ascending; a bin has its upper edge and not its lower one.
    :param atoms: numbers of the bins around one frequent value.
    """

    edges: tuple[float, ...] = ()
    atoms: tuple[int, ...] = ()


def learn_bins(sample: Floats, least: int = 1, *, fine: int = FINE) -> Bins:
    """Cut a sample into parts of about equal size; a value that is too frequent for that gets a bin of its own.

    :param sample: finite values, ascending.
    :param least: so many of them at least are in a bin, other than beside a frequent value.
    :param fine: about so many bins.
    """
    if not sample.size:
        return Bins()
    values, counts = np.unique(sample, return_counts=True)
    size = max(least, -(-sample.size // fine))
    middles = values[:-1] / 2 + values[1:] / 2  # an edge is no row's own value, where it can be another one
    middles = np.where((values[:-1] <= middles) & (middles < values[1:]), middles, values[:-1])
    edges: list[float] = []
    around: list[tuple[float, float]] = []
    waiting = 0
    for place, (value, count) in enumerate(zip(values.tolist(), counts.tolist(), strict=True)):
        last = place == len(values) - 1
        if count >= size:
            margin = abs(value) * _ALIKE
            low = max(value - margin, float(middles[place - 1])) if place else value - margin
            high = value + margin if last else min(value + margin, float(middles[place]))
            low = low if low < value else float(np.nextafter(value, -np.inf))
            high = max(high, value)
            around.append((low, high))
            edges += [low, high]
            waiting = 0
            continue
        waiting += count
        if waiting >= size and not last:
            edges.append(float(middles[place]))
            waiting = 0
    kept = sorted({edge for edge in edges if np.isfinite(edge)})
    number = {edge: place for place, edge in enumerate(kept)}
    atoms = sorted({number[high] for low, high in around if number.get(high, 0) == number.get(low, -2) + 1})
    return Bins(tuple(kept), tuple(atoms))


def equal_width(sample: Floats, fine: int = FINE) -> Bins:
    """Bins of equal width between the lowest and the highest value of a sample."""
    if not sample.size or sample[0] == sample[-1]:
        return learn_bins(sample)
    return Bins(tuple(np.unique(np.linspace(sample[0], sample[-1], fine + 1)[1:-1]).tolist()))


def coarse(edges: Sequence[float], counts: Sequence[int], atoms: Sequence[int], bins: int, *, equal: bool) -> list[int]:
    """Choose the edges between which PSI counts, by their positions.

    :param counts: values of the reference in each bin.
    :param bins: about so many are wanted; a column with few values has one for each.
    :param equal: of equal width, where the edges are.
    """
    if not edges:
        return []
    taken = {place for place, count in enumerate(counts) if count}
    if taken <= set(atoms) and len(taken) <= _FEW:
        return list(range(len(edges)))
    if equal:
        wanted = np.linspace(edges[0], edges[-1], bins + 1)[1:-1]
        return sorted({int(np.abs(np.asarray(edges) - edge).argmin()) for edge in wanted})
    below = np.cumsum(counts)[:-1]
    total = sum(counts)
    return sorted({int(np.abs(below - total * part / bins).argmin()) for part in range(1, bins)})

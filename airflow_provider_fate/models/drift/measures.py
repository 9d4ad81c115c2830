"""The two measures of drift: the index PSI of two histograms, and the distance of Kolmogorov and Smirnov.

Neither needs SciPy, which an Airflow need not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import erfc, exp, lgamma, log, sqrt

__all__ = ["ks_distance", "ks_p_value", "psi_by_chance", "psi_index"]

_SMOOTHING = 0.5
"""Rows that are added to each bin, so that an empty one gives a large number and not an infinite one."""


def psi_index(before: Sequence[int], now: Sequence[int]) -> float:
    """The population stability index: the sum of ``(q - p) * ln(q / p)`` over the bins.

    Half a row is added to each bin on both sides. Bins that are empty on both sides do not count.

    :param before: rows of the reference in each bin.
    :param now: rows of the current table in the same bins.
    """
    bins = [pair for pair in zip(before, now, strict=True) if any(pair)]
    if len(bins) < 2:
        return 0.0
    total_before = sum(count for count, _ in bins) + _SMOOTHING * len(bins)
    total_now = sum(count for _, count in bins) + _SMOOTHING * len(bins)
    index = 0.0
    for count_before, count_now in bins:
        p, q = (count_before + _SMOOTHING) / total_before, (count_now + _SMOOTHING) / total_now
        index += (q - p) * log(q / p)
    return index


def psi_by_chance(bins: int, before: int, now: int, level: float, base: int = 1) -> float:
    """The index that two samples of one population exceed with a probability of ``level``.

    The index of equal populations is spread like chi-square with one degree of freedom less than there are bins, times
    ``1/before + 1/now`` (Yurdakul, 2018). Counts that were rounded add to it what rounding does.

    :param bins: that are not empty.
    :param before: rows of the reference.
    :param now: rows of the current table.
    :param base: of which counts are multiples.
    """
    if bins < 2 or not before or not now:
        return 0.0
    rounding = (base * base - 1) / 6 * bins
    return _chi_square(bins - 1, level) * sum(1 / rows + rounding / (rows * rows) for rows in (before, now))


def _chi_square(free: int, level: float) -> float:
    """The value that chi-square exceeds with a probability of ``level``."""
    low, high = 0.0, 1.0
    while _exceeds(high, free) > level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _exceeds(middle, free) > level else (low, middle)
    return high


def _exceeds(value: float, free: int) -> float:
    """The probability with which chi-square of so many degrees of freedom exceeds a value, in closed form."""
    half = value / 2
    if free % 2:
        rest = sum(exp((k - 0.5) * log(half) - half - lgamma(k + 0.5)) for k in range(1, free // 2 + 1))
        return erfc(sqrt(half)) + rest
    return sum(exp(k * log(half) - half - lgamma(k + 1)) for k in range(free // 2))


def ks_distance(before: Sequence[int], now: Sequence[int]) -> float:
    """The largest distance of two distribution functions, looked at where bins end.

    It is at most the true distance, and less by no more than the share of the largest bin of the reference: inside of a
    bin the one function grows by that share, and the other one only towards its value at the end.

    :param before: values of the reference in each bin, from the lowest to the highest.
    :param now: values of the current table in the same bins.
    """
    total_before, total_now = sum(before), sum(now)
    if not total_before or not total_now:
        return 0.0
    return max(
        abs(low / total_before - high / total_now)
        for low, high in zip(accumulate(before), accumulate(now), strict=True)
    )


def ks_p_value(distance: float, before: int, now: int) -> float:
    """How probable such a distance or a larger one is for samples of one population.

    Kolmogorov's distribution with the correction of Stephens (1970); good from about 20 values on each side. With
    values that occur again and again the true probability is lower.
    """
    if distance <= 0 or not before or not now:
        return 1.0
    root = sqrt(before * now / (before + now))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0  # the series converges slowly there, and is 1 but for 1e-12
    terms = ((2 if k % 2 else -2) * exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))

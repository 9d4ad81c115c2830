"""Whether a service gives FATE's own scores, in time; and what its traffic was like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_fate.errors import FateError, FateServiceUnfit
from airflow_provider_fate.serving.protocol import ServiceClient
from airflow_provider_fate.serving.records import TrackTraffic

__all__ = ["SmokeReport", "TrafficBounds", "ask_and_compare", "since"]


@dataclass(frozen=True)
class SmokeReport:
    """What was asked, and how the answers were.

    :param rows: so many were compared.
    :param largest_difference: of any score from FATE's; of scores beyond 1 a share of the score.
    :param latency_ms: the 95th percentile of the requests, in milliseconds.
    """

    rows: int
    requests: int
    largest_difference: float
    latency_ms: float


@dataclass(frozen=True)
class TrafficBounds:
    """What the requests of clients must be like.

    :param requests: so many are needed to judge.
    :param error_share: of them that may fail, from 0 to 1.
    :param latency_ms: of the 95th percentile, in milliseconds; ``None``: any.
    """

    requests: int = 1
    error_share: float = 0.0
    latency_ms: float | None = None

    def broken_by(self, traffic: TrackTraffic) -> str:
        """What is out of bounds, in a sentence; empty: nothing, as far as can be judged yet."""
        if traffic.requests < self.requests:
            return ""
        share = traffic.errors / traffic.requests if traffic.requests else 0.0
        if share > self.error_share:
            return f"{traffic.errors} of {traffic.requests} requests failed, more than {self.error_share:.2%}"
        if self.latency_ms is not None and (latency := percentile(traffic)) > self.latency_ms:
            return f"95 % of {traffic.requests} requests took up to {latency:g} ms, more than {self.latency_ms:g} ms"
        return ""


def ask_and_compare(
    url: str,
    columns: Mapping[str, Sequence[float]],
    expected: Sequence[float | Sequence[float]],
    *,
    version: str,
    tolerance: float = 1e-5,
    batch: int = 100,
    max_latency_ms: float | None = None,
) -> SmokeReport:
    """Send rows to a service, and compare each of its scores with FATE's.

    :param columns: values of each input, by its name.
    :param expected: FATE's scores of the same rows: a number, or one for each class.
    :param version: which must answer.
    :param tolerance: largest difference; of scores beyond 1, a share of the score.
    :param batch: rows of a request.
    :param max_latency_ms: bound of the 95th percentile.
    :raises FateServiceUnfit: a score differs, an answer fails or is another version's, or they take too long.
    """
    largest, took = 0.0, []
    with ServiceClient(url) as client:
        for start in range(0, len(expected), batch):
            part = {name: values[start : start + batch] for name, values in columns.items()}
            try:
                answer = client.score(part)
            except FateError as error:
                raise FateServiceUnfit(f"Version {version} fails: {error.message}") from None
            if answer.version not in (None, version):
                raise FateServiceUnfit(f"{url} is answered by version {answer.version}, and not by {version}.")
            took.append(answer.milliseconds)
            wanted = expected[start : start + batch]
            if len(answer.scores) != len(wanted):
                raise FateServiceUnfit(f"Version {version} gives {len(answer.scores)} scores for {len(wanted)} rows.")
            for number, (ours, fates) in enumerate(zip(answer.scores, wanted, strict=True), start + 1):
                largest = max(largest, _difference(number, ours, fates, version, tolerance))
    latency = sorted(took)[math.ceil(0.95 * len(took)) - 1]
    if max_latency_ms is not None and latency > max_latency_ms:
        raise FateServiceUnfit(
            f"Version {version} takes {latency:.0f} ms for {batch} rows (95 % of {len(took)} requests), more than "
            f"{max_latency_ms:g} ms."
        )
    return SmokeReport(len(expected), len(took), largest, round(latency, 3))


def since(before: TrackTraffic | None, now: TrackTraffic) -> TrackTraffic:
    """What was asked since an earlier count; all of it, where the counts began anew meanwhile."""
    if before is None or before.requests > now.requests:
        return now
    latencies = {limit: count - before.latencies.get(limit, 0) for limit, count in now.latencies.items()}
    return TrackTraffic(requests=now.requests - before.requests, errors=now.errors - before.errors, latencies=latencies)


def percentile(traffic: TrackTraffic, share: float = 0.95) -> float:
    """Upper limit in milliseconds of the bucket in which this share of the requests lies."""
    wanted = share * traffic.requests
    limits = sorted((float(limit), count) for limit, count in traffic.latencies.items())
    return next((limit for limit, count in limits if count >= wanted), math.inf)


def _difference(
    row: int, ours: Sequence[float], fates: float | Sequence[float], version: str, tolerance: float
) -> float:
    wanted = [float(one) for one in fates] if isinstance(fates, Sequence) else [float(fates)]
    if len(wanted) != len(ours):
        raise FateServiceUnfit(
            f"Version {version} gives {len(ours)} scores for a row, and FATE has given {len(wanted)}."
        )
    largest = 0.0
    for one, other in zip(ours, wanted, strict=True):
        off = abs(one - other) / max(1.0, abs(other))
        if math.isnan(off) or off > tolerance:
            raise FateServiceUnfit(
                f"Row {row}: version {version} gives {one!r}, FATE has given {other!r}, which is more than "
                f"{tolerance:g} apart.",
                hint="Were these rows scored by the model that is served?",
            )
        largest = max(largest, off)
    return largest

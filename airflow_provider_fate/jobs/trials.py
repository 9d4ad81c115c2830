"""What came out of a sweep: its trials in a table, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.jobs.problems import did_you_mean
from airflow_provider_fate.jobs.sweeps import Sweep

__all__ = ["SweepResult", "TrialResult", "TrialState", "best", "judge"]

Mode = Literal["max", "min"]


class TrialState(StrEnum):
    """What became of a trial."""

    JUDGED = "judged"
    FAILED = "failed"
    """Its task has no result: it failed, or was never run."""
    NO_METRIC = "no metric"
    """It succeeded, and has no such metric."""
    NOT_A_NUMBER = "not a number"
    """Its metric is NaN, infinite, or text."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trial.

    :ivar number: from 0.
    :ivar parameters: what was varied; empty where it is not known.
    :ivar state: what became of it.
    :ivar value: the metric; ``None`` unless it was judged.
    :ivar result: what its task has given back; empty if it failed.
    :ivar job_id: its FATE job, also of one that failed, where it is known.
    """

    number: int
    parameters: Mapping[str, Any]
    state: TrialState
    value: float | None
    result: Mapping[str, Any]
    job_id: str | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "trial": self.number,
            "parameters": dict(self.parameters),
            "state": self.state.value,
            "value": self.value,
            "job_id": self.job_id,
            "model_id": self.result.get("model_id"),
            "model_version": self.result.get("model_version"),
            "metrics": dict(self.result.get("metrics") or {}),
        }


@dataclass(frozen=True, slots=True)
class SweepResult:
    """All trials, judged by one metric.

    :ivar metric: its name.
    :ivar mode: ``max`` where more is better.
    :ivar trials: in their order.
    """

    metric: str
    mode: Mode
    trials: tuple[TrialResult, ...]

    @property
    def ranked(self) -> list[TrialResult]:
        """Those that were judged, the best first; of equal ones, the one that was described first."""
        judged = [trial for trial in self.trials if trial.value is not None]
        sign = -1 if self.mode == "max" else 1
        return sorted(judged, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    @property
    def best(self) -> TrialResult:
        """The winner.

        :raises FateInputError: no trial could be judged; says why.
        """
        if ranked := self.ranked:
            return ranked[0]
        raise FateInputError(f"none of {len(self.trials)} trials has a {self.metric}.", hint=self._why_none())

    @property
    def tied(self) -> list[int]:
        """Numbers of the other trials that are exactly as good as the best."""
        ranked = self.ranked
        return [trial.number for trial in ranked[1:] if trial.value == ranked[0].value]

    def in_state(self, state: TrialState) -> list[int]:
        """Numbers of the trials in a state."""
        return [trial.number for trial in self.trials if trial.state is state]

    def to_json(self) -> dict[str, Any]:
        """As plain data, for XCom."""
        return {
            "metric": self.metric,
            "mode": self.mode,
            "best": self.best.to_json(),
            "tied": self.tied,
            "failed": self.in_state(TrialState.FAILED),
            "without_metric": sorted([*self.in_state(TrialState.NO_METRIC), *self.in_state(TrialState.NOT_A_NUMBER)]),
            "trials": [trial.to_json() for trial in self.trials],
        }

    def to_markdown(self) -> str:
        """A table of all trials, the best first, then what could not be judged."""
        names = list(dict.fromkeys(name for trial in self.trials for name in trial.parameters))
        ranked = self.ranked
        rest = [trial for trial in self.trials if trial.value is None]
        lines = [
            _row(["", "trial", *names, self.metric, "job"]),
            _row(["---", "---:", *("---" for _ in names), "---:", "---"]),
        ]
        for place, trial in enumerate((*ranked, *rest), start=1):
            value = trial.state.value if trial.value is None else f"{trial.value:.6g}"
            rank = "" if trial.value is None else "best" if place == 1 else str(place)
            shown = [str(trial.parameters.get(name, "")) for name in names]
            lines.append(_row([rank, str(trial.number), *shown, value, trial.job_id or "unknown"]))
        return "\n".join(lines)

    def _why_none(self) -> str:
        failed = self.in_state(TrialState.FAILED)
        if len(failed) == len(self.trials):
            return "All of them have failed: look at the log of one of them."
        if odd := self.in_state(TrialState.NOT_A_NUMBER):
            return f"It is not a number in trial {', '.join(map(str, odd))}: was the model trained on one class?"
        known = sorted({name for trial in self.trials for name in (trial.result.get("metrics") or {})})
        listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        return did_you_mean(self.metric, known, otherwise=f"They have: {listed or 'no metrics'}.")


def judge(
    results: Sequence[Mapping[str, Any] | None],
    *,
    metric: str = "auc",
    mode: Mode = "max",
    sweep: Sweep | None = None,
    jobs: Sequence[Mapping[str, Any] | None] = (),
) -> SweepResult:
    """Judge the trials of a sweep.

    :param results: what the tasks have given back, in the order of the trials; ``None`` for one that has failed.
    :param metric: name of a metric in ``metrics``: ``auc``, ``cv.auc.mean``, ``evaluation_0.sbt_0.train_set.ks``.
    :param mode: ``max`` where more is better, ``min`` for an error.
    :param sweep: says what was varied.
    :param jobs: what the tasks have said about their jobs when these began (XCom ``fate_job``), for those that failed.
    :raises FateInputError: ``mode`` is neither, or the numbers of trials and results differ.
    """
    if mode not in ("max", "min"):
        raise FateInputError(f"mode={mode!r} is unknown.", hint="Write 'max', or 'min' for an error such as rmse.")
    if sweep is not None and len(sweep) != len(results):
        raise FateInputError(
            f"there are {len(sweep)} trials and {len(results)} results.",
            hint="Give the results in the order of the trials, with None for each one that has failed.",
        )
    parameters = sweep.parameters if sweep is not None else [{} for _ in results]
    trials = []
    for number, (result, varied) in enumerate(zip(results, parameters, strict=True)):
        state, value = _value(result, metric)
        said = result or (jobs[number] if number < len(jobs) else None) or {}
        job_id = said.get("job_id")
        trials.append(TrialResult(number, varied, state, value, result or {}, None if job_id is None else str(job_id)))
    return SweepResult(metric, mode, tuple(trials))


def best(
    results: Sequence[Mapping[str, Any] | None],
    metric: str = "auc",
    mode: Mode = "max",
    *,
    sweep: Sweep | None = None,
) -> dict[str, Any]:
    """Pick the best trial.

    :param results: as for :func:`judge`.
    :param metric: likewise.
    :param mode: likewise.
    :param sweep: likewise.
    :returns: ``{"trial", "parameters", "value", "job_id", "model_id", "model_version", "metrics", ...}`` of the
        winner, which can be scored with, exported, or gone on from; with ``tied``, the trials that are exactly as good
        (the first one wins), ``failed`` and ``without_metric``.
    :raises FateInputError: no trial has the metric as a number; says why.
    """
    found = judge(results, metric=metric, mode=mode, sweep=sweep).to_json()
    return {**found["best"], **{key: found[key] for key in ("metric", "mode", "tied", "failed", "without_metric")}}


def _value(result: Mapping[str, Any] | None, metric: str) -> tuple[TrialState, float | None]:
    if not result:
        return TrialState.FAILED, None
    value = (result.get("metrics") or {}).get(metric)
    if value is None:
        return TrialState.NO_METRIC, None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return TrialState.NOT_A_NUMBER, None
    return TrialState.JUDGED, float(value)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

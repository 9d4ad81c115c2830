"""A verdict for people: sentences, a table for the log, and Markdown for whoever approves."""

from __future__ import annotations

import math
from collections.abc import Mapping

from airflow_provider_fate.models.decide.verdict import BoundFigure, ComparisonFigure, GateVerdict, RowsFigure, Standing
from airflow_provider_fate.models.markdown import plain, table
from airflow_provider_fate.text import columns

__all__ = ["bound_sentence", "comparison_sentence", "difference_markdown", "verdict_markdown", "verdict_table"]

_MANY = 40
"""Metrics that are named in a difference; the cards have all of them."""


def number(value: float | None) -> str:
    """A figure as people read it."""
    return "" if value is None else f"{value:.4g}"


def signed(value: float) -> str:
    """A difference, with its sign."""
    return f"{value:+.3g}"


# --- sentences --------------------------------------------------------------------------------------------------------


def bound_sentence(figure: BoundFigure) -> str:
    """What is to be said of a bound that was judged."""
    assert figure.value is not None
    # As many digits as it takes to see on which side of the bound it is.
    value = number(figure.value) if figure.held else f"{figure.value:.10g}"
    return f"{figure.metric} is {value}: {'' if figure.held else 'not '}{figure.bound}."


def comparison_sentence(figure: ComparisonFigure, rows: RowsFigure) -> str:
    """What is to be said of a comparison."""
    by = f" by more than {figure.margin:g}" if figure.margin else ""
    says = {
        Standing.BETTER: "the challenger is better",
        Standing.NOT_WORSE: f"the challenger is not worse{by}",
        Standing.WORSE: "the challenger is worse",
        Standing.UNDECIDED: "which does not decide whether it is worse",
    }[figure.standing]
    required = "" if figure.passed else f"; {figure.require.replace('_', ' ')} is required"
    alone = [f"{who} only: {more:,}" for who, more in _alone(rows) if more]
    left_out = f" (left out, scored by the {'; by the '.join(alone)})" if alone else ""
    return (
        f"On {rows.rows:,} rows{left_out} {figure.metric} is {number(figure.challenger)}, and "
        f"{number(figure.champion)} of the champion: {_gain(figure)}, {says}{required}."
    )


def _alone(rows: RowsFigure) -> tuple[tuple[str, int], tuple[str, int]]:
    """Rows that one model alone has scored."""
    return ("challenger", rows.only_challenger), ("champion", rows.only_champion)


def _gain(figure: ComparisonFigure) -> str:
    interval = f"{figure.level * 100:.4g} % interval {signed(figure.low)} to {signed(figure.high)}"
    return f"a gain of {signed(figure.gain)} ({interval})"


def headline(verdict: GateVerdict) -> str:
    """All of it in a few words."""
    if verdict.passed:
        return "The gate is passed."
    return "The gate is not passed." if verdict.judged else "The gate is not passed: not all of it could be judged."


# --- the log ----------------------------------------------------------------------------------------------------------


def verdict_table(verdict: GateVerdict) -> str:
    """Figures, one line each."""
    rows: list[tuple[str | None, ...]] = [
        (b.metric, number(b.value) or None, None, b.bound, "held" if b.held else "not held") for b in verdict.bounds
    ]
    for figure in verdict.figures:
        found = verdict.comparison
        decides = found is not None and found.metric == figure.metric
        rows.append(
            (
                figure.metric,
                number(figure.challenger),
                number(figure.champion) or None,
                f"{signed(found.low)} to {signed(found.high)}" if found and decides else None,
                found.standing.value if found and decides else None,
            )
        )
    return "\n".join(columns(("metric", "challenger", "champion", "bound or interval", ""), rows)) if rows else ""


# --- Markdown ---------------------------------------------------------------------------------------------------------


def verdict_markdown(verdict: GateVerdict) -> str:
    """The verdict as a section of Markdown."""
    blocks = [
        "## Quality gate",
        f"**{headline(verdict)}**",
        "\n".join(f"- {plain(reason)}" for reason in verdict.reasons),
    ]
    if verdict.bounds:
        blocks.append(
            table(
                ("metric", "value", "bound", ""),
                [(b.metric, number(b.value), b.bound, "held" if b.held else "not held") for b in verdict.bounds],
            )
        )
    if verdict.figures:
        blocks += [f"On the held-out rows{_rows(verdict.rows)}:", _figures(verdict)]
    return "\n\n".join(blocks) + "\n"


def _rows(rows: RowsFigure | None) -> str:
    if rows is None:
        return ""
    classes = ", ".join(f"{number:,} of class {plain(name)}" for name, number in rows.classes.items())
    alone = [f"{more:,} were scored by the {who} only and left out" for who, more in _alone(rows) if more]
    return f" ({'; '.join([f'{rows.rows:,}' + (f', {classes}' if classes else ''), *alone])})"


def _figures(verdict: GateVerdict) -> str:
    found = verdict.comparison
    if found is None:
        return table(("metric", "challenger"), [(f.metric, number(f.challenger)) for f in verdict.figures])
    rows = []
    for figure in verdict.figures:
        decides = figure.metric == found.metric
        change = "" if figure.champion is None else signed(figure.challenger - figure.champion)
        says = f"{_gain(found)}: {found.standing}" if decides else ""
        rows.append((figure.metric, number(figure.challenger), number(figure.champion), change, says))
    return table(("metric", "challenger", "champion", "change", ""), rows)


def difference_markdown(
    challenger: Mapping[str, object], champion: Mapping[str, object], champion_name: str = "the champion"
) -> str:
    """Metrics of two models side by side, each as its own training has measured it.

    :param champion_name: what to call the champion.
    """
    rows = []
    for name in [*challenger, *(name for name in champion if name not in challenger)]:
        ours, theirs = (_number(metrics.get(name)) for metrics in (challenger, champion))
        if ours is None and theirs is None:
            continue
        change = "" if ours is None or theirs is None else signed(ours - theirs)
        rows.append((name, number(ours), number(theirs), change))
    more = f"\n\nand {len(rows) - _MANY} more, which are in the cards" if len(rows) > _MANY else ""
    head = f"## Next to {plain(champion_name)}"
    if not rows:
        return f"{head}\n\nNeither model has metrics at this site.\n"
    note = "Each model was measured by its own training, perhaps on other rows."
    return f"{head}\n\n{note}\n\n{table(('metric', 'this model', 'champion', 'change'), rows[:_MANY])}{more}\n"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)

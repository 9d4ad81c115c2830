"""What the cards of a model know that FATE's model does not say: columns, order of steps, what binnings replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_fate.models.card import ModelCard
from airflow_provider_fate.models.convert.reading import Transforms

__all__ = ["Described", "described_by"]


@dataclass(frozen=True)
class Described:
    """What :func:`~airflow_provider_fate.models.convert.convert` wants to know besides the packages.

    :param columns: of the training table, in order; ``None``: not known.
    :param transforms: by the task of each binning, what it has put in the place of values.
    :param order: tasks, as they ran.
    """

    columns: tuple[str, ...] | None = None
    transforms: dict[str, Transforms] = field(default_factory=dict)
    order: tuple[str, ...] = ()


def described_by(cards: Sequence[ModelCard]) -> Described:
    """Read cards, that of the party whose columns count first."""
    if not cards:
        return Described()
    transforms: dict[str, Transforms] = {}
    for card in cards:
        for task in card.tasks:
            if task.component == "hetero_feature_binning":
                # One party may replace values where another does not: then there are some that are replaced.
                transforms[task.task] = task.parameters.get("transform_method") or transforms.get(task.task)
    # A table that another has taken the place of says nothing of the training.
    tables = [table for table in cards[0].tables if table.columns and not table.replaced_since]
    same = len({table.columns for table in tables}) == 1
    return Described(
        columns=tables[0].columns if same else None,
        transforms=transforms,
        order=tuple(task.task for task in cards[0].tasks),
    )

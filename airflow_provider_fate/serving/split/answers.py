"""What a party answers of its rows: partial sums, or the direction at its own splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.serving.split.document import LinearShare, SplitColumn, TreeShare

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Rows = npt.NDArray[np.float64]

__all__ = ["LinearAnswers", "TreeAnswers"]

_NEARLY = 1e-8
"""FATE goes left where a value is at most the split and this."""


def _prepared(columns: Sequence[SplitColumn], raw: Rows) -> Rows:
    """The columns as the training saw them."""
    import numpy as np

    made = np.empty_like(raw)
    for number, column in enumerate(columns):
        values = raw[:, number]
        for step in column.steps:
            values = step.apply(values)
        made[:, number] = values
    return made


class LinearAnswers:
    """Partial sums of a linear model.

    :param share: the party's coefficients.
    :param digits: decimals of what is given away; ``None``: all.
    """

    def __init__(self, share: LinearShare, digits: int | None = None) -> None:
        import numpy as np

        self.columns = share.columns
        self.classes = len(share.weights)
        self._weights = np.array(share.weights, dtype=np.float64).reshape(self.classes, len(share.columns)).T
        self._intercepts = np.array(share.intercepts, dtype=np.float64)
        self._digits = digits

    def sums(self, raw: Rows) -> Rows:
        """One for each row and class."""
        sums: Rows = _prepared(self.columns, raw) @ self._weights + self._intercepts
        return sums if self._digits is None else sums.round(self._digits)


class TreeAnswers:
    """Directions at the splits of one party.

    :param share: its splits.
    """

    def __init__(self, share: TreeShare) -> None:
        import numpy as np

        self.columns = share.columns
        self._places = {(split.tree, split.node): number for number, split in enumerate(share.splits)}
        self._column = np.array([split.column for split in share.splits], dtype=np.int64)
        self._at = np.array([split.at + _NEARLY for split in share.splits], dtype=np.float64)

    def require_known(self, trees: Sequence[int], nodes: Sequence[int]) -> None:
        """Check that all that is asked for is there.

        :raises FateInputError: this party has no such split.
        """
        for tree, node in zip(trees, nodes, strict=True):
            if (tree, node) not in self._places:
                raise FateInputError(
                    f"Node {node} of tree {tree} is no split of this party.", hint="Ask for the splits that it has."
                )

    def to_the_left(
        self, raw: Rows, rows: Sequence[int], trees: Sequence[int], nodes: Sequence[int]
    ) -> npt.NDArray[np.bool_]:
        """For each question, whether the row goes to the left; one with a missing value goes to the right, as in FATE.

        :param raw: the rows.
        :param rows: of each question, the number of the row.
        :param trees: the number of the tree.
        :param nodes: the number of the node.
        """
        import numpy as np

        places = np.array([self._places[key] for key in zip(trees, nodes, strict=True)], dtype=np.int64)
        values = _prepared(self.columns, raw)[np.asarray(rows, dtype=np.int64), self._column[places]]
        answer: npt.NDArray[np.bool_] = values <= self._at[places]
        return answer

"""Trees as the guest knows them: their shape, who has each split, and the weights of the leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.serving.split.document import SplitNode, TreeShare

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Places = npt.NDArray[np.int64]

__all__ = ["Forest"]


class Forest:
    """All trees of a model, as arrays over all of their nodes.

    Rows stand in nodes: a table of *positions* has a line for each row and a column for each tree.

    :param share: the guest's, with the shape.
    :raises FateInputError: a tree is none: a node is missing, or has two above it.
    """

    def __init__(self, share: TreeShare) -> None:
        import numpy as np

        if share.shape is None:
            raise FateInputError("Only the guest's part has the shape of the trees.", hint="Give the guest's part.")
        self.shape = share.shape
        nodes = [(number, node) for number, tree in enumerate(share.shape.trees) for node in tree]
        place = {(tree, node.node): number for number, (tree, node) in enumerate(nodes)}
        roots = [_root(tree, tree_nodes) for tree, tree_nodes in enumerate(share.shape.trees)]
        self.owners = sorted({node.owner for _, node in nodes if node.owner is not None})
        numbers = {owner: number for number, owner in enumerate(self.owners)}
        self._owner = np.array([-1 if node.owner is None else numbers[node.owner] for _, node in nodes])
        self._left = np.array([-1 if node.owner is None else place[tree, node.left] for tree, node in nodes])
        self._right = np.array([-1 if node.owner is None else place[tree, node.right] for tree, node in nodes])
        self._weight = np.array([node.weight for _, node in nodes], dtype=np.float64)
        self._tree = np.array([tree for tree, _ in nodes])
        self._node = np.array([node.node for _, node in nodes])
        self._roots = np.array([place[tree, root] for tree, root in enumerate(roots)])

    def start(self, rows: int) -> Places:
        """All rows at the roots."""
        import numpy as np

        return np.tile(self._roots, (rows, 1))

    def waiting(self, positions: Places, owner: str) -> Places:
        """Where a direction of this party is awaited: places in the flat table, row after row."""
        import numpy as np

        if owner not in self.owners:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self._owner[positions] == self.owners.index(owner))

    def questions(self, positions: Places, places: Places) -> tuple[Places, Places, Places]:
        """For each place the row, the tree, and the node in it."""
        at = positions.ravel()[places]
        return places // positions.shape[1], self._tree[at], self._node[at]

    def move(self, positions: Places, places: Places, left: npt.NDArray[np.bool_]) -> None:
        """Go on from the places, to the left or to the right."""
        import numpy as np

        flat = positions.reshape(-1)  # a view
        at = flat[places]
        flat[places] = np.where(left, self._left[at], self._right[at])

    def sums(self, positions: Places) -> npt.NDArray[np.float64]:
        """Weights of the leaves that rows stand in, added up; trees take turns at the classes."""
        import numpy as np

        width, trees = self.shape.width, positions.shape[1]
        weights = self._weight[positions] * self.shape.rate
        sums = np.stack([weights[:, first:trees:width].sum(axis=1) for first in range(width)], axis=1)
        made: npt.NDArray[np.float64] = sums + self.shape.start
        return made


def _root(number: int, nodes: tuple[SplitNode, ...]) -> int:
    """The node above all others, each of which is reached once: no row can walk in a circle, or out of the tree.

    :raises FateInputError: there is none.
    """
    there = {node.node: node for node in nodes}
    below = {child for node in nodes if node.owner is not None for child in (node.left, node.right)}
    tops = [node for node in there if node not in below]
    reached: list[int] = []
    ahead = tops[:1]
    while ahead and len(reached) <= len(nodes):
        reached.append(ahead.pop())
        node = there.get(reached[-1])
        if node is not None and node.owner is not None:
            ahead += [node.left, node.right]
    if sorted(reached) != sorted(node.node for node in nodes):
        raise FateInputError(f"Tree {number} of the model is no tree.", hint="Export the model again.")
    return tops[0]

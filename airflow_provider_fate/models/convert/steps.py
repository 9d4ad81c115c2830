"""What was done to columns before the training: as nodes of a graph, and done again to values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.graph import Graph, Step

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["BinNumbers", "RangeScaling", "StandardScaling", "Steps", "bins_of", "scaling_of"]


@dataclass(frozen=True)
class StandardScaling:
    """To a mean of 0 and a standard deviation of 1."""

    mean: float
    std: float

    def add(self, graph: Graph, values: str) -> str:
        """Add it."""
        shifted = graph.node("Sub", [values, graph.constant([self.mean])])
        return graph.node("Div", [shifted, graph.constant([self.std])])

    def apply(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Do it."""
        return (values - self.mean) / self.std


@dataclass(frozen=True)
class RangeScaling:
    """To a range.

    :param scale: what values are multiplied with.
    :param scale_min: what is taken from that.
    :param low: lower end of the range.
    :param high: its upper end.
    :param strict: whether values beyond those of the training are put at the ends.
    """

    scale: float
    scale_min: float
    low: float
    high: float
    strict: bool

    def add(self, graph: Graph, values: str) -> str:
        """Add it."""
        scaled = graph.node("Mul", [values, graph.constant([self.scale])])
        moved = graph.node("Add", [scaled, graph.constant([self.low - self.scale_min])])
        if not self.strict:
            return moved
        return graph.node("Clip", [moved, graph.constant(self.low), graph.constant(self.high)])

    def apply(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Do it."""
        moved = values * self.scale + (self.low - self.scale_min)
        return moved.clip(self.low, self.high) if self.strict else moved


@dataclass(frozen=True)
class BinNumbers:
    """To the number of the bin, from 0.

    :param splits: values between two bins; a value that equals one belongs below it.
    """

    splits: tuple[float, ...]

    def add(self, graph: Graph, values: str) -> str:
        """Add it."""
        if not self.splits:
            return graph.node("Mul", [values, graph.constant([0.0])])
        above = graph.node("Greater", [values, graph.constant(self.splits)])
        return graph.node("ReduceSum", [graph.node("Cast", [above], to=1), graph.numbers([1])], keepdims=1)

    def apply(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Do it. A value that is missing is above no split, as in the graph."""
        import numpy as np

        # As the graph compares, and as FATE stores values: in 32 bits.
        splits = np.asarray(self.splits, dtype=np.float32).astype(np.float64)
        above: npt.NDArray[np.float64] = (values[:, None] > splits[None, :]).sum(axis=1).astype(np.float64)
        return above


@dataclass(frozen=True)
class Steps:
    """All steps of one party, in their order, by column."""

    in_order: Sequence[Mapping[str, Step]] = field(default=())

    def of(self, column: str) -> tuple[Step, ...]:
        """Those of one column."""
        return tuple(step[column] for step in self.in_order if column in step)


def scaling_of(model: Mapping[str, Any], who: str) -> dict[str, Step]:
    """A scaling, from FATE's model of it.

    :raises FateInputError: it is of a kind that FATE 2.2 does not have.
    """
    info = (model.get("data") or {}).get("scaler_info") or {}
    method = (model.get("meta") or {}).get("method")
    try:
        if method == "standard":
            columns = info.get("select_col") or list(info["mean"])
            return {name: StandardScaling(float(info["mean"][name]), float(info["std"][name])) for name in columns}
        if method == "min_max":
            columns = info.get("select_col") or list(info["scale"])
            return {name: _min_max(info, name) for name in columns}
    except (KeyError, TypeError, ValueError):
        pass
    raise FateInputError(
        f"Scaling by {method!r} at {who} cannot become part of the graph.",
        hint="Those by 'standard' and 'min_max' can, as FATE 2.2 writes them.",
    )


def _min_max(info: Mapping[str, Any], column: str) -> RangeScaling:
    scale, scale_min, low, high = (float(info[key][column]) for key in ("scale", "scale_min", "range_min", "range_max"))
    return RangeScaling(scale, scale_min, low, high, strict=bool(info["strict_range"]))


def bins_of(model: Mapping[str, Any], who: str) -> dict[str, Step]:
    """A binning that has replaced values by the numbers of their bins, from FATE's model of it.

    :raises FateInputError: it has no splits where FATE 2.2 writes them.
    """
    data = model.get("data") or {}
    points, columns = data.get("split_pt_dict") or {}, data.get("bin_col")
    try:
        splits = {name: [float(value) for value in points[name].values()] for name in columns or points}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise FateInputError(
            f"The binning of {who} has no splits where FATE 2.2 writes them.", hint="Was it trained by another FATE?"
        ) from None
    # The last one is the largest value of the training: above it there is no further bin.
    return {name: BinNumbers(tuple(values[:-1])) for name, values in splits.items()}

"""A graph of ONNX in the making: raw columns by name at its beginning, scores at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_fate.errors import FateConfigError

__all__ = ["Graph", "Step", "column_names", "load_onnx"]

OPSET, ML_OPSET, IR = 17, 3, 8
"""Versions that runtimes of the last years understand."""
SCORE = "score"


def load_onnx() -> Any:
    """The package ``onnx``.

    :raises FateConfigError: it is not installed.
    """
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise FateConfigError(
            "The package onnx is not installed here.", hint="Install airflow-provider-fate[onnx] on the worker."
        ) from None
    return onnx


def column_names(sides: Iterable[tuple[str, Sequence[str]]]) -> dict[tuple[str, str], str]:
    """Names of inputs: those of the columns, with the party before them where two have one of the same name.

    :param sides: party and its columns.
    """
    sides = list(sides)
    often = Counter(column for _, columns in sides for column in columns)
    every = [(who, column) for who, columns in sides for column in columns]
    return {(who, column): column if often[column] == 1 else f"{who}.{column}" for who, column in every}


class Step(Protocol):
    """What was done to the values of one column."""

    def add(self, graph: Graph, values: str) -> str:
        """Add it to a graph; return the name of what it gives."""


@dataclass
class Graph:
    """Nodes in the order in which they were added."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def column(self, name: str, steps: Sequence[Step] = ()) -> str:
        """Add a raw column, and what was done to it; return the name of its values."""
        self.inputs.append(name)
        values = name
        for step in steps:
            values = step.add(self, values)
        return values

    def columns(self, wanted: Sequence[tuple[str, Sequence[Step]]]) -> str:
        """Add raw columns, side by side, each with what was done to it."""
        return self.node("Concat", [self.column(name, steps) for name, steps in wanted], axis=1)

    def constant(self, values: Any) -> str:
        """Add numbers, or one."""
        import numpy as np

        return self._constant(np.asarray(values, dtype=np.float32))

    def numbers(self, values: Sequence[int]) -> str:
        """Add whole numbers, such as those of axes."""
        import numpy as np

        return self._constant(np.asarray(values, dtype=np.int64))

    def _constant(self, values: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(load_onnx().numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, inputs: Sequence[str], *, name: str | None = None, domain: str = "", **rest: Any) -> str:
        """Add a node; return the name of what it gives."""
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(load_onnx().helper.make_node(kind, list(inputs), [output], domain=domain, **rest))
        return output

    def finish(self, values: str, width: int, about: Mapping[str, str]) -> bytes:
        """Close the graph.

        :param values: what is its result.
        :param width: numbers for each row.
        :param about: what stands in the model's metadata.
        """
        onnx = load_onnx()
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        self.node("Identity", [values], name=SCORE)
        graph = helper.make_graph(
            self.nodes,
            "fate",
            [helper.make_tensor_value_info(name, kind, ["rows", 1]) for name in self.inputs],
            [helper.make_tensor_value_info(SCORE, kind, ["rows", width])],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="airflow-provider-fate", ir_version=IR)
        helper.set_model_props(model, dict(sorted(about.items())))
        onnx.checker.check_model(model)
        written: bytes = model.SerializeToString(deterministic=True)
        return written

"""An ONNX graph whose inputs are columns, in onnxruntime: what the model server serves, and a look at one beforehand.

Runs in the environment of the model server, alone: ``python fate_serving_onnx.py FILE`` loads the graph, scores a row
of zeros, and writes what it takes and gives as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

SCORE = "score"
THREADS = 1
"""Of one session: a row takes microseconds, and the machine has other things to do."""


class GraphError(Exception):
    """A graph that cannot be served, or rows that do not fit it; the message is for who has sent them."""


class Columns:
    """A loaded graph.

    :param path: the file.
    :raises GraphError: it is no graph of columns.
    """

    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = THREADS
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class of its own for each reason
            raise GraphError(f"onnxruntime cannot load it: {str(error).splitlines()[0][:300]}") from None
        self.inputs = tuple(one.name for one in self._session.get_inputs())
        for one in self._session.get_inputs():
            if len(one.shape) != 2 or one.shape[1] != 1 or one.type != "tensor(float)":
                raise GraphError(
                    f"its input {one.name!r} is {one.type} of shape {one.shape}, and not a column of float32, [rows, 1]"
                )
        outputs = {one.name: one for one in self._session.get_outputs()}
        if SCORE not in outputs:
            raise GraphError(f"it has no output {SCORE!r}, but {', '.join(sorted(outputs))}")
        self.width = len(self.run({name: np.zeros((1, 1), dtype=np.float32) for name in self.inputs})[0])

    def run(self, columns: Mapping[str, Any]) -> Any:
        """Score rows.

        :param columns: an array for each input, ``[rows]`` or ``[rows, 1]``.
        :raises GraphError: one is missing, or too many, or they do not have one shape.
        """
        if missing := [name for name in self.inputs if name not in columns]:
            raise GraphError(f"inputs are missing: {', '.join(missing)}")
        if unknown := [name for name in columns if name not in self.inputs]:
            raise GraphError(f"unknown inputs: {', '.join(unknown)}; it takes {', '.join(self.inputs)}")
        feed = {}
        for name, given in columns.items():
            values = np.asarray(given)
            if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] != 1):
                raise GraphError(f"input {name!r} has the shape {list(values.shape)}, and not [rows, 1]")
            if values.dtype.kind not in "fiub":
                raise GraphError(f"input {name!r} holds no numbers")
            feed[name] = values.astype(np.float32).reshape(-1, 1)
        if len(lengths := {len(values) for values in feed.values()}) > 1:
            raise GraphError(f"inputs have different numbers of rows: {sorted(lengths)}")
        (scores,) = self._session.run([SCORE], feed)
        return scores


def main() -> int:
    """Look at a file."""
    try:
        graph = Columns(sys.argv[1])
    except GraphError as error:
        print(json.dumps({"error": str(error)}))
        return 0
    print(json.dumps({"inputs": graph.inputs, "width": graph.width}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

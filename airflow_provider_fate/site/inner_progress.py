"""How far a running task of FATE is, from what its own log says.

The wording was read off FATE 2.2: SecureBoost tells each tree, the linear models each epoch, and the neural networks'
trainer (of the transformers library) its loss.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["planned_steps", "progress_in"]

_TREE = re.compile(r"fitting (?:guest|host) decision tree (?:iter )?(\d+), dim")
_EPOCH = re.compile(r"(?:enter|step at) (\d+)th epoch|set epoch ?(\d+)")
_LOSS = re.compile(r"'loss': '?([-\d.eE+]+)'?.*'epoch': '?([\d.]+)")


def progress_in(lines: Iterable[str], planned: int | None = None) -> str:
    """The newest step that the log tells of, in words; empty where it tells none.

    :param planned: how many steps there will be.
    """
    found = ""
    of = f" of {planned}" if planned else ""
    for line in lines:
        if tree := _TREE.search(line):
            found = f"tree {int(tree[1]) + 1}{of}"
        elif loss := _LOSS.search(line):
            found = f"epoch {float(loss[2]):g}{of}, loss {float(loss[1]):.4g}"
        elif epoch := _EPOCH.search(line):
            found = f"epoch {int(epoch[1] or epoch[2]) + 1}{of}"
    return found


def planned_steps(document: Mapping[str, Any], task: str) -> int | None:
    """How many trees or epochs a task has been told to make; ``None`` where its description does not say.

    :param document: the job, ``{"dag": ...}``.
    """
    tasks = (document.get("dag") or {}).get("tasks") or {}
    parameters = (tasks.get(task) or {}).get("parameters") or {}
    for name in ("num_trees", "epochs"):
        if isinstance(parameters.get(name), int):
            return int(parameters[name])
    return None

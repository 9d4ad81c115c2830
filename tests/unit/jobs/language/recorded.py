"""Jobs of FATE-LLM 2.2.0 that ran (``deepspeed``: was written for EggRoll, and did not run), to compare ours with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_fate.jobs import Recipe

FOLDER = Path(__file__).parents[1] / "reference" / "llm"
MODELS = "/srv/fate/home/assets"


def recorded(name: str) -> dict[str, Any]:
    """Every value of a recorded job by its path, the training task under our name."""
    text = (FOLDER / f"{name}.json").read_text().replace("nn_0", "llm_0")
    return dict(_flat(json.loads(text)["dag"]))


def made(recipe: Recipe) -> dict[str, Any]:
    """Every value of the job of a recipe by its path."""
    return dict(_flat(recipe.dag()["dag"]))


def differences(recipe: Recipe, name: str) -> tuple[set[str], set[str], set[str]]:
    """Last parts of the paths that only the recorded job has, only ours has, and that have other values."""
    theirs, ours = recorded(name), made(recipe)
    # What fate-client writes out of peft's defaults, and an empty mapping, say nothing.
    missing = {path for path in theirs.keys() - ours.keys() if theirs[path] not in (None, {}) and "peft" not in path}
    other = {path for path in theirs.keys() & ours.keys() if theirs[path] != ours[path]}
    return tuple({path.rpartition(".")[2] for path in paths} for paths in (missing, ours.keys() - theirs.keys(), other))  # type: ignore[return-value]


def _flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value

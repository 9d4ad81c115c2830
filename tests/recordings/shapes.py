"""The shape of an answer: its keys and the types of its values, without the values."""

from __future__ import annotations

import re
from typing import Any

OPAQUE = {
    # What only FATE, a component or the submitter knows the inside of.
    "dag", "component_parameters", "cmd", "metadata", "meta", "display", "source", "output_model", "data_view",
    "dependencies", "component_module", "component_stage", "engine_conf", "task_parameters", "task_run",
}  # fmt: skip

ANY = "any"

_INSTANCE = re.compile(r"^flow-.+-\d+$")  # a key made of address and port


def shape(value: Any) -> Any:
    """Return the shape of JSON. A null may stand for anything, so it has the shape ``any``."""
    if isinstance(value, dict):
        return {
            _INSTANCE.sub("<instance>", key): type(item).__name__ if key in OPAQUE else shape(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_merged([shape(item) for item in value])] if value else []
    return ANY if value is None else type(value).__name__


def _merged(shapes: list[Any]) -> Any:
    merged = shapes[0]
    for other in shapes[1:]:
        merged = _both(merged, other)
    return merged


def _both(one: Any, other: Any) -> Any:
    if one == ANY:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _both(one.get(key, ANY), other.get(key, ANY)) for key in one | other}
    return one


def differences(real: Any, fake: Any, place: str = "") -> list[str]:
    """Return where two shapes differ, in words."""
    if ANY in (real, fake):
        return []
    if isinstance(real, dict) and isinstance(fake, dict):
        found = [f"{place}.{key}: only the real one has it" for key in real.keys() - fake.keys()]
        found += [f"{place}.{key}: only the fake has it" for key in fake.keys() - real.keys()]
        for key in real.keys() & fake.keys():
            found += differences(real[key], fake[key], f"{place}.{key}")
        return sorted(found)
    if isinstance(real, list) and isinstance(fake, list):
        return differences(real[0], fake[0], f"{place}[]") if real and fake else []
    return [] if real == fake else [f"{place}: really {real}, in the fake {fake}"]

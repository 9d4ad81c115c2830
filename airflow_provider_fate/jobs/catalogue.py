"""What the components of FATE 2.2 take and give: roles, parameters, inputs, outputs.

The facts are read from ``catalogue.json``, which is generated from an installed FATE (see ``make_catalogue.py`` beside
the tests) and never edited by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["ArtifactSpec", "ComponentSpec", "ParameterSpec", "known_components"]


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A parameter of a component.

    :ivar default: what FATE takes when it is not given.
    :ivar required: FATE refuses the task without it.
    """

    default: object
    required: bool


@dataclass(frozen=True, slots=True)
class ArtifactSpec:
    """An input or an output of a component.

    :ivar required: the component cannot run (input) or does not end (output) without it.
    :ivar stages: the stages that know it: ``train``, ``predict``, ``cross_validation`` or ``default``.
    :ivar roles: the roles that have it; empty means all of the component's.
    :ivar multi: takes several artifacts.
    """

    required: bool
    stages: frozenset[str]
    roles: frozenset[str]
    multi: bool


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One component of FATE.

    :ivar name: what ``component_ref`` says.
    :ivar provider: the provider that ships it: ``fate`` or ``fate_flow``.
    :ivar roles: the roles that it runs on.
    :ivar needs_arbiter: the algorithm is coordinated by an arbiter and hangs without one.
    """

    name: str
    provider: str
    roles: frozenset[str]
    needs_arbiter: bool
    parameters: Mapping[str, ParameterSpec]
    data_inputs: Mapping[str, ArtifactSpec]
    model_inputs: Mapping[str, ArtifactSpec]
    data_outputs: Mapping[str, ArtifactSpec]
    model_outputs: Mapping[str, ArtifactSpec]

    @property
    def stages(self) -> frozenset[str]:
        """The stages that the component can run in; ``default`` alone for one that knows no stages."""
        every = [*self.data_inputs.values(), *self.model_inputs.values(), *self.data_outputs.values()]
        return frozenset().union(*(artifact.stages for artifact in every)) or frozenset({"default"})


@cache
def known_components() -> Mapping[str, ComponentSpec]:
    """Return every component of FATE 2.2 and FATE-Flow 2.2 by name."""
    text = files(__package__).joinpath("catalogue.json").read_text(encoding="utf-8")
    return {name: _component(name, entry) for name, entry in json.loads(text)["components"].items()}


def _component(name: str, entry: dict[str, object]) -> ComponentSpec:
    def artifacts(direction: str, kind: str) -> Mapping[str, ArtifactSpec]:
        group = entry[direction]
        assert isinstance(group, dict)
        return {
            key: ArtifactSpec(spec["required"], frozenset(spec["stages"]), frozenset(spec["roles"]), spec["multi"])
            for key, spec in group[kind].items()
        }

    roles, parameters = entry["roles"], entry["parameters"]
    assert isinstance(roles, list)
    assert isinstance(parameters, dict)
    return ComponentSpec(
        name=name,
        provider=str(entry["provider"]),
        roles=frozenset(roles),
        needs_arbiter=bool(entry["arbiter"]),
        parameters={key: ParameterSpec(value["default"], value["required"]) for key, value in parameters.items()},
        data_inputs=artifacts("inputs", "data"),
        model_inputs=artifacts("inputs", "model"),
        data_outputs=artifacts("outputs", "data"),
        model_outputs=artifacts("outputs", "model"),
    )

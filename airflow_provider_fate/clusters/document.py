"""A cluster.yaml as it was given: read, and written as KubeFATE takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel

from airflow_provider_fate.errors import FateInputError

from .mark import Mark

__all__ = ["ClusterDocument"]

_NEEDED = ("name", "namespace", "chartName", "chartVersion")


@dataclass(frozen=True)
class ClusterDocument:
    """What a cluster shall be.

    :param values: all of it, as plain JSON; may hold passwords.
    """

    values: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, given: object) -> Self:
        """Read a typed cluster, a mapping, or the text of a cluster.yaml.

        :raises FateInputError: it is none, or says not what it is called and which chart it is made of.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, BaseModel):
            values: Any = given.model_dump(by_alias=True, exclude_none=True, mode="json")
        elif isinstance(given, str):
            values = _parsed(given)
        else:
            values = given
        if not isinstance(values, Mapping):
            raise FateInputError(
                f"cluster is a {type(values).__name__}, and no mapping.",
                hint="Give a Fate2Cluster, a mapping, or the path of a cluster.yaml.",
            )
        for key in _NEEDED:
            if not isinstance(values.get(key), str) or not values[key]:
                raise FateInputError(
                    f"cluster: {key} is missing, or no text.",
                    hint="KubeFATE breaks down without it. A cluster.yaml begins with name, namespace, chartName and "
                    "chartVersion.",
                )
        try:
            return cls(json.loads(json.dumps(values)))
        except (TypeError, ValueError) as e:
            raise FateInputError(f"cluster: it holds what JSON cannot say: {e}") from None

    @property
    def name(self) -> str:
        """Name of the cluster; of the release and of the label alike, or KubeFATE would wait for ever."""
        return str(self.values["name"])

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.values["namespace"])

    @property
    def chart(self) -> str:
        """Name of the chart."""
        return str(self.values["chartName"])

    @property
    def version(self) -> str:
        """Version of the chart."""
        return str(self.values["chartVersion"])

    @property
    def party_id(self) -> str:
        """Id of the party; empty where there is none."""
        return str(self.values.get("partyId", ""))

    @property
    def modules(self) -> list[str]:
        """What is installed."""
        given = self.values.get("modules")
        return [str(module) for module in given] if isinstance(given, list) else []

    def section(self, name: str) -> Mapping[str, Any]:
        """A mapping in it; empty where there is none."""
        found = self.values.get(name)
        return found if isinstance(found, Mapping) else {}

    def text(self, mark: Mark | None = None) -> str:
        """As KubeFATE takes it: JSON is YAML. The mark is a comment, so that it changes nothing of the cluster."""
        written = json.dumps(self.values)
        return written if mark is None else f"{mark.text}\n{written}"

    def says(self, spec: Mapping[str, Any]) -> bool:
        """Whether a cluster that is there was asked for in the same words."""
        return bool(json.loads(json.dumps(spec)) == self.values)


def _parsed(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise FateInputError(
            f"cluster: it is no YAML{where}: {getattr(e, 'problem', None) or 'unreadable'}.",
            hint="KubeFATE would leave the job running for ever.",
        ) from None

"""KServe as far as its API is concerned: its custom resource, and what its controller writes into the status."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.cluster_of_kubernetes import Cluster
from tests.support.kubernetes_kind import ANYTHING, definition

PUBLISHED = Path(__file__).resolve().parents[2].parent / "shared" / "crds" / "kserve_isvc_nodef.yaml"
"""The whole schema, where it is at hand. Its two megabytes are too much for a server that is started for tests."""
SERVICES = definition(
    *("inferenceservices", "InferenceService"), {"group": "serving.kserve.io", "version": "v1beta1", "spec": ANYTHING}
)


@cache
def schema() -> dict[str, Any]:
    """What KServe publishes of the spec, as JSON Schema that lets nothing unknown pass."""
    version = yaml.load(PUBLISHED.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]["versions"][0]
    found: dict[str, Any] = _strict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    return found


def _strict(part: Any) -> Any:
    if isinstance(part, list):
        return [_strict(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {name: _strict(one) for name, one in part.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", bool(part.get("x-kubernetes-preserve-unknown-fields")))
    return made


class Controller:
    """Plays KServe's controller for the services of a namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._path = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices"

    def path(self, name: str = "") -> str:
        return f"{self._path}/{name}" if name else self._path

    def body(self, name: str) -> dict[str, Any]:
        found = self._cluster.get(self.path(name))
        assert found is not None
        return found

    def says(self, name: str, *conditions: str, generation: int | None = None, **status: Any) -> None:
        """Write a status: ``Ready`` is a condition that is met, ``-Ready`` one that is not."""
        told = [
            {"type": one.removeprefix("-"), "status": "False" if one.startswith("-") else "True"} for one in conditions
        ]
        seen = self.body(name)["metadata"]["generation"] if generation is None else generation
        self._cluster.set_status(
            self.path(name),
            {
                "observedGeneration": seen,
                "conditions": told,
                "url": f"http://{name}.example.org",
                "modelStatus": loaded(),
                "canaryStatuses": None,
                "components": None,
                **status,
            },
        )


def loaded() -> dict[str, Any]:
    return {
        "transitionStatus": "UpToDate",
        "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
        "lastFailureInfo": None,
    }


def not_loaded(transition: str, reason: str, message: str, active: str = "") -> dict[str, Any]:
    return {
        "transitionStatus": transition,
        "states": {"activeModelState": active, "targetModelState": "FailedToLoad"},
        "lastFailureInfo": {"reason": reason, "message": message, "exitCode": 1},
    }


def revisions(newest: str, share: int, before: str, name: str) -> dict[str, Any]:
    """Of the predictor, with two revisions."""
    return {
        "predictor": {
            "latestReadyRevision": newest,
            "latestCreatedRevision": newest,
            "previousRolledoutRevision": before,
            "traffic": [
                {"latestRevision": True, "percent": share, "revisionName": newest, "tag": "latest",
                 "url": f"http://latest-{name}.example.org"},
                {"latestRevision": False, "percent": 100 - share, "revisionName": before, "tag": "prev",
                 "url": f"http://prev-{name}.example.org"},
            ],
        }
    }  # fmt: skip

"""A service as an InferenceService: from a spec to its manifest, and from the object back to the spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from airflow_provider_fate.clients.kubernetes import Json
from airflow_provider_fate.clients.kubernetes.objects import meta
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.serving.kserve.place import KservePlace
from airflow_provider_fate.serving.records import ChangeMark, ServedModel, ServingSpec

__all__ = ["API_VERSION", "KIND", "LABEL", "WrittenService", "manifest_of", "track_name"]

API_VERSION, KIND = "serving.kserve.io/v1beta1", "InferenceService"
_OURS, _THEIRS = "airflow-provider-fate/", "serving.kserve.io/"
LABEL = f"{_OURS}service"
"""On all services that are kept here; a watch asks for it."""
_SPEC, _MARK, _GENERATION, _TRY = f"{_OURS}spec", f"{_OURS}mark", f"{_OURS}generation", f"{_OURS}try"


@dataclass(frozen=True)
class WrittenService:
    """What stands in an object's metadata of the service.

    :param generation: ours. That of Kubernetes does not count annotations, by which KServe is told to stop.
    """

    spec: ServingSpec
    mark: ChangeMark | None
    generation: int

    @classmethod
    def of(cls, body: Json) -> WrittenService:
        """Read it.

        :raises FateInputError: somebody else has made the object.
        """
        notes = meta(body).get("annotations") or {}
        try:
            mark = ChangeMark.model_validate_json(notes[_MARK]) if notes.get(_MARK) else None
            return cls(ServingSpec.model_validate_json(notes[_SPEC]), mark, int(notes[_GENERATION]))
        except (KeyError, ValueError, ValidationError):
            name, namespace = meta(body).get("name"), meta(body).get("namespace")
            raise FateInputError(
                f"service={name!r}: namespace {namespace!r} has an InferenceService of this name that was made by "
                "somebody else.",
                hint="Choose another name, or delete it: "
                f"kubectl delete inferenceservices.serving.kserve.io {name} --namespace {namespace}",
            ) from None


def manifest_of(
    name: str, spec: ServingSpec, place: KservePlace, *, mark: ChangeMark | None, generation: int, before: Json | None
) -> dict[str, Any]:
    """What is applied.

    :param before: the object as it is. What has failed in it is begun anew, where it stays the same.
    """
    annotations = {
        f"{_THEIRS}deploymentMode": place.mode,
        _SPEC: spec.model_dump_json(exclude_defaults=True),
        _GENERATION: str(generation),
    }
    if mark is not None:
        annotations[_MARK] = mark.model_dump_json()
    if spec.stopped:
        annotations[f"{_THEIRS}stop"] = "true"
    tries = _tries(before, place)
    stable, canary = spec.stable, spec.canary
    told: dict[str, Any]
    if place.mode == "Knative":
        # There is one predictor: its newest revision gets the share, the revision before it the rest.
        told = {"predictor": _predictor(canary or stable, place, tries)}
        annotations[f"{_THEIRS}enable-tag-routing"] = "true"  # addresses of both revisions
        if canary is not None:
            told["predictor"]["canaryTrafficPercent"] = spec.share
    else:
        told = {"predictor": _predictor(stable, place, tries) | {"name": track_name(stable)}}
        if canary is not None:
            one = _predictor(canary, place, tries) | {"name": track_name(canary)}
            one["model"]["name"] = "kserve-container"  # its schema wants it here, and only here
            told["canary"] = [{"predictor": one, "trafficPercent": spec.share}]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": place.namespace,
            "labels": {LABEL: "true"},
            "annotations": annotations,
        },
        "spec": told,
    }


def track_name(model: ServedModel) -> str:
    """What a version's predictor is called."""
    return "v" + (re.sub(r"[^a-z0-9]+", "-", model.version.lower())[:20].strip("-") or "0")


def failing_again(body: dict[str, Any], names: Mapping[str, str]) -> None:
    """Mark predictors of a manifest, so that KServe starts their pods anew.

    :param names: what to write, by the version that has failed.
    """
    for predictor in predictors(body):
        version = (predictor.get("labels") or {}).get(f"{_OURS}version")
        if version is not None and version in names:
            predictor["annotations"] = {_TRY: names[version]}


def predictors(body: Json) -> list[dict[str, Any]]:
    """All predictors of an object, the main one first."""
    spec = body.get("spec") or {}
    canaries = [one.get("predictor") or {} for one in spec.get("canary") or ()]
    return [spec.get("predictor") or {}, *canaries]


def differs(body: Json, written: WrittenService, name: str, place: KservePlace) -> str:
    """What somebody else has changed since, in words; empty: nothing that counts."""
    wanted = manifest_of(name, written.spec, place, mark=None, generation=0, before=None)
    for is_one, should_be in zip(predictors(body), predictors(wanted), strict=False):
        is_at = (is_one.get("model") or {}).get("storageUri")
        should_at = should_be["model"]["storageUri"]
        if is_at != should_at:
            return f"it was changed by somebody else: it loads {is_at}, not {should_at}"
    if len(predictors(body)) != len(predictors(wanted)):
        return "it was changed by somebody else: its canaries are others"
    return ""


def _tries(before: Json | None, place: KservePlace) -> dict[str, str]:
    """Marks of predictors that stay: without them their pods would be replaced for nothing."""
    found = {}
    for predictor in predictors(before or {}):
        version = (predictor.get("labels") or {}).get(f"{_OURS}version")
        mark = (predictor.get("annotations") or {}).get(_TRY)
        if version and mark:
            found[version] = mark
    return found


def _predictor(model: ServedModel, place: KservePlace, tries: Mapping[str, str]) -> dict[str, Any]:
    served: dict[str, Any] = {"modelFormat": {"name": model.format}, "storageUri": model.uri}
    if model.format != "huggingface":
        served["protocolVersion"] = "v2"  # without it KServe knows no runtime for ONNX
    if place.runtime is not None:
        served["runtime"] = place.runtime
    told: dict[str, Any] = {
        "model": served,
        "labels": {f"{_OURS}version": model.version},
        "minReplicas": place.min_replicas,
    }
    if model.version in tries:
        told["annotations"] = {_TRY: tries[model.version]}
    if place.max_replicas is not None:
        told["maxReplicas"] = place.max_replicas
    if place.service_account is not None:
        told["serviceAccountName"] = place.service_account
    return told

"""What KServe says of an InferenceService: which phase its newest spec is in, why, and what answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_fate.clients.kubernetes import Json, condition
from airflow_provider_fate.clients.kubernetes.objects import meta
from airflow_provider_fate.serving.kserve.manifest import WrittenService, track_name
from airflow_provider_fate.serving.records import LiveVersion, ServicePhase, Track

__all__ = ["answering", "failing", "phase_of"]

HOPELESS = frozenset({"BlockedByFailedLoad", "InvalidSpec"})
"""Transitions of a model that KServe does not come back from by itself."""
_PARTS = ("PredictorReady", "RoutesReady", "IngressReady", "LatestDeploymentReady", "CanaryPredictorReady", "Ready")


def phase_of(body: Json, written: WrittenService) -> tuple[ServicePhase, str]:
    """Where the newest spec stands, and why."""
    status = body.get("status") or {}
    if meta(body).get("deletionTimestamp"):
        return ServicePhase.STARTING, "it is being deleted"
    seen = status.get("observedGeneration")
    if seen != meta(body).get("generation"):
        return ServicePhase.STARTING, "KServe has not seen it yet"
    is_stopped = _is(body, "Stopped")
    if written.spec.stopped:
        return (ServicePhase.STOPPED, "stopped") if is_stopped else (ServicePhase.STARTING, "stopping")
    if is_stopped:
        return ServicePhase.STARTING, "it is stopped, and about to start"
    if failed := failing(body, written):
        return ServicePhase.FAILED, "; ".join(f"version {name}: {reason}" for name, reason in failed.items())
    if not _is(body, "Ready"):
        return ServicePhase.STARTING, _why(body)
    for name, model in _loads(status, written).items():
        if model.get("transitionStatus") not in (None, "", "UpToDate"):
            return ServicePhase.STARTING, f"version {name} is being loaded"
    if written.spec.canary is not None and not _canary_is_up(status, written):
        return ServicePhase.STARTING, f"version {written.spec.canary.version} is not ready yet"
    return ServicePhase.READY, "ready"


def failing(body: Json, written: WrittenService) -> dict[str, str]:
    """Which versions cannot be loaded, and why."""
    found = {}
    for version, model in _loads(body.get("status") or {}, written).items():
        if model.get("transitionStatus") in HOPELESS:
            info = model.get("lastFailureInfo") or {}
            code = f"exit code {info['exitCode']}" if info.get("exitCode") else ""
            words = (str(part) for part in (info.get("reason") or model["transitionStatus"], info.get("message"), code))
            found[version] = ": ".join(word for word in words if word and word != "None")
    return found


def answering(body: Json, written: WrittenService, url: str | None) -> dict[Track, LiveVersion]:
    """Which versions answer now, as far as KServe tells."""
    spec, status = written.spec, body.get("status") or {}
    if url is None or _is(body, "Stopped"):
        return {}
    ready = phase_of(body, written)[0] is ServicePhase.READY
    model = status.get("modelStatus") or {}
    loaded = (model.get("states") or {}).get("activeModelState") == "Loaded"
    canary = spec.canary
    found: dict[Track, LiveVersion] = {}
    share = spec.share if canary is not None and _canary_is_up(status, written) else 0
    # With revisions it is the canary whose loading the status tells of.
    as_revision = canary is not None and not status.get("canaryStatuses") and not _named_canaries(body)
    if ready or as_revision or (canary is not None and _is(body, "PredictorReady")):
        found["stable"] = LiveVersion(version=spec.stable.version, share=100 - share, url=_tagged(status, "prev"))
    elif loaded and spec.previous is not None:
        found["stable"] = LiveVersion(version=spec.previous.version, share=100)
    if canary is not None and (ready or _canary_is_up(status, written)):
        found["canary"] = LiveVersion(version=canary.version, share=spec.share, url=_tagged(status, "latest"))
    return found


def _loads(status: Mapping[str, Any], written: WrittenService) -> dict[str, Mapping[str, Any]]:
    """What KServe tells of the loading of each version."""
    spec = written.spec
    told = {str(one.get("name")): one for one in status.get("canaryStatuses") or ()}
    main = spec.stable
    found: dict[str, Mapping[str, Any]] = {}
    if spec.canary is not None:
        own = told.get(track_name(spec.canary))
        if own is not None:
            found[spec.canary.version] = own.get("modelStatus") or {}
        elif not told and (status.get("components") or {}).get("predictor", {}).get("traffic"):
            main = spec.canary  # revisions: the newest is the canary
    found[main.version] = status.get("modelStatus") or {}
    return found


def _canary_is_up(status: Mapping[str, Any], written: WrittenService) -> bool:
    canary = written.spec.canary
    assert canary is not None
    for one in status.get("canaryStatuses") or ():
        if one.get("name") == track_name(canary):
            return bool(one.get("ready"))
    predictor = (status.get("components") or {}).get("predictor") or {}
    newest = predictor.get("latestReadyRevision")
    # Revisions: the newest one is ready, and gets the share that it shall have.
    return bool(newest) and any(
        one.get("latestRevision") and one.get("revisionName") == newest and one.get("percent", 0) == written.spec.share
        for one in predictor.get("traffic") or ()
    )


def _named_canaries(body: Json) -> bool:
    return bool((body.get("spec") or {}).get("canary"))


def _tagged(status: Mapping[str, Any], tag: str) -> str | None:
    traffic = ((status.get("components") or {}).get("predictor") or {}).get("traffic") or ()
    return next((str(one["url"]) for one in traffic if one.get("tag") == tag and one.get("url")), None)


def _is(body: Json, kind: str) -> bool:
    return (condition(body, kind) or {}).get("status") == "True"


def _why(body: Json) -> str:
    """The first condition that is not met."""
    for kind in _PARTS:
        one = condition(body, kind)
        if one is not None and one.get("status") != "True":
            words = [str(one[part]) for part in ("reason", "message") if one.get(part)]
            return ": ".join([kind, *words])
    return "KServe has not said anything yet"

"""From what a service is to what it shall be: the same rules for every backend, and nothing but values."""

from __future__ import annotations

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.serving.records import ServedModel, Service, ServingSpec

__all__ = ["deploy", "promote", "resume", "roll_back", "stop"]


def deploy(
    service: Service | None, model: ServedModel, *, share: int | None = None, change_inputs: bool = False
) -> ServingSpec:
    """Let a version answer: all requests, or a share of them as a canary.

    A version that is stable already stays it, and a canary beside it stays, too: so a task that runs again undoes
    nothing that was decided since. The first version of a service gets all requests: nobody asks it yet.

    :param service: as it is; ``None``: it is not there yet.
    :param share: in percent, as a canary; ``None``: it takes the place of the stable version.
    :param change_inputs: whether it may take other columns, or give scores of another width, than the stable version:
        clients would have to change at the same moment.
    :raises FateInputError: another canary is being tried, another model has this version, or its inputs differ.
    """
    if share is not None and not 0 <= share <= 100:
        raise FateInputError(f"canary={share!r} is not a share.", hint="Give percent, from 0 to 100.")
    if service is None:
        return ServingSpec(stable=model)
    spec = service.spec
    _one_model_per_version(service, model)
    if not change_inputs:
        _same_inputs(service, model)
    if share is None or model.is_same(spec.stable):
        return _as_stable(spec, model)
    if spec.canary is not None and not model.is_same(spec.canary):
        raise FateInputError(
            f"Version {spec.canary.version} is being tried in {service.name!r} with {spec.share} % of the requests.",
            hint="Promote it or roll it back first.",
        )
    tried = spec.canary if model.is_same(spec.canary) else model
    return spec.model_copy(update={"canary": tried, "share": share, "stopped": False})


def _as_stable(spec: ServingSpec, model: ServedModel) -> ServingSpec:
    if model.is_same(spec.stable):
        return spec.model_copy(update={"stopped": False})
    return ServingSpec(stable=model, previous=spec.stable)


def promote(service: Service, version: str | None = None) -> ServingSpec:
    """Let the canary take all requests.

    :param version: which must be the one, what the decision was about; ``None``: whichever is tried.
    :raises FateInputError: there is no canary, or it is another version.
    """
    spec = service.spec
    if version is not None and spec.canary is None and spec.stable.version == version:
        return spec
    if spec.canary is None:
        raise FateInputError(
            f"{service.name!r} has no canary to promote; version {spec.stable.version} gets all requests.",
            hint="It was promoted or rolled back already, or was never deployed with canary=.",
        )
    if version is not None and spec.canary.version != version:
        raise FateInputError(
            f"The canary of {service.name!r} is version {spec.canary.version}, and not {version}.",
            hint="Somebody has deployed another one since it was decided. Check that one, and decide again.",
        )
    return ServingSpec(stable=spec.canary, previous=spec.stable, stopped=spec.stopped)


def roll_back(service: Service, version: str | None = None) -> ServingSpec:
    """Take the canary away; where there is none, go back to the stable version before.

    :param version: which is to be taken away; ``None``: the canary, else the stable version. Nothing changes where
        it is not live any more.
    :raises FateInputError: there is nothing to go back to.
    """
    spec = service.spec
    if spec.canary is not None and version in (None, spec.canary.version):
        return spec.model_copy(update={"canary": None, "share": 0})
    if version is not None and spec.stable.version != version:
        return spec
    if spec.previous is None:
        raise FateInputError(
            f"{service.name!r} has no version before {spec.stable.version} to go back to.",
            hint="Deploy another version, or stop the service.",
        )
    # The version that was taken away is not kept: two roll-backs in a row must not bring it back.
    return ServingSpec(stable=spec.previous, stopped=spec.stopped)


def stop(service: Service) -> ServingSpec:
    """Let it take no resources and answer nobody; what it is stays known."""
    return service.spec.model_copy(update={"stopped": True})


def resume(service: Service) -> ServingSpec:
    """Let it answer again, as before it was stopped."""
    return service.spec.model_copy(update={"stopped": False})


def _one_model_per_version(service: Service, model: ServedModel) -> None:
    for other in (service.spec.stable, service.spec.canary):
        if other is not None and other.version == model.version and not model.is_same(other):
            raise FateInputError(
                f"version={model.version!r}: {service.name!r} serves another model under this version.",
                hint="Give each model a version of its own; a registry does. Answers could not be told apart.",
            )


def _same_inputs(service: Service, model: ServedModel) -> None:
    stable = service.spec.stable
    if not (stable.inputs and model.inputs):
        return  # the backend does not know
    if set(stable.inputs) == set(model.inputs) and stable.width == model.width:
        return
    more = sorted(set(model.inputs) - set(stable.inputs))
    less = sorted(set(stable.inputs) - set(model.inputs))
    words = [
        *([f"it also takes {', '.join(more)}"] if more else []),
        *([f"it does not take {', '.join(less)}"] if less else []),
        *([f"it gives {model.width} numbers for a row, not {stable.width}"] if model.width != stable.width else []),
    ]
    raise FateInputError(
        f"Version {model.version} does not fit the clients of {service.name!r}, which ask version {stable.version}: "
        f"{'; '.join(words)}.",
        hint="Deploy it as a service of its own. Or change the clients, and say change_inputs=True.",
    )

"""What operators of a service have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_fate.errors import FateError, FateModelNotFound, FateServiceNotFound
from airflow_provider_fate.links.service import FateEndpointLink
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.reuse import OnClear, Reuse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.serving import ServiceChange, ServiceRef, ServiceRequest
    from airflow_provider_fate.serving import ServedModel, Service, ServingSpec

POLL = 0.5
"""Seconds between two looks: most changes take less."""
LONGEST = timedelta(minutes=30)


class ServiceOperator(RemoteWorkOperator["ServiceRef"]):
    """A change of a service, which goes on when the task is killed.

    :param service: its name: lower-case letters, digits and ``-``.
    :param backend: where it is served from, see :func:`~airflow_provider_fate.serving.open_backend`.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("service", "backend")
    operator_extra_links = (FateEndpointLink(),)
    reuse = Reuse(on_clear=OnClear.ATTACH)
    final_errors: ClassVar[tuple[type[FateError], ...]] = (
        *RemoteWorkOperator.final_errors,
        FateModelNotFound,
        FateServiceNotFound,
    )

    def __init__(self, *, service: str, backend: str = "local", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.poll_interval = self.poll_interval or POLL
        self.execution_timeout = self.execution_timeout or LONGEST
        self.service = service
        self.backend = backend

    def kind(self) -> ServiceChange:
        """A change."""
        from airflow_provider_fate.remote.kinds.serving import ServiceChange

        return ServiceChange(self.backend)

    def request(self, context: Context) -> ServiceRequest:
        """What the arguments say."""
        from airflow_provider_fate.remote.kinds.serving import ServiceRequest
        from airflow_provider_fate.serving import check_service_name

        return ServiceRequest(check_service_name(self.service), self.change, self.model_to_serve())

    def model_to_serve(self) -> ServedModel | None:
        """The model that is to be served; ``None``: one that the service knows."""
        return None

    def change(self, service: Service | None, model: ServedModel | None) -> ServingSpec:
        """What the service shall be."""
        raise NotImplementedError

    def existing(self, service: Service | None) -> Service:
        """Give the service.

        :raises FateServiceNotFound: it is not there.
        """
        from airflow_provider_fate.remote.kinds.serving import require_service

        return require_service(service, self.service, self.backend)

    def result(self, ref: ServiceRef, found: Mapping[str, Any] | None, context: Context) -> Any:
        """Say what answers now."""
        from airflow_provider_fate.serving import Service

        service = Service.model_validate(found if found is not None else super().result(ref, found, context))
        said = described(service, self.backend)
        if service.url is not None:
            FateEndpointLink.persist(context, service.url)
        for track, live in service.live.items():
            self.log.info(
                "%s: version %s (%s) gets %d %% at %s", service.name, live.version, track, live.share, live.url
            )
        if not service.live:
            self.log.info("%s is stopped", service.name)
        return said


def described(service: Service, backend: str) -> dict[str, Any]:
    """A service as XCom."""
    canary = service.spec.canary
    return {
        "service": service.name,
        "backend": backend,
        "generation": service.generation,
        "url": service.url,
        "version": service.spec.stable.version,
        "canary": canary.version if canary is not None else None,
        "share": service.spec.share if canary is not None else None,
        "previous": service.spec.previous.version if service.spec.previous is not None else None,
        "stopped": service.spec.stopped,
        "model": (canary or service.spec.stable).model_dump(mode="json"),
        "live": {track: live.model_dump(mode="json") for track, live in service.live.items()},
    }


def version_of(what: str, given: Any) -> str | None:
    """A version: a text, or the result of a task that has one."""
    from airflow_provider_fate.errors import FateInputError

    if isinstance(given, Mapping):
        model = given.get("model")
        given = model.get("version") if isinstance(model, Mapping) else given.get("version")
    if given in (None, "", "None"):
        return None
    if not isinstance(given, str | int):
        raise FateInputError(f"{what}={given!r} is no version.", hint="Give it as text, or serve.output.")
    return str(given)

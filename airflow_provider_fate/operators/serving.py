"""Services of registered models: deploy, try, promote, roll back, stop, start, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._service import ServiceOperator, version_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.serving import ServiceRef, ServiceRemoval
    from airflow_provider_fate.serving import ServedModel, Service, ServingSpec


class FateServeOperator(ServiceOperator):
    """Serve a version of a model, or try it on a share of the requests, and wait until it answers.

    The change is written once, whatever happens to worker and triggerer, and clients see no gap: what was live goes on
    until the new version answers. A service that is like that already is left alone. When the task is killed, the
    change goes on; when a version cannot be served, what was live goes on.

    :param service: name of the service: lower-case letters, digits and ``-``. (templated)
    :param model: what to serve, as ONNX: ``{"registry": ..., "name": ..., "alias": "champion"}`` (or ``"version": 3``),
        the result of ``FateModelRegisterOperator``, ``FateModelAliasOperator`` or ``FateModelConvertOperator``, the
        folder of a package that was converted, or a file ``.onnx``, on any storage. For KServe also
        ``{"uri": ..., "format": "sklearn", "version": "3"}``, of any format that it knows. (templated)
    :param canary: percent of the requests that it gets beside the stable version, 0 to 100, such as ``10``; again with
        another share to change it. The first version of a service gets all requests, and one that is stable already
        stays it. ``None``: it becomes the stable version. (templated)
    :param version: what the answers call it; default: its number in the registry, else the beginning of its checksum.
        (templated)
    :param change_inputs: whether it may take other columns than the stable version, which breaks its clients.
    :param backend: ``local``: a model server on this machine; ``local:///folder?port=8500``: another one, whose files
        are in this folder; ``kserve://kubernetes_default/namespace?store=...``: KServe on Kubernetes, see
        :class:`~airflow_provider_fate.serving.kserve.place.KservePlace`. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default 0.5.
    :param execution_timeout: how long to wait; default 30 minutes.
    :returns: ``{"service", "backend", "generation", "url", "version", "canary", "share", "previous", "stopped",
        "model", "live"}`` as XCom: ``url`` takes ``POST`` of the Open Inference Protocol v2, ``model`` is what was
        deployed, ``live`` has URLs of each version.
    :raises AirflowFailException: there is no such model, it was not converted, its columns do not fit the service, or
        another canary is being tried. Nothing was changed then, and it is not retried.
    :raises FateServiceFailed: the version does not come up; says why.
    """

    template_fields: Sequence[str] = (*ServiceOperator.template_fields, "model", "canary", "version")

    def __init__(
        self,
        *,
        model: Any,
        canary: int | str | None = None,
        version: str | None = None,
        change_inputs: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.canary = canary
        self.version = version
        self.change_inputs = change_inputs

    def model_to_serve(self) -> ServedModel | None:
        """Find the file."""
        from airflow_provider_fate.operators._served import served_model

        return served_model(self.model, self.version)

    def change(self, service: Service | None, model: ServedModel | None) -> ServingSpec:
        """Deploy it."""
        from airflow_provider_fate.serving import changes

        assert model is not None
        return changes.deploy(service, model, share=_share(self.canary), change_inputs=self.change_inputs)


class FateServicePromoteOperator(ServiceOperator):
    """Let the canary of a service take all requests.

    :param service: name of the service. (templated)
    :param version: which must be the canary, so that nothing else is promoted than was checked: a version, or the
        result of the :class:`FateServeOperator` that has deployed it. One that is stable already is left alone.
        ``None``: whichever is tried. (templated)
    :param backend: as for :class:`FateServeOperator`. (templated)
    :returns: as :class:`FateServeOperator`.
    :raises AirflowFailException: there is no such service, it has no canary, or another one. Not retried.
    """

    template_fields: Sequence[str] = (*ServiceOperator.template_fields, "version")

    def __init__(self, *, version: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def change(self, service: Service | None, model: ServedModel | None) -> ServingSpec:
        """Promote it."""
        from airflow_provider_fate.serving import changes

        return changes.promote(self.existing(service), version_of("version", self.version))


class FateServiceRollbackOperator(ServiceOperator):
    """Take the canary of a service away; where there is none, go back to the stable version before.

    :param service: name of the service. (templated)
    :param version: which is to be taken away: a version, or the result of the :class:`FateServeOperator` that has
        deployed it. One that is not live is gone already, and nothing is changed. ``None``: the canary, else the stable
        version. (templated)
    :param backend: as for :class:`FateServeOperator`. (templated)
    :returns: as :class:`FateServeOperator`.
    :raises AirflowFailException: there is no such service, or no version to go back to. Not retried.
    """

    template_fields: Sequence[str] = (*ServiceOperator.template_fields, "version")

    def __init__(self, *, version: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def change(self, service: Service | None, model: ServedModel | None) -> ServingSpec:
        """Roll back."""
        from airflow_provider_fate.serving import changes

        return changes.roll_back(self.existing(service), version_of("version", self.version))


class FateServiceStopOperator(ServiceOperator):
    """Scale a service to zero: it takes no memory, and answers 503 until it is started again.

    :param service: name of the service. (templated)
    :param backend: as for :class:`FateServeOperator`. (templated)
    :returns: as :class:`FateServeOperator`.
    :raises AirflowFailException: there is no such service. Not retried.
    """

    def change(self, service: Service | None, model: ServedModel | None) -> ServingSpec:
        """Stop it."""
        from airflow_provider_fate.serving import changes

        return changes.stop(self.existing(service))


class FateServiceStartOperator(ServiceOperator):
    """Let a service that was stopped answer again, with the versions that it had.

    :param service: name of the service. (templated)
    :param backend: as for :class:`FateServeOperator`. (templated)
    :returns: as :class:`FateServeOperator`.
    :raises AirflowFailException: there is no such service. Not retried.
    """

    def change(self, service: Service | None, model: ServedModel | None) -> ServingSpec:
        """Start it."""
        from airflow_provider_fate.serving import changes

        return changes.resume(self.existing(service))


class FateServiceDeleteOperator(ServiceOperator):
    """Take a service away; one that is not there is gone already.

    :param service: name of the service. (templated)
    :param backend: as for :class:`FateServeOperator`. (templated)
    :returns: ``{"service", "backend", "deleted"}`` as XCom: whether there was one.
    """

    def kind(self) -> ServiceRemoval:  # type: ignore[override]
        """A removal."""
        from airflow_provider_fate.remote.kinds.serving import ServiceRemoval

        return ServiceRemoval(self.backend)

    def request(self, context: Context) -> str:  # type: ignore[override]
        """Its name."""
        from airflow_provider_fate.serving import check_service_name

        return check_service_name(self.service)

    def result(self, ref: ServiceRef, found: Mapping[str, Any] | None, context: Context) -> Any:
        """Whether there was one."""
        return {"service": self.service, "backend": self.backend, "deleted": bool((found or {}).get("deleted"))}


def _share(given: Any) -> int | None:
    from airflow_provider_fate.errors import FateInputError

    if given in (None, "", "None"):
        return None
    if isinstance(given, bool) or not str(given).isdecimal():
        raise FateInputError(f"canary={given!r} is not a share.", hint="Give whole percent, from 0 to 100.")
    return int(given)

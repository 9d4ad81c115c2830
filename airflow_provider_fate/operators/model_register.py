"""Register a model, and point aliases at its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_fate.operators._registry import RegistryOperator, run_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.registry import RegisteredModel, Registry


class FateModelRegisterOperator(RegistryOperator):
    """Register an exported model as the next version of a name.

    The same package is one version, however often it is registered and whoever else registers at the same time: a task
    that was killed anywhere ends, after its retry, with one. The package stays where the export has written it; MLflow
    gets copies of it, of the card, and of the ONNX, if there is one.

    :param model: the result of :class:`~airflow_provider_fate.operators.model_export.FateModelExportOperator`, or of
        :class:`~airflow_provider_fate.operators.model_convert.FateModelConvertOperator`. (templated)
    :param measured: the result of :class:`~airflow_provider_fate.operators.metrics.FateMetricsOperator` for the same
        job: MLflow then gets its numbers with their steps, and the file. (templated)
    :param name: of the model, such as ``credit_risk``. (templated)
    :param registry: ``mlflow://mlflow_default`` or ``kubeflow://kubeflow_default``, with the id of a connection of type
        ``fate_mlflow`` or ``fate_kubeflow``; or a folder: a path, or ``s3://aws_default@models/registry``, whose
        storage must refuse to write over a file when told so; that is tried. (templated)
    :param alias: points at the new version, such as ``challenger``; ``None``: no alias is moved. (templated)
    :param tags: whatever people want to find it by. (templated)
    :param outlets: a :func:`~airflow_provider_fate.assets.model_asset` among them gets the version with its event.
    :returns: ``{"name", "version", "new", "registered", "package", "sha256", "content_sha256", "card", "onnx",
        "onnx_sha256", "job_id", "model_id", "model_version", "role", "party_id", "metrics", "tags", "run"}`` as XCom,
        and ``registry_url``, the page of the version, where the registry has pages; ``job_id`` is what
        ``FatePredictOperator(model=...)`` takes.
    :raises AirflowFailException: an argument is wrong, the card is not that of the package, or the storage cannot keep
        one writer from writing over another. Not retried.
    """

    template_fields: Sequence[str] = ("model", "measured", "name", "registry", "alias", "tags")

    def __init__(
        self,
        *,
        model: Mapping[str, Any],
        name: str,
        alias: str | None = None,
        tags: Mapping[str, str] | None = None,
        measured: Mapping[str, Any] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.measured = measured
        self.name = name
        self.alias = alias
        self.tags = tags

    def work(self, registry: Registry, context: Context) -> dict[str, Any]:
        """Register, and point the alias at it."""
        from airflow_provider_fate.models.registry.records import check_name

        check_name("name", str(self.name))
        if self.alias:
            check_name("alias", self.alias)
        model = self._described(context)
        version, new = registry.register(str(self.name), model)
        how = "is" if new else "was there already as"
        self.log.info("Job %s %s version %d of %s", model.job_id, how, version.version, version.name)
        if self.alias:
            move = registry.move(version.name, self.alias, version.version, run=model.run)
            self._moved(registry, move, context)
        elif self.outlets:
            from airflow_provider_fate.assets import emit_model

            url = self._shown(registry, version.name, version.version, context)
            emit_model(context, version.model.party_id, version.to_json() | url)
        return version.to_json() | {"new": new} | self._shown(registry, version.name, version.version, context)

    def _described(self, context: Context) -> RegisteredModel:
        from pydantic import ValidationError

        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.registry import RegisteredModel

        given: Any = self.model
        named = given if isinstance(given, Mapping) else {}  # a template may have rendered into something else
        known = {name: named[name] for name in RegisteredModel.model_fields if named.get(name) is not None}
        known["tags"] = {str(name): str(value) for name, value in (self.tags or {}).items()}
        known["run"] = run_of(context)
        try:
            model = RegisteredModel.model_validate(known)
        except ValidationError as error:
            first = error.errors()[0]
            raise FateInputError(
                f"model={self.model!r} is not the result of an export ({'.'.join(map(str, first['loc']))}: "
                f"{first['msg']}).",
                hint="Give export.output of a FateModelExportOperator.",
            ) from None
        return self._with_metrics(model.model_copy(update={"measured": self._measured_in(model.job_id)}))

    def _measured_in(self, job_id: str) -> str | None:
        """Where the file of metrics is, which must be that of the job."""
        from airflow_provider_fate.errors import FateInputError

        given: Any = self.measured
        if given is None:
            return None
        place = given.get("json") if isinstance(given, Mapping) else given
        if not isinstance(place, str) or not place:
            raise FateInputError(
                f"measured={given!r} is not the result of a FateMetricsOperator.", hint="Give metrics.output."
            )
        if isinstance(given, Mapping) and given.get("job_id") != job_id:
            raise FateInputError(
                f"measured is of job {given.get('job_id')}, and the model was trained by job {job_id}.",
                hint="Measure the job that has trained the model.",
            )
        return place

    def _with_metrics(self, model: RegisteredModel) -> RegisteredModel:
        """Take the metrics from the card, which must be the package's."""
        import tempfile
        from pathlib import Path

        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.card import ModelCard
        from airflow_provider_fate.storage.folder import fetch_file

        if model.card is None:
            return model
        with tempfile.TemporaryDirectory(prefix="fate-card-") as folder:
            place = Path(folder) / "card.json"
            try:
                fetch_file(model.card, place)
            except FileNotFoundError:
                raise FateInputError(f"card={model.card!r} is not there.", hint="Export the model again.") from None
            card = ModelCard.model_validate_json(place.read_bytes())
        if card.model.package_sha256 != model.sha256:
            raise FateInputError(
                f"{model.card} describes another package (sha256 {card.model.package_sha256}).",
                hint="Another export has written into the same folder meanwhile: give each model a folder of its own.",
            )
        return model.model_copy(update={"metrics": dict(card.metrics)})


class FateModelAliasOperator(RegistryOperator):
    """Point an alias at a version: make it the champion.

    Of two that do it at the same time one wins, and the other fails. A task that runs again changes nothing.

    :param name: of the model. (templated)
    :param alias: such as ``champion``. (templated)
    :param version: a number, or the result of the task that registered it; ``None``: the alias points at none any more.
        (templated)
    :param expected: the version at which the alias must point now, ``None`` for none: that with which the new one was
        compared. ``"any"``: whichever. (templated)
    :param reason: why, for people: kept with the move. (templated)
    :param registry: as for :class:`FateModelRegisterOperator`. (templated)
    :param outlets: a :func:`~airflow_provider_fate.assets.model_asset` among them gets the version with its event, with
        ``alias`` and ``previous``: DAGs that are scheduled on it score with the new champion.
    :returns: as :class:`FateModelRegisterOperator`, with ``alias`` and ``previous``, the version at which it pointed.
    :raises AirflowFailException: there is no such version, or, from
        :class:`~airflow_provider_fate.errors.FateAliasMoved`, somebody has moved the alias meanwhile. Not retried.
    """

    template_fields: Sequence[str] = ("name", "alias", "version", "expected", "reason", "registry")

    def __init__(
        self,
        *,
        name: str,
        alias: str,
        version: int | str | Mapping[str, Any] | None,
        expected: int | str | Mapping[str, Any] | Literal["any"] | None = "any",
        reason: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.alias = alias
        self.version = version
        self.expected = expected
        self.reason = reason

    def work(self, registry: Registry, context: Context) -> dict[str, Any]:
        """Move it."""
        move = registry.move(
            str(self.name),
            str(self.alias),
            _number("version", self.version),
            expected="any" if self.expected == "any" else _number("expected", self.expected),
            reason=self.reason,
            run=run_of(context),
        )
        return self._moved(registry, move, context)


def _number(what: str, given: int | str | Mapping[str, Any] | None) -> int | None:
    from airflow_provider_fate.errors import FateInputError

    value = given.get("version") if isinstance(given, Mapping) else given
    if value is None or value in ("None", ""):
        return None
    if not str(value).isdecimal() or int(value) == 0:
        raise FateInputError(
            f"{what}={given!r} is not a version.",
            hint="Give its number, or the result of the task that registered it (register.output).",
        )
    return int(value)

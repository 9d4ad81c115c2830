"""What operators of a model registry have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.registry import AliasMove, ModelRegistry


class RegistryOperator(BaseOperator):
    """Work on a registry of models, which is a folder on any storage that Airflow knows.

    What would fail in the same way again fails the task at once; everything else is retried as the task says.
    """

    ui_color = "#e3eefc"

    def __init__(self, *, registry: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.registry = registry

    def execute(self, context: Context) -> Any:
        """Work."""
        from airflow_provider_fate.errors import FateAliasMoved, FateConfigError, FateInputError, FateModelNotFound

        try:
            return self.work(self._open(), context)
        except (FateInputError, FateConfigError, FateAliasMoved, FateModelNotFound) as e:
            raise AirflowFailException(str(e)) from None

    def work(self, registry: ModelRegistry, context: Context) -> Any:
        """Do it; return the XCom."""
        raise NotImplementedError

    def _open(self) -> ModelRegistry:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.registry import ModelRegistry
        from airflow_provider_fate.storage.folder import require_no_password

        if not self.registry:
            raise FateInputError("registry is empty.", hint="Name a folder, such as s3://aws_default@models/registry.")
        require_no_password("registry", self.registry)
        return ModelRegistry(self.registry)

    def _moved(self, registry: ModelRegistry, move: AliasMove, context: Context) -> dict[str, Any]:
        """Tell the log, and whoever is scheduled on the model, that an alias was moved."""
        before = "none" if move.previous is None else f"version {move.previous}"
        if move.version is None:
            self.log.info("No version of %s is %s any more; it was %s", move.name, move.alias, before)
            return {"name": move.name, "alias": move.alias, "version": None, "previous": move.previous}
        version = registry.version(move.name, move.version)
        self.log.info("%s of %s is version %d now; it was %s", move.alias, move.name, move.version, before)
        told = version.to_json() | {"alias": move.alias, "previous": move.previous}
        if self.outlets:
            from airflow_provider_fate.assets import emit_model

            emit_model(context, version.model.party_id, told)
        return told


def run_of(context: Context) -> dict[str, str]:
    ti = context["ti"]
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}

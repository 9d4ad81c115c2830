"""What operators of a model registry have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_fate.links.registry import ModelRegistryLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.registry import AliasMove, Registry


class RegistryOperator(BaseOperator):
    """Work on a registry of models: a folder on any storage that Airflow knows, MLflow, or Kubeflow Model Registry.

    What would fail in the same way again fails the task at once; everything else is retried as the task says.
    """

    ui_color = "#e3eefc"
    operator_extra_links = (ModelRegistryLink(),)

    def __init__(self, *, registry: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.registry = registry

    def execute(self, context: Context) -> Any:
        """Work."""
        from airflow_provider_fate.errors import (
            FateAliasMoved,
            FateAuthError,
            FateConfigError,
            FateInputError,
            FateModelNotFound,
        )
        from airflow_provider_fate.models.registry import open_registry

        try:
            registry = open_registry(self.registry)
            try:
                return self.work(registry, context)
            finally:
                registry.close()
        except (FateInputError, FateConfigError, FateAuthError, FateAliasMoved, FateModelNotFound) as e:
            raise AirflowFailException(str(e)) from None

    def work(self, registry: Registry, context: Context) -> Any:
        """Do it; return the XCom."""
        raise NotImplementedError

    def _shown(self, registry: Registry, name: str, version: int | None, context: Context) -> dict[str, str]:
        """The page of a model, for the XCom and the task's link; nothing where the registry has no pages."""
        url = registry.page(name, version)
        if url is None:
            return {}
        ModelRegistryLink.persist(context, url)
        return {"registry_url": url}

    def _moved(self, registry: Registry, move: AliasMove, context: Context) -> dict[str, Any]:
        """Tell the log, and whoever is scheduled on the model, that an alias was moved."""
        before = "none" if move.previous is None else f"version {move.previous}"
        if move.version is None:
            self.log.info("No version of %s is %s any more; it was %s", move.name, move.alias, before)
            told = {"name": move.name, "alias": move.alias, "version": None, "previous": move.previous}
            return told | self._shown(registry, move.name, None, context)
        version = registry.version(move.name, move.version)
        self.log.info("%s of %s is version %d now; it was %s", move.alias, move.name, move.version, before)
        told = version.to_json() | {"alias": move.alias, "previous": move.previous}
        told |= self._shown(registry, move.name, move.version, context)
        if self.outlets:
            from airflow_provider_fate.assets import emit_model

            emit_model(context, version.model.party_id, told)
        return told


def run_of(context: Context) -> dict[str, str]:
    """The run that does something, and where Airflow shows it."""
    ti: Any = context["ti"]
    run = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
    url = getattr(ti, "log_url", None)
    return {**run, "url": str(url)} if url else run

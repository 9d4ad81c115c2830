"""The connection type ``fate_mlflow``: where an MLflow server is, and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from airflow_provider_fate.hooks.form import Extra, Form
from airflow_provider_fate.hooks.registry import RegistryServer

if TYPE_CHECKING:
    from airflow_provider_fate.clients.mlflow import MlflowClient

__all__ = ["MlflowServer"]


class MlflowServer(RegistryServer):
    """An MLflow 3 server, as an Airflow connection describes it.

    :param experiment: the experiment that gets the runs of registrations; ``None``: one that is called like the model.
    """

    form: ClassVar[Form] = Form(
        "fate_mlflow",
        name="MLflow (FATE)",
        what="an MLflow server",
        hook="airflow_provider_fate.hooks.mlflow.MlflowHook",
    )
    usual_port: ClassVar[int] = 5000
    other_types: ClassVar[tuple[str, ...]] = ("http", "mlflow")

    experiment: Annotated[
        str | None,
        Extra(
            "Experiment", "Experiment that gets the runs of registrations. Empty: one that is called like the model."
        ),
    ] = None

    def client(self) -> MlflowClient:
        """Open a client; close it."""
        from airflow_provider_fate.clients.mlflow import MlflowClient

        return MlflowClient(self.settings())

    def check(self) -> str:
        """Connect and report the version, and whether experiments may be read.

        :raises FateError: it cannot be worked with.
        """
        with self.client() as mlflow:
            version = mlflow.server.version()
            mlflow.experiments.find(self.experiment or "Default")
        settings = self.settings()
        who = f"as user {self.user!r}" if self.user else "with a token" if self.secret else "without credentials"
        old = "" if int(version.partition(".")[0]) >= 3 else "; this provider is tested with MLflow 3"
        return f"MLflow {version} at {settings.root_url}, {who}{old}."


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(MlflowServer, name)

"""The predict job of a model that a site has imported: the package says what the job that trained it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.jobs.predict import PredictJob, Tables
    from airflow_provider_fate.models.package import ModelPackage
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["ImportedModel", "names_an_import"]


def names_an_import(model: Any) -> bool:
    """Whether it is what ``FateModelImportOperator`` gives back, and not the result of a task that trains."""
    return isinstance(model, Mapping) and "imported" in model and "job_id" not in model


@dataclass(frozen=True)
class ImportedModel:
    """A model that was imported.

    :ivar package: place of its package.
    :ivar sha256: checksum that the package must have.
    :ivar model_id: id under which the site has it.
    :ivar model_version: its version there.
    :ivar registered: its version and name in a registry.
    """

    package: str
    sha256: str | None
    model_id: str
    model_version: str
    registered: str | None = None

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> ImportedModel:
        """What the result of an import names.

        :raises FateInputError: it names no model.
        """
        if missing := [name for name in ("package", "model_id", "model_version") if not result.get(name)]:
            raise FateInputError(
                f"model={dict(result)!r} has no {' and no '.join(missing)}.",
                hint="Give the whole result of FateModelImportOperator.",
            )
        sha256 = result.get("sha256")
        return cls(
            package=str(result["package"]),
            sha256=None if sha256 is None else str(sha256),
            model_id=str(result["model_id"]),
            model_version=str(result["model_version"]),
        )

    def derive(
        self, session: SiteSession, *, tables: Tables, task: str | None, evaluate: bool, check_tables: bool
    ) -> PredictJob:
        """Derive the predict job, and check that this site's part of the model is there.

        :raises FateInputError: the package is not there, or does not say what the job does; or the table has other
            columns than that of the training, as far as the card beside the package knows them.
        :raises FateModelPackageError: the package was changed.
        :raises FateModelNotFound: the site has not imported it under this id and version.
        """
        from airflow_provider_fate.jobs.predict import TrainedModel, derive_predict
        from airflow_provider_fate.models.importing import require_imported
        from airflow_provider_fate.models.package import open_package
        from airflow_provider_fate.operators._cards import card_of
        from airflow_provider_fate.site.scoring import require_known_columns
        from airflow_provider_fate.storage.folder import fetch_file, require_no_password

        require_no_password("model", self.package)
        with TemporaryDirectory(prefix="fate-model-") as temporary:
            file = Path(temporary) / "model.zip"
            try:
                fetch_file(self.package, file)
            except FileNotFoundError:
                raise FateInputError(
                    f"The package {self.package} of the model is not there.", hint="Keep the packages of models in use."
                ) from None
            package = open_package(file, self.sha256, self.package)
            manifest = package.manifest
            if manifest.job is None:
                raise FateInputError(
                    f"The package {self.package} does not say what job {manifest.job_id} does.",
                    hint="It was exported by an older version. Export the model again where its job is known.",
                )
            model = TrainedModel(self.model_id, self.model_version, manifest.job_id, self.registered)
            found = derive_predict(manifest.job, model=model, tables=tables, task=task, evaluate=evaluate)
            taken_over = self._with_own_steps(found, package)
            require_imported(session.client, package, self.model_id, self.model_version, [*found.models, *taken_over])
            card = card_of(package, self.package)
        if check_tables and card is not None:
            known = {
                table.task: (table.table, list(zip(table.columns, table.types, strict=True))) for table in card.tables
            }
            require_known_columns(session.client, session.site, known, manifest.job_id, found.document)
        return found

    def _with_own_steps(self, found: PredictJob, package: ModelPackage) -> list[str]:
        """Let steps that the training has taken from an older model (warm start) come from the package; name them.

        The package holds them under the names of the tasks that have applied them.
        """
        changed = []
        dag: Any = found.document["dag"]
        for name, task in dag["tasks"].items():
            for sources in ((task.get("inputs") or {}).get("model") or {}).values():
                stored = sources.get("model_warehouse") or {}
                if stored.get("model_id") in (None, self.model_id):
                    continue
                part = next((part for part in package.manifest.parts if part.task == name), None)
                if part is None:
                    raise FateInputError(
                        f"Task {name} uses a model of another job ({stored['model_id']}), which is not in the package.",
                        hint="Export the model again, where the models of both jobs are.",
                    )
                stored |= {
                    "model_id": self.model_id,
                    "model_version": self.model_version,
                    "producer_task": name,
                    "output_artifact_key": part.output_key,
                }
                changed.append(name)
        return changed

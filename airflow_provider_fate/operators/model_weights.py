"""Take what a horizontal model has learnt out of its package, as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

FILE = "model.safetensors"


class FateModelWeightsOperator(BaseOperator):
    """Write the weights of a homo NN, or the coefficients of a homo LR, as ``model.safetensors``.

    Such a file is data alone: whoever reads it runs nothing. A network with code of its own needs none of it here: load
    the weights into its module where that code is. Needs ``airflow-provider-fate[onnx]`` on the worker.

    :param package: the result of ``FateModelExportOperator``, or path or URL of its ``model.zip``. (templated)
    :param target: folder for the file; default: that of the package. (templated)
    :param columns: the columns of the training table in their order; default: those of the card beside the package.
    :returns: ``{"target", "safetensors", "safetensors_sha256", "tensors", "component", "columns", "job_id"}`` as XCom;
        ``tensors`` has the shape of each by its name.
    :raises AirflowFailException: the package is none, was changed, or holds no horizontal LR or network; or its weights
        would run code when they are loaded. Nothing is written then, and it is not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("package", "target")

    def __init__(
        self,
        *,
        package: str | Path | Mapping[str, Any],
        target: str | Path | None = None,
        columns: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.package = str(package) if isinstance(package, Path) else package
        self.target = str(target) if isinstance(target, Path) else target
        self.columns = columns

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch, read, write."""
        from airflow_provider_fate.errors import FateConfigError, FateInputError, FateModelPackageError

        try:
            return self._write()
        except (FateInputError, FateConfigError, FateModelPackageError) as e:
            raise AirflowFailException(str(e)) from None

    def _write(self) -> dict[str, Any]:
        import hashlib

        from airflow_provider_fate.models.convert.described import described_by
        from airflow_provider_fate.models.convert.tensors import tensors_of
        from airflow_provider_fate.operators._cards import card_of, fetch_package
        from airflow_provider_fate.storage.folder import StoredFolder

        with TemporaryDirectory(prefix="fate-weights-") as temporary:
            package, place = fetch_package(self.package, Path(temporary) / "model.zip")
            card = card_of(package, place, self.package.get("card") if isinstance(self.package, Mapping) else None)
            columns = self.columns or described_by([card] if card is not None else []).columns
            found = tensors_of(package, columns=columns)
        folder = StoredFolder(self.target or place.rpartition("/")[0])
        folder.write(FILE, found.safetensors)
        sha256 = hashlib.sha256(found.safetensors).hexdigest()
        self.log.info("Wrote %s: %d tensors, sha256 %s", folder.place(FILE), len(found.shapes), sha256)
        return {
            "target": folder.url,
            "safetensors": folder.place(FILE),
            "safetensors_sha256": sha256,
            "tensors": {name: list(shape) for name, shape in found.shapes.items()},
            "component": found.component,
            "columns": None if columns is None else list(columns),
            "job_id": package.manifest.job_id,
        }

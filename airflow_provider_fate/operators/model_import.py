"""Bring a model to a FATE site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.manifest import ModelManifest
    from airflow_provider_fate.site.session import SiteSession


class FateModelImportOperator(FateSiteOperator):
    """Store the model of a package at a site of the same party, and compare what the site has then with the package.

    The package is checked from end to end before anything is sent. A model that the site has already is left alone, and
    one that differs is never written over. Each party of a hetero model imports its own part.

    :param package: the result of ``FateModelExportOperator``, or path or URL of its ``model.zip``. (templated)
    :param sha256: checksum that the package must have; default: that of the result. (templated)
    :param model_id: id that the model gets; default: the one that it had. (templated)
    :param model_version: its version, at most 10 letters; default: the one that it had. (templated)
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"model_id", "model_version", "role", "party_id", "tasks", "sha256", "content_sha256", "package",
        "imported"}`` as XCom; ``imported`` is false where the site had exactly this model already.
    :raises AirflowFailException: the package is none, was changed, or belongs to another party; or the site has another
        model of that id and version. Not retried.
    :raises FateServerError: the site has not stored what it was sent; that was removed again.
    """

    template_fields: Sequence[str] = ("package", "sha256", "model_id", "model_version", "fate_conn_id")

    def __init__(
        self,
        *,
        package: str | Path | Mapping[str, Any],
        sha256: str | None = None,
        model_id: str | None = None,
        model_version: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.package = str(package) if isinstance(package, Path) else package
        self.sha256 = sha256
        self.model_id = model_id
        self.model_version = model_version

    def check(self) -> None:
        """Check the arguments."""
        from airflow_provider_fate.storage.folder import require_no_password

        require_no_password("package", self._place())

    def _place(self) -> str:
        from airflow_provider_fate.errors import FateInputError

        place = self.package.get("package") if isinstance(self.package, Mapping) else self.package
        if not isinstance(place, str) or not place:
            raise FateInputError(
                f"package={self.package!r} names no file.",
                hint="Give the result of FateModelExportOperator (export.output), or the place of its model.zip.",
            )
        return place

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Fetch, check, send, compare."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.importing import import_package
        from airflow_provider_fate.models.package import open_package
        from airflow_provider_fate.storage.folder import fetch_file

        place = self._place()
        sha256 = self.sha256 or (self.package.get("sha256") if isinstance(self.package, Mapping) else None)
        with TemporaryDirectory(prefix="fate-model-") as temporary:
            file = Path(temporary) / "model.zip"
            try:
                fetch_file(place, file)
            except FileNotFoundError:
                raise FateInputError(f"package={place!r} is not there.", hint="Export the model first.") from None
            package = open_package(file, sha256, place)
            manifest = package.manifest
            self._require_own(session, manifest)
            model_id = self.model_id or manifest.model_id
            version = str(self.model_version or manifest.model_version)
            imported = import_package(session.client, package, model_id, version)
        what = f"model {model_id}, version {version}, of {manifest.who}: {', '.join(p.task for p in manifest.parts)}"
        if imported:
            self.log.info("Imported %s; the site has what the package has", what)
        else:
            self.log.info("The site has %s already; nothing was sent", what)
        return {
            "model_id": model_id,
            "model_version": version,
            "role": manifest.role,
            "party_id": manifest.party_id,
            "tasks": [part.task for part in manifest.parts],
            "sha256": package.sha256,
            "content_sha256": manifest.content_sha256,
            "package": place,
            "imported": imported,
        }

    def _require_own(self, session: SiteSession, manifest: ModelManifest) -> None:
        """Refuse another party's part: FATE looks for a part under the id of the party that runs the job."""
        from airflow_provider_fate.errors import FateInputError

        if session.client.site.info().standalone or session.site.party_id in (None, manifest.party_id):
            return
        raise FateInputError(
            f"The package holds the part of {manifest.who}, and connection {session.site.conn_id!r} is party "
            f"{session.site.party_id}.",
            hint="Each party imports its own part: give the package of this party, or the connection of that one.",
        )

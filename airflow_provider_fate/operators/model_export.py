"""Take a model out of a FATE site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.card import CardApproval, CardRun, ModelCard
    from airflow_provider_fate.models.collect import TrainedJob
    from airflow_provider_fate.models.package import ModelPackage
    from airflow_provider_fate.site.session import SiteSession
    from airflow_provider_fate.storage.folder import StoredFolder

PACKAGE, CARD, CARD_TEXT = "model.zip", "card.json", "card.md"


class FateModelExportOperator(FateSiteOperator):
    """Write this party's part of a model, and a card that says what it is, into a folder: all of it, or nothing.

    The part of each task that has trained something is fetched over HTTP, looked at, and packed with its checksum. What
    would run code when it is loaded is left out and named. A model that is there already is left alone: the same model
    always gives the same bytes. ``model.zip`` is written last, so where it is, the card is, too.

    :param model: the result of the task that trained it (``train.output``), the extra of a model asset's event, or the
        id of the job. (templated)
    :param target: folder, also on object storage: ``s3://aws_default@models/credit/{{ ds }}``. (templated)
    :param if_exists: what to do where the folder holds another model: ``fail``, or ``replace`` it.
    :param approved_by: who has approved the model; written into the card, also of a model that is there already.
        (templated)
    :param role: whose part; default: the connection's role, else the one that the party has in the job. (templated)
    :param party_id: whose part; default: the connection's party. (templated)
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"target", "package", "card", "card_text", "sha256", "content_sha256", "bytes", "job_id", "model_id",
        "model_version", "role", "party_id", "tasks", "left_out", "written"}`` as XCom; ``written`` is false where the
        model was there already.
    :raises AirflowFailException: the job trains no model or has not succeeded, the folder holds another model, or what
        the site has sent is refused. Not retried.
    :raises FateModelNotFound: the model was deleted at this site.
    :raises FateJobNotFound, FateTaskNotFound: the site does not know the job, or this party has no part in it here.
    """

    template_fields: Sequence[str] = ("model", "target", "approved_by", "role", "party_id", "fate_conn_id")

    def __init__(
        self,
        *,
        model: str | Mapping[str, Any],
        target: str | Path,
        if_exists: str = "fail",
        approved_by: str | None = None,
        role: str | None = None,
        party_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.target = str(target) if isinstance(target, Path) else target
        self.if_exists = if_exists
        self.approved_by = approved_by
        self.role = role
        self.party_id = party_id

    def check(self) -> None:
        """Check the arguments."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.collect import job_id_of
        from airflow_provider_fate.storage.folder import require_no_password

        job_id_of(self.model)
        target = str(self.target or "")
        if not target.rstrip("/") or target.endswith((".zip", ".json", ".md")):
            raise FateInputError(
                f"target={target!r} is not a folder.",
                hint=f"Name the folder that will hold {PACKAGE}, {CARD} and {CARD_TEXT}.",
            )
        require_no_password("target", target)
        if self.if_exists not in ("fail", "replace"):
            raise FateInputError(f"if_exists={self.if_exists!r} is unknown.", hint="Write 'fail' or 'replace'.")

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Fetch, pack, describe, write."""
        from airflow_provider_fate.models.collect import collect_package, find_trained_job, job_id_of
        from airflow_provider_fate.storage.folder import StoredFolder

        flow, site = session.client, session.site
        job = find_trained_job(
            flow, job_id_of(self.model), self.role or None, self.party_id or site.party_id, usual_role=site.role
        )
        folder = StoredFolder(str(self.target))
        with TemporaryDirectory(prefix="fate-model-") as temporary:
            package = collect_package(flow, job, Path(temporary))
            for part in package.manifest.parts:
                for file in part.left_out:
                    self.log.warning("Left out of task %s: %s (%s)", part.task, file.path, file.reason)
            written = not self._is_there(folder, package)
            if written:
                self._write(folder, package, self._card(session, job, package, context))
            else:
                self.log.info("%s holds this model already; nothing was written", folder.place(PACKAGE))
                self._approve(folder, package)
        return self._result(folder, package, written)

    # -- the card --------------------------------------------------------------------------------------------------

    def _card(self, session: SiteSession, job: TrainedJob, package: ModelPackage, context: Context) -> ModelCard:
        from airflow_provider_fate.models.describe import describe

        run = _run(context, job.record.extra)
        return describe(session.client, job, package, run=run, approval=self._approval())

    def _approval(self) -> CardApproval | None:
        from datetime import UTC, datetime

        from airflow_provider_fate.models.card import CardApproval

        return CardApproval(by=self.approved_by, at=datetime.now(tz=UTC)) if self.approved_by else None

    def _approve(self, folder: StoredFolder, package: ModelPackage) -> None:
        """Add who has approved to the card of a model that was written before."""
        from pydantic import ValidationError

        from airflow_provider_fate.models.card import ModelCard

        if (approval := self._approval()) is None:
            return
        with TemporaryDirectory(prefix="fate-card-") as temporary:
            place = Path(temporary) / CARD
            try:
                folder.fetch(CARD, place)
                card = ModelCard.model_validate_json(place.read_bytes())
            except (FileNotFoundError, ValidationError) as error:
                self.log.warning("The card beside the model cannot be read, so no approval is added: %s", error)
                return
        if card.approval is None or card.approval.by != approval.by:
            self._write_card(folder, card.approved(approval))
            self.log.info("The card says now that %s has approved", approval.by)

    # -- the folder ------------------------------------------------------------------------------------------------

    def _is_there(self, folder: StoredFolder, package: ModelPackage) -> bool:
        """Whether the folder holds exactly this model.

        :raises FateModelExists: it holds another one, which is to be kept.
        """
        from airflow_provider_fate.errors import FateModelExists

        size = folder.size(PACKAGE)
        if size is None:
            return False
        if size == package.size and folder.sha256(PACKAGE) == package.sha256:
            return True
        if self.if_exists == "replace":
            self.log.info("%s holds another model, which is replaced", folder.place(PACKAGE))
            return False
        raise FateModelExists(
            f"{folder.place(PACKAGE)} is there, and is not the model of job {package.manifest.job_id}.",
            hint="Nothing was written. Give each model a folder of its own, such as one with the job id in it, or set "
            "if_exists='replace'.",
        )

    def _write(self, folder: StoredFolder, package: ModelPackage, card: ModelCard) -> None:
        # What stands for the whole goes first where it is old, and comes last where it is new.
        folder.remove(PACKAGE)
        try:
            self._write_card(folder, card)
            folder.write(PACKAGE, package.path)
        except BaseException:
            for name in (PACKAGE, CARD, CARD_TEXT):
                with suppress(Exception):
                    folder.remove(name)
            raise
        self.log.info("Wrote %s, %d bytes, sha256 %s", folder.place(PACKAGE), package.size, package.sha256)

    def _write_card(self, folder: StoredFolder, card: ModelCard) -> None:
        from airflow_provider_fate.models.card_text import card_markdown

        folder.write(CARD_TEXT, card_markdown(card).encode())
        folder.write(CARD, card.to_json().encode())

    def _result(self, folder: StoredFolder, package: ModelPackage, written: bool) -> dict[str, Any]:
        manifest = package.manifest
        return {
            "target": folder.url,
            "package": folder.place(PACKAGE),
            "card": folder.place(CARD),
            "card_text": folder.place(CARD_TEXT),
            "sha256": package.sha256,
            "content_sha256": manifest.content_sha256,
            "bytes": package.size,
            "job_id": manifest.job_id,
            "model_id": manifest.model_id,
            "model_version": manifest.model_version,
            "role": manifest.role,
            "party_id": manifest.party_id,
            "tasks": [part.task for part in manifest.parts],
            "left_out": [f"{part.task}/{file.path}" for part in manifest.parts for file in part.left_out],
            "written": written,
        }


def _run(context: Context, extra: Mapping[str, Any]) -> CardRun:
    """The run that writes the card, and its task that has trained, which the job names by a digest only."""
    from datetime import UTC, datetime

    from airflow_provider_fate.models.card import CardRun
    from airflow_provider_fate.remote.identity import key_of
    from airflow_provider_fate.remote.kinds.fate_marks import MARK

    ti = context["ti"]
    mark = extra.get(MARK)
    key = mark.get("key") if isinstance(mark, Mapping) else None
    tasks = getattr(context.get("dag"), "task_ids", ())
    trained_by = next((task for task in tasks if key and key_of(ti.dag_id, ti.run_id, task, -1) == key), None)
    return CardRun(
        dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, written=datetime.now(tz=UTC), trained_by=trained_by
    )

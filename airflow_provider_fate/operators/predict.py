"""Score new rows with a trained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.operators._imported import ImportedModel, names_an_import
from airflow_provider_fate.operators._registered import find_registered, names_a_registry
from airflow_provider_fate.operators.job import FateJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.jobs.predict import PredictJob, Scoring, TrainedModel
    from airflow_provider_fate.operators._overlap import Thresholds
    from airflow_provider_fate.remote.kinds.fate_job import Document
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
    from airflow_provider_fate.site.session import SiteSession


@dataclass(frozen=True)
class _Trained:
    """The job that has trained the model, and, where they are known, FATE's id of the model, and its version.

    :ivar job_id: ``None``: the site is not asked for it.
    :ivar imported: where the site may have the model without the job.
    """

    job_id: str | None
    model_id: str | None = None
    registered: str | None = None
    imported: ImportedModel | None = None


class FatePredictOperator(FateJobOperator):
    """Score new tables with the model that a federated job has trained.

    FATE has no such step: the predict job is derived from the DAG of the training job, which the site still knows. The
    intersection, scaling, binning and selection of the training are done to the new rows with what they learned then;
    splits, samples, statistics, other models and, by default, the evaluation are left out. Before anything is
    submitted, this site's part of the model must be there, and its new table must have the columns of the training, in
    their order and with their types. The job runs as that of
    :class:`~airflow_provider_fate.operators.job.FateJobOperator`.

    :param model: what has trained the model: the result of the task that ran the job (``train.output``), the extra of a
        model asset's event, the id of the job, or a model asset, of which the newest event counts; or a registered
        version, ``{"registry": "s3://aws_default@models/registry", "name": "credit_risk", "alias": "champion"}``, with
        ``"version"`` instead of the alias; or, at a site that has not trained it, the result of
        :class:`~airflow_provider_fate.operators.model_import.FateModelImportOperator`. (templated)
    :param if_no_model: what to do where the alias points at no version, or the asset has no event yet: ``fail``, or
        ``skip`` the task.
    :param tables: the new table of each party, ``{"9999": "credit.new", "10000": "usage.new"}``, or by ``"guest"`` and
        ``"host"``. A table is ``"namespace.name"``, or the result of an upload. (templated)
    :param guest: the guest's table, instead of in ``tables``. (templated)
    :param hosts: the table of the only host, or of all of them in the training's order, or by party id. (templated)
    :param task: which trained task scores, where the job has trained several: ``"sbt_0"``. (templated)
    :param evaluate: judge the scores as the training did; the new tables then need the label.
    :param min_overlap: so many rows must be in common at least, as with
        :class:`~airflow_provider_fate.operators.psi.FatePsiOperator`; ``None``: any number. (templated)
    :param min_share: such a part of the own table must be in common at least; ``None``: any. (templated)
    :param check_tables: compare the own table with that of the training.
    :param kwargs: all else is as with :class:`~airflow_provider_fate.operators.job.FateJobOperator`.
    :returns: as XCom ``{"job_id", "model_id", "model_version", "status", "metrics"}``, where the model is the one that
        has scored; ``"trained_by"``, the job that trained it; ``"task"`` and ``"output"``, which have the scores; and
        their table: ``"namespace"``, ``"name"``, ``"table"`` (both with a dot between) and ``"rows"``, all ``None`` for
        a party that FATE gives no scores. ``FateDownloadOperator(table=...)`` takes the table. Of a registered model
        also ``"registered"``, its ``{"name", "version"}``, whatever is promoted meanwhile. With an intersection
        also ``"overlap"``, ``"own_rows"`` and ``"share"``; these stand under the key ``overlap``, too, also where the
        task fails because of them.
    :raises AirflowFailException: the job has trained no model, a task cannot predict, a table is missing or has other
        columns, the model was deleted here; or, from :class:`~airflow_provider_fate.errors.FateOverlapError`, too few
        rows are in common. Not retried.
    """

    template_fields: Sequence[str] = (
        *("model", "tables", "guest", "hosts", "fate_task", "min_overlap", "min_share", "fate_conn_id", "log_archive"),
    )
    template_ext: Sequence[str] = ()
    template_file_fields: Sequence[str] = ()
    template_fields_renderers = {"tables": "yaml"}  # noqa: RUF012 - declared like this by Airflow

    def __init__(
        self,
        *,
        model: Mapping[str, Any] | str | Asset,
        tables: Mapping[str, Any] | None = None,
        guest: Any = None,
        hosts: Any = None,
        task: str | None = None,
        evaluate: bool = False,
        min_overlap: int | str | None = None,
        min_share: float | str | None = None,
        if_no_model: Literal["fail", "skip"] = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(job={}, **kwargs)
        if if_no_model not in ("fail", "skip"):
            raise FateInputError(f"if_no_model={if_no_model!r} is unknown.", hint="Write 'fail' or 'skip'.")
        self.if_no_model = if_no_model
        self.model = model
        self.tables = tables
        self.guest = guest
        self.hosts = hosts
        # ``task`` would hide what Airflow calls so.
        self.fate_task = task
        self.evaluate = evaluate
        self.min_overlap = min_overlap
        self.min_share = min_share

    def request(self, context: Context) -> Document:
        """Check the arguments; the rest needs the site, and is done when a job has to be submitted."""
        self.thresholds()
        self.new_tables()
        trained = self.trained_by(context)
        return lambda session: self._checked(self._derived(session, trained), session)

    def thresholds(self) -> Thresholds:
        """``min_overlap`` and ``min_share`` as numbers.

        :raises FateInputError: one of them cannot be.
        """
        from airflow_provider_fate.operators._overlap import Thresholds

        return Thresholds.of(self.min_overlap, self.min_share)

    def trained_by(self, context: Context) -> _Trained:
        """The job that has trained the model.

        :raises FateInputError: ``model`` names none.
        :raises FateModelNotFound: the registry has no such version.
        :raises AirflowSkipException: there is no model yet, and the task is to be skipped then.
        """
        given: Any = self.model
        if names_a_registry(given):
            version = find_registered(given, missing_ok=self.if_no_model == "skip")
            if version is None:
                raise AirflowSkipException(f"No version of {given['name']} is {given['alias']} yet.")
            self.log.info("Scoring with version %d of %s", version.version, version.name)
            registered, kept = f"{version.version} {version.name}", version.model
            package = ImportedModel(kept.package, kept.sha256, kept.model_id, kept.model_version, registered=registered)
            return _Trained(kept.job_id, kept.model_id, registered, package)
        if names_an_import(given):
            return _Trained(None, imported=ImportedModel.of(given))
        if hasattr(given, "uri"):
            given = self._newest(context, given)
        job_id = given.get("job_id") if isinstance(given, Mapping) else given
        if not isinstance(job_id, str) or not job_id.isalnum():
            raise FateInputError(
                f"model={given!r} names no job.",
                hint="Give the result of the task that trained it (train.output), the extra of its asset's event, the "
                "id of the job, or a version of a registry.",
            )
        return _Trained(job_id, given.get("model_id") if isinstance(given, Mapping) else None)

    def _newest(self, context: Context, asset: Asset) -> Mapping[str, Any]:
        from airflow_provider_fate.assets import newest_event

        try:
            return newest_event(context, asset)
        except FateInputError as e:
            if self.if_no_model == "skip":
                raise AirflowSkipException(str(e)) from None
            raise

    def new_tables(self) -> dict[str, Any]:
        """All tables that were given, in one mapping.

        :raises FateInputError: there are none, or one is given twice.
        """
        if self.tables is not None and not isinstance(self.tables, Mapping):
            raise FateInputError(
                f"tables={self.tables!r} is no mapping.", hint="Write {'9999': 'namespace.name', '10000': ...}."
            )
        found = dict(self.tables or {})
        more: dict[str, Any] = {} if self.guest is None else {"guest": self.guest}
        if isinstance(self.hosts, Mapping) and "table" not in self.hosts:
            more |= self.hosts
        elif self.hosts is not None:
            more["host"] = self.hosts
        if twice := sorted(found.keys() & more.keys()):
            raise FateInputError(f"{', '.join(twice)} is in tables already.", hint="Give each table once.")
        if not found and not more:
            raise FateInputError(
                "no table is given to be scored.", hint="Give guest=..., hosts=..., or tables={party id: table}."
            )
        return found | more

    def _derived(self, session: SiteSession, trained: _Trained) -> Mapping[str, Any]:
        from airflow_provider_fate.site.scoring import require_model, require_older_models

        record, found = self._found(session, trained)
        if self.thresholds().any and found.scoring.psi is None:
            raise FateInputError(
                f"min_overlap and min_share need an intersection, and job {found.scoring.trained_by} has none.",
                hint="Horizontal models have rows of their own at each party: leave them out.",
            )
        if record is not None:
            require_model(session.client, record, found.models)
            require_older_models(session.client, record, found.document)
        if self.check_tables:
            self._compare(session, record, found)
        self.log.info("Derived from job %s: %s", found.scoring.trained_by, " -> ".join(found.tasks))
        return found.document

    def _found(self, session: SiteSession, trained: _Trained) -> tuple[JobRecord | None, PredictJob]:
        """The predict job, and the record of the job that has trained; ``None`` where the model was imported."""
        from airflow_provider_fate.errors import FateModelNotFound
        from airflow_provider_fate.jobs.predict import derive_predict
        from airflow_provider_fate.site.scoring import training_record

        asked: dict[str, Any] = {"tables": self.new_tables(), "task": self.fate_task, "evaluate": self.evaluate}
        imported = trained.imported
        if trained.job_id is None:
            assert imported is not None
            return None, imported.derive(session, **asked, check_tables=self.check_tables)
        try:
            record = training_record(session.client, session.site, trained.job_id)
        except FateModelNotFound as unknown:
            if imported is None:
                raise
            try:
                found = imported.derive(session, **asked, check_tables=self.check_tables)
            except (FateModelNotFound, FateInputError) as e:
                raise FateModelNotFound(
                    f"{unknown.message} Nor can the model be taken as it was imported: {e.message}", hint=e.hint
                ) from None
            self.log.info("This site does not know job %s: scoring with the model as it was imported", trained.job_id)
            return None, found
        return record, derive_predict(record.dag, model=self._model_of(record, trained), **asked)

    def _model_of(self, record: JobRecord, trained: _Trained) -> TrainedModel:
        from airflow_provider_fate.jobs.predict import TrainedModel

        model = TrainedModel(
            record.model_id or record.job_id, record.model_version or "0", record.job_id, trained.registered
        )
        if trained.model_id not in (None, model.model_id):
            raise FateInputError(
                f"job {record.job_id} has trained model {model.model_id}, and not {trained.model_id}.",
                hint="Give one of both alone: the result of the task that trained it, or the id of its job.",
            )
        return model

    def _compare(self, session: SiteSession, record: JobRecord | None, found: PredictJob) -> None:
        from airflow_provider_fate.site.scoring import require_labels, require_same_columns
        from airflow_provider_fate.site.tables import require_own_tables

        require_own_tables(session.client, session.site, found.document)
        if record is not None:
            require_same_columns(session.client, session.site, record, record.dag, found.document)
        require_labels(session.client, session.site, found.document)

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """Ids, metrics and the table of the scores; an error if too little was in common."""
        from airflow_provider_fate.site.result import job_result

        with self.session() as session:
            scoring, hosts = self._scoring(session, ref)
            result = job_result(session.client, ref, "success")
            result |= {"model_id": scoring.model_id, "model_version": scoring.model_version}
            result |= {"trained_by": scoring.trained_by, "task": scoring.task, "output": scoring.output}
            result |= self._scores(session, ref, scoring)
        if scoring.registered is not None:
            version, _, name = scoring.registered.partition(" ")
            result["registered"] = {"name": name, "version": int(version)}
        if scoring.psi is not None:
            result |= self._overlap(ref, result["metrics"], scoring.psi, hosts, context)
        return result

    def _scoring(self, session: SiteSession, ref: FateJobRef) -> tuple[Scoring, list[str]]:
        """What the job says about itself, and the hosts: this may be another process than the one that derived it."""
        from airflow_provider_fate.errors import FateServerError
        from airflow_provider_fate.jobs.predict import Scoring
        from airflow_provider_fate.site.records import own_record

        record = own_record(session.client.job.query(job_id=ref.job_id), ref.role, ref.party_id)
        scoring = Scoring.read(record.extra)
        if scoring is None:
            raise FateServerError(f"Job {ref.job_id} does not say what it has scored.", job_id=ref.job_id)
        groups = record.dag["dag"]["parties"]
        return scoring, [party_id for group in groups if group["role"] == "host" for party_id in group["party_id"]]

    def _scores(self, session: SiteSession, ref: FateJobRef, scoring: Scoring) -> dict[str, Any]:
        made = session.client.output.data_tables(ref.job_id, ref.role, ref.party_id, scoring.task)
        tables = made.get(scoring.output)
        if not tables:
            self.log.warning("FATE gives %s %s no scores: the guest has them", ref.role, ref.party_id)
            return dict.fromkeys(("namespace", "name", "table", "rows"))
        namespace, name = tables[0].namespace, tables[0].name
        rows = session.client.table.query(namespace, name).count
        self.log.info("%s rows were scored: table %s.%s", rows, namespace, name)
        return {"namespace": namespace, "name": name, "table": f"{namespace}.{name}", "rows": rows}

    def _overlap(
        self, ref: FateJobRef, metrics: Mapping[str, Any], psi: str, hosts: list[str], context: Context
    ) -> dict[str, Any]:
        from airflow_provider_fate.operators._overlap import Overlap

        overlap = Overlap.measured(ref, metrics, psi)
        facts = overlap.facts()
        context["ti"].xcom_push(key="overlap", value=facts)
        self.log.info(
            "%d of %d rows of the own table are in common (%.1f %%)",
            overlap.rows,
            overlap.own_rows,
            100 * overlap.share,
        )
        self.thresholds().judge(overlap, ref.job_id, hosts)
        return facts

"""What a job has measured, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.metrics import JobMetrics, StoredMetrics
    from airflow_provider_fate.site.session import SiteSession


class FateMetricsOperator(FateSiteOperator):
    """Write all that a finished job has measured at this party into a folder: ``metrics.json`` and ``metrics.parquet``.

    Numbers, curves (ROC, KS, gain, lift, the loss of each iteration, ...), tables (confusion matrix, statistics of
    columns, ...) and feature importances, as :class:`~airflow_provider_fate.metrics.JobMetrics`. What this party is not
    shown stands under ``missing``, with the reason. Both files appear, or none; the same metrics are written once.

    :param job: the result of the task that ran the job (``train.output``), the extra of a model asset's event, or the
        id of the job. (templated)
    :param target: folder, also on object storage: ``s3://aws_default@models/credit/{{ ds }}``. (templated)
    :param if_exists: what to do where the folder holds other metrics: ``fail``, or ``replace`` them.
    :param folds: of a cross validation, download what each fold has predicted, and judge it here: FATE evaluates no
        folds. Only the guest, which has the label, can.
    :param role: whose metrics; default: the connection's role, else the one that the party has in the job. (templated)
    :param party_id: whose metrics; default: the connection's party. (templated)
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"job_id", "model_id", "model_version", "role", "party_id", "target", "json", "parquet",
        "json_sha256", "parquet_sha256", "metrics", "counts", "missing", "written"}`` as XCom. ``metrics`` has single
        numbers, under the names that ``FateJobOperator`` gives them; ``counts`` says how many values, curves, tables,
        importances and raw ones there are; ``written`` is false where the same files were there already.
    :raises AirflowFailException: an argument is wrong, the job has not succeeded or measures nothing at this party, or
        the folder holds other metrics. Not retried.
    :raises FateConflictError: the job has not ended.
    :raises FateJobNotFound, FateTaskNotFound: the site does not know the job, or this party has no part in it here.
    """

    template_fields: Sequence[str] = ("job", "target", "role", "party_id", "fate_conn_id")

    def __init__(
        self,
        *,
        job: str | Mapping[str, Any],
        target: str | Path,
        if_exists: str = "fail",
        folds: bool = True,
        role: str | None = None,
        party_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.target = str(target) if isinstance(target, Path) else target
        self.if_exists = if_exists
        self.folds = folds
        self.role = role
        self.party_id = party_id

    def check(self) -> None:
        """Check the arguments."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.metrics.files import JSON_FILE, PARQUET_FILE
        from airflow_provider_fate.site.records import job_id_in
        from airflow_provider_fate.storage.folder import require_no_password

        job_id_in("job", self.job)
        target = str(self.target or "")
        if not target.rstrip("/") or target.endswith((".json", ".parquet")):
            raise FateInputError(
                f"target={target!r} is not a folder.",
                hint=f"Name the folder that will hold {JSON_FILE} and {PARQUET_FILE}.",
            )
        require_no_password("target", target)
        if self.if_exists not in ("fail", "replace"):
            raise FateInputError(f"if_exists={self.if_exists!r} is unknown.", hint="Write 'fail' or 'replace'.")

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Read, write."""
        from airflow_provider_fate.jobs import summarize_metrics
        from airflow_provider_fate.metrics import collect_metrics, write_metrics
        from airflow_provider_fate.metrics.collect import fetch_logged
        from airflow_provider_fate.site.records import job_id_in, party_record, require_success
        from airflow_provider_fate.storage.folder import StoredFolder

        flow, site = session.client, session.site
        job_id = job_id_in("job", self.job)
        record = party_record(flow, job_id, self.role or None, self.party_id or site.party_id, usual_role=site.role)
        require_success(record, "what it has measured is not all of it")
        logged = fetch_logged(flow, record)
        metrics = collect_metrics(flow, record, logged, folds=bool(self.folds))
        for one in metrics.missing:
            self.log.info("Missing: %s%s. %s", f"{one.task}: " if one.task else "", one.what, one.why)
        _require_some(metrics)
        stored = write_metrics(metrics, StoredFolder(str(self.target)), replace=self.if_exists == "replace")
        if stored.written:
            self.log.info("Wrote %s, sha256 %s, and %s", stored.json, stored.json_sha256, stored.parquet)
        else:
            self.log.info("%s holds these metrics already; nothing was written", stored.json)
        return _result(metrics, stored, summarize_metrics(logged.metrics), str(self.target).rstrip("/"))


def _require_some(metrics: JobMetrics) -> None:
    from airflow_provider_fate.errors import FateInputError

    if metrics.is_empty:
        ran = ", ".join(task.component or task.task for task in metrics.job.tasks) or "nothing"
        raise FateInputError(
            f"Job {metrics.job.job_id} has measured nothing at {metrics.job.who}, where it ran {ran}.",
            job_id=metrics.job.job_id,
            hint="Ask the party that has the label, or give the job an evaluation. "
            + " ".join(f"Missing: {one.task or 'job'}: {one.what}. {one.why}" for one in metrics.missing),
        )


def _result(metrics: JobMetrics, stored: StoredMetrics, numbers: Mapping[str, Any], target: str) -> dict[str, Any]:
    job = metrics.job
    return {
        "job_id": job.job_id,
        "model_id": job.model_id,
        "model_version": job.model_version,
        "role": job.role,
        "party_id": job.party_id,
        "target": target,
        "json": stored.json,
        "parquet": stored.parquet,
        "json_sha256": stored.json_sha256,
        "parquet_sha256": stored.parquet_sha256,
        "metrics": dict(numbers),
        "counts": {name: len(getattr(metrics, name)) for name in ("values", "curves", "tables", "importances", "raw")},
        "missing": [one.model_dump() for one in metrics.missing],
        "written": stored.written,
    }

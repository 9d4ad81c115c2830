"""Bring a table to a FATE site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._base import FateJobWorkOperator
from airflow_provider_fate.remote.flow.ref import JobRef

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.flow.models import UploadMeta
    from airflow_provider_fate.remote.flow.jobs import FlowJobs
    from airflow_provider_fate.remote.identity import WorkIdentity


class FateUploadOperator(FateJobWorkOperator):
    """Upload a local CSV file to a FATE site as a table, and check that it arrived whole.

    The file is read once before anything is sent: what FATE's reader would silently misread (quotes, a byte order mark,
    ragged rows, another delimiter, duplicate ids, an empty file ...) is refused with row and column. Afterwards the
    number of rows on the server is compared with the file's. An existing table of that name is overwritten, as FATE
    does: use dated names, ``credit.bank_{{ ds_nodash }}``, never a name that a running job reads.

    :param source: path of the CSV file on the worker. (templated)
    :param table: ``namespace.name`` of the table. (templated)
    :param match_id: column by which the parties' rows are matched. (templated)
    :param label: column of the label, at the party that has one. (templated)
    :param label_type: type of the label: ``int32`` for classes, ``float32`` for numbers.
    :param dtype: type of the features, one for all or a mapping by column.
    :param sample_id: column that is unique per row; default: FATE adds one of its own.
    :param weight: column of sample weights.
    :param na_values: texts that mean "missing".
    :param delimiter: one character between two values.
    :param partitions: into how many parts FATE cuts the table.
    :param fate_conn_id: Airflow connection of the FATE site that gets the table. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default ``[fate] poll_interval``.
    :param waiting_timeout: how long the upload may queue before it is stopped; ``None``: for ever.
    :returns: ``{"namespace", "name", "count", "columns", "job_id"}`` as XCom.
    :raises AirflowFailException: the file or an argument is wrong; names row, column and way out. Not retried.
    :raises FileNotFoundError: there is no such file on this worker; retried, because it may still come.
    :raises FateConflictError: somebody else is uploading into this table right now.
    :raises FateDataError: another number of rows has arrived than was sent.
    """

    template_fields: Sequence[str] = ("source", "table", "match_id", "label_column", "fate_conn_id")

    def __init__(
        self,
        *,
        source: str | Path,
        table: str,
        match_id: str = "id",
        label: str | None = None,
        label_type: str = "int32",
        dtype: str | Mapping[str, str] = "float32",
        sample_id: str | None = None,
        weight: str | None = None,
        na_values: str | Sequence[str] | None = None,
        delimiter: str = ",",
        partitions: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.table = table
        self.match_id = match_id
        # ``label`` itself is the operator's label in the UI.
        self.label_column = label
        self.label_type = label_type
        self.dtype = dtype
        self.sample_id = sample_id
        self.weight = weight
        self.na_values = na_values
        self.delimiter = delimiter
        self.partitions = partitions

    def find_or_submit(self, identity: WorkIdentity, context: Context) -> JobRef:
        """Check the file, then send it."""
        from airflow_provider_fate.data.csv import check_csv
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.hooks.check import verify_party
        from airflow_provider_fate.remote.flow.jobs import user_name

        table = TableName.parse(self.table)
        meta = self._meta()
        path = Path(self.source)
        if not path.is_file():
            raise FileNotFoundError(f"source={str(path)!r} is not a file on this worker ({self.task_id}).")
        summary = check_csv(path, meta=meta)
        self.log.info("%s: %d rows, columns %s", path, summary.rows, ", ".join(summary.columns))
        context["ti"].xcom_push(key="rows", value=summary.rows)
        with self.jobs() as jobs:
            verify_party(jobs.site, jobs.flow)
            self._end_unfinished_uploads(jobs, table, identity)
            self.end_if_killed()
            started = jobs.flow.data.upload_file(
                path,
                namespace=table.namespace,
                name=table.name,
                meta=meta,
                partitions=self.partitions,
                # Without an id of its own FATE takes the first column as sample id, and no match id is left.
                extend_sid=self.sample_id is None,
            )
            # An upload's job can carry no mark of ours, but it can be described once its id is known.
            jobs.flow.job.add_notes(started.job_id, "local", "0", user_name(identity))
        self.log.info("Uploading into table %s as job %s", table, started.job_id)
        return JobRef(job_id=started.job_id, role="local", party_id="0")

    def _meta(self) -> UploadMeta:
        from pydantic import ValidationError

        from airflow_provider_fate.clients.flow.models import UploadMeta
        from airflow_provider_fate.errors import FateInputError

        na_values = self.na_values
        try:
            return UploadMeta(
                match_id_name=self.match_id,
                sample_id_name=self.sample_id,
                label_name=self.label_column or None,
                label_type=self.label_type,
                weight_name=self.weight,
                delimiter=self.delimiter,
                dtype=self.dtype if isinstance(self.dtype, str) else dict(self.dtype),
                na_values=na_values if na_values is None or isinstance(na_values, str) else list(na_values),
            )
        except ValidationError as e:
            faults = "; ".join(f"{'.'.join(map(str, f['loc']))}={f['input']!r}: {f['msg']}" for f in e.errors())
            raise FateInputError(f"Arguments of {self.task_id} are wrong: {faults}") from None

    def _end_unfinished_uploads(self, jobs: FlowJobs, table: Any, identity: WorkIdentity) -> None:
        """Two uploads into one table at once would mix: end our own older one, refuse beside somebody else's."""
        from airflow_provider_fate.errors import FateConflictError
        from airflow_provider_fate.remote.flow.jobs import UNFINISHED, user_name

        for record in jobs.flow.job.list(statuses=UNFINISHED, roles=("local",), limit=0).jobs:
            if _written_table(record.dag) != (table.namespace, table.name):
                continue
            if record.description != user_name(identity):
                raise FateConflictError(
                    f"Upload job {record.job_id} is writing into table {table} right now.",
                    job_id=record.job_id,
                    hint="Wait until it has ended, stop it, or give this table a name of its own.",
                )
            self.log.info("Stopping upload job %s of an earlier try", record.job_id)
            jobs.stop(record.job_id)

    def stop_started(self, identity: WorkIdentity) -> None:
        """Stop an upload into the table that nobody has described yet: ours, as nobody else may write there now."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.remote.flow.jobs import UNFINISHED, user_name

        table = TableName.parse(self.table)
        with self.jobs() as jobs:
            for record in jobs.flow.job.list(statuses=UNFINISHED, roles=("local",), limit=0).jobs:
                ours = (record.description or "") in ("", user_name(identity))
                if ours and _written_table(record.dag) == (table.namespace, table.name):
                    jobs.stop(record.job_id)

    def result(self, ref: JobRef, context: Context) -> dict[str, Any]:
        """Compare what arrived with what was sent."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.errors import FateDataError

        table = TableName.parse(self.table)
        with self.jobs() as jobs:
            arrived = jobs.flow.table.query(table.namespace, table.name)
        sent = context["ti"].xcom_pull(task_ids=self.task_id, key="rows", map_indexes=context["ti"].map_index)
        if sent is not None and arrived.count != sent:
            raise FateDataError(
                f"Table {table} has {arrived.count} rows, but {sent} were sent (job {ref.job_id}).",
                job_id=ref.job_id,
                hint="Do not use it: upload it again, and look at the log of the upload job.",
            )
        self.log.info("Table %s: %s rows", table, arrived.count)
        return {
            "namespace": arrived.namespace,
            "name": arrived.name,
            "count": arrived.count,
            "columns": arrived.columns,
            "job_id": ref.job_id,
        }


def _written_table(dag: Mapping[str, Any]) -> tuple[str, str] | None:
    """Namespace and name that an upload job writes, read from its DAG."""
    tasks = ((dag.get("dag") or {}).get("party_tasks") or {}).get("local_0", {}).get("tasks") or {}
    for task in tasks.values():
        parameters = task.get("parameters") or {}
        if "namespace" in parameters and "name" in parameters:
            return str(parameters["namespace"]), str(parameters["name"])
    return None

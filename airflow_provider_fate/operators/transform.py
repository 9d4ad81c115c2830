"""Make a dataframe of a raw table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._base import FateJobWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.remote.flow.ref import JobRef
    from airflow_provider_fate.remote.flow.transform import Transform
    from airflow_provider_fate.remote.identity import WorkIdentity


class FateTransformOperator(FateJobWorkOperator):
    """Make a dataframe, which federated jobs can read, of a raw table of the site, and compare the rows.

    Tables of ``FateUploadOperator`` are dataframes already. Raw tables come from uploads without a table name, as other
    clients of FATE do them. **FATE deletes the raw table** when it has been transformed. So a task that runs again
    takes up the job of an earlier try, and finds what it has done; a raw table that another job uses is refused.

    :param source: ``namespace.name`` of the raw table; an upload without a name gives ``upload.<some id>``. (templated)
    :param table: ``namespace.name`` of the dataframe. (templated)
    :param site_name: the party's name in the anonymous names of columns that partners see; default: FATE's.
    :param overwrite: replace a table that has the name; it is deleted before the job starts.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default ``[fate] poll_interval``.
    :param waiting_timeout: how long the job may queue before it is stopped; ``None``: for ever.
    :returns: ``{"namespace", "name", "count", "columns", "job_id"}`` as XCom.
    :raises AirflowFailException: a name is wrong, or taken, or the source is no raw table. Not retried.
    :raises FateTableNotFound: there is no such raw table; retried, because it may still come.
    :raises FateConflictError: an unfinished job uses one of the tables.
    :raises FateDataError: the dataframe has another number of rows than the raw table had.
    """

    template_fields: Sequence[str] = ("source", "table", "fate_conn_id")

    def __init__(
        self, *, source: str, table: str, site_name: str | None = None, overwrite: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.table = table
        self.site_name = site_name
        self.overwrite = overwrite

    def find_or_submit(self, identity: WorkIdentity, context: Context) -> JobRef:
        """The job of this task."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        from airflow_provider_fate.errors import FateTableExists
        from airflow_provider_fate.hooks.check import verify_party

        with self._transform() as transform:
            verify_party(transform.jobs.site, transform.jobs.flow)
            if begun := transform.begun(identity):
                return begun
            self.end_if_killed()
            try:
                return transform.submit(identity, site_name=self.site_name, overwrite=self.overwrite)
            except FateTableExists as e:
                raise AirflowFailException(str(e)) from None

    def stop_started(self, identity: WorkIdentity) -> None:
        """Stop a transformation that may have been submitted."""
        with self._transform() as transform:
            transform.stop_begun(identity)

    def result(self, ref: JobRef, context: Context) -> dict[str, Any]:
        """Compare the rows."""
        from airflow_provider_fate.errors import FateDataError

        with self._transform() as transform:
            table = transform.jobs.flow.table.query(transform.table.namespace, transform.table.name)
            expected = transform.expected_rows(ref)
        if expected is not None and table.count != expected:
            raise FateDataError(
                f"Table {self.table} has {table.count} rows, but {self.source} had {expected} (job {ref.job_id}).",
                job_id=ref.job_id,
                hint="Do not use it: upload the data again, and look at the log of the job.",
            )
        self.log.info("Table %s: %s rows", self.table, table.count)
        return {
            "namespace": table.namespace,
            "name": table.name,
            "count": table.count,
            "columns": table.columns,
            "job_id": ref.job_id,
        }

    @contextmanager
    def _transform(self) -> Iterator[Transform]:
        from airflow_provider_fate.remote.flow.transform import Transform

        source, table = self._names()
        with self.jobs() as jobs:
            yield Transform(jobs, source, table)

    def _names(self) -> tuple[TableName, TableName]:
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.errors import FateInvalidParameterError

        source, table = TableName.parse(self.source), TableName.parse(self.table)
        if source == table:
            raise FateInvalidParameterError(
                f"source and table are both {self.table!r}.",
                hint="Give the dataframe another name: FATE would delete the raw table before it reads it.",
            )
        return source, table

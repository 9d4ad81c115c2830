"""Make a dataframe of a raw table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateTableExists
from airflow_provider_fate.operators._base import FateJobWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
    from airflow_provider_fate.remote.kinds.fate_transform import FateTransform, TransformRequest


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
    final_errors = (*FateJobWorkOperator.final_errors, FateTableExists)

    def __init__(
        self, *, source: str, table: str, site_name: str | None = None, overwrite: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.table = table
        self.site_name = site_name
        self.overwrite = overwrite

    def kind(self) -> FateTransform:
        """A transformation."""
        from airflow_provider_fate.remote.kinds.fate_transform import FateTransform

        return FateTransform(self.fate_conn_id, site=self.site(), log_archive=self.log_archive)

    def request(self, context: Context) -> TransformRequest:
        """Both tables."""
        from airflow_provider_fate.remote.kinds.fate_transform import TransformRequest

        return TransformRequest(*self._names(), self.site_name, self.overwrite)

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """Compare the rows."""
        from airflow_provider_fate.errors import FateDataError
        from airflow_provider_fate.remote.kinds.fate_transform import expected_rows

        _, name = self._names()
        with self.session() as session:
            table = session.client.table.query(name.namespace, name.name)
            expected = expected_rows(session, ref.job_id)
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

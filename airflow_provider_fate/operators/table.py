"""Look after the tables of a FATE site: bind a path, preview, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.site.session import SiteSession

MOST_ROWS = 100
"""FATE-Flow keeps so many rows of a table to show."""


class FateBindPathOperator(FateSiteOperator):
    """Give a file or directory on the disk of the FATE **server** the name of a table.

    Neural networks and language models read their data so (images, text, prepared datasets). Nothing is copied, and
    FATE-Flow does not look whether the path exists: a wrong one fails the job that reads it. Every machine that runs
    tasks of the site has to see the same files under this path.

    A task that runs again, and finds the name bound to this path, changes nothing.

    :param table: ``namespace.name`` to give. (templated)
    :param path: absolute path on the server. (templated)
    :param overwrite: take the name from whatever has it; a table that has it is deleted. FATE-Flow itself would
        replace it without a question.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"namespace", "name", "path", "changed"}`` as XCom.
    :raises AirflowFailException: the table or the path cannot be right, or the name is taken. Not retried.
    :raises FateConflictError: an unfinished job uses what has the name.
    """

    template_fields: Sequence[str] = ("table", "path", "fate_conn_id")

    def __init__(self, *, table: str, path: str, overwrite: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.path = path
        self.overwrite = overwrite

    def check(self) -> None:
        """Check name and path."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.site.binding import check_path

        TableName.parse(self.table)
        check_path(self.path)

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Bind, unless it is bound already."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.site.binding import bind

        table = TableName.parse(self.table)
        changed = bind(session.client, table, self.path, overwrite=self.overwrite)
        self.log.info("Table %s is %s on the server%s", table, self.path, "" if changed else ", as before")
        return {"namespace": table.namespace, "name": table.name, "path": self.path, "changed": changed}


class FateDeleteTableOperator(FateSiteOperator):
    """Delete tables from a FATE site, with their rows, and check that they are gone.

    Never a table that a job uses which waits or runs there: then nothing is deleted, and the error names the job. Give
    the task ``retries`` and a ``retry_delay`` to wait for it. All tables are checked before the first one is deleted.
    Between the check and the deletion there is a moment in which a partner may start a job that reads one.

    :param tables: ``namespace.name``, or a list of them. (templated)
    :param missing_ok: whether a table that is not there is as good as deleted.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"deleted": [...], "missing": [...]}`` as XCom.
    :raises AirflowFailException: a name is none, or a bound path, which FATE-Flow cannot delete. Not retried.
    :raises FateConflictError: an unfinished job uses one of the tables.
    :raises FateTableNotFound: one is not there, and ``missing_ok`` is false; the others have been deleted.
    """

    template_fields: Sequence[str] = ("tables", "fate_conn_id")

    def __init__(self, *, tables: str | Sequence[str], missing_ok: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tables = tables
        self.missing_ok = missing_ok

    def check(self) -> None:
        """Check the names."""
        self._names()

    def work(self, session: SiteSession, context: Context) -> dict[str, list[str]]:
        """Delete them."""
        from airflow_provider_fate.errors import FateTableNotFound
        from airflow_provider_fate.site.replace import delete

        deleted, missing = delete(session.client, self._names())
        for table in deleted:
            self.log.info("Table %s is deleted", table)
        for table in missing:
            self.log.info("There is no table %s", table)
        if missing and not self.missing_ok:
            raise FateTableNotFound(
                f"The site of connection {self.fate_conn_id!r} has no table {', '.join(map(str, missing))}.",
                hint="Correct the name (case counts), or set missing_ok=True.",
            )
        return {"deleted": list(map(str, deleted)), "missing": list(map(str, missing))}

    def _names(self) -> list[TableName]:
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.errors import FateInvalidParameterError

        names = [self.tables] if isinstance(self.tables, str) else list(self.tables)
        if not names:
            raise FateInvalidParameterError(
                f"tables={self.tables!r} names no table.", hint="Write ['credit.bank_20260101']."
            )
        return list(dict.fromkeys(TableName.parse(str(name)) for name in names))


class FatePreviewTableOperator(FateSiteOperator):
    """Write the first rows of a table into the task log, and return what it consists of.

    Rows are data: whoever may read the log of this task sees them. With ``rows=0`` only columns and types are shown.
    XCom gets no rows unless ``return_rows`` says so.

    FATE-Flow keeps at most 100 rows of each table for this, taken when it was written.

    :param table: ``namespace.name``. (templated)
    :param rows: how many rows, at most 100.
    :param return_rows: put the rows into XCom as well, which is Airflow's database.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"namespace", "name", "count", "data_type", "columns": [{"name", "type", "property"}]}`` as XCom, and
        ``"rows"`` if they were asked for. ``property`` is what FATE takes a column for: ``sample_id``, ``match_id``,
        ``label``, ``weight``, or ``column`` for all others.
    :raises AirflowFailException: the name is none, or ``rows`` is no number from 0 to 100. Not retried.
    :raises FateTableNotFound: the site has no such table.
    """

    template_fields: Sequence[str] = ("table", "fate_conn_id")

    def __init__(self, *, table: str, rows: int = 10, return_rows: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.rows = rows
        self.return_rows = return_rows

    def check(self) -> None:
        """Check name and number."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.errors import FateInvalidParameterError

        TableName.parse(self.table)
        if type(self.rows) is not int or not 0 <= self.rows <= MOST_ROWS:
            raise FateInvalidParameterError(
                f"rows={self.rows!r} is not a number of rows that FATE-Flow can show.",
                hint=f"Write 0 to {MOST_ROWS}: it keeps no more of a table to show.",
            )

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Ask, and log."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.site.preview import preview
        from airflow_provider_fate.text import columns

        seen = preview(session.client, TableName.parse(self.table), self.rows)
        count = "" if seen.count is None else f", {seen.count} rows"
        self.log.info("Table %s: %s%s, %d columns", self.table, seen.data_type, count, len(seen.columns))
        if self.rows and seen.rows:
            lines = columns(seen.header, seen.rows)
        else:
            lines = columns(("column", "type", "property"), [(c.name, c.type, c.property) for c in seen.columns])
        self.log.info("%s", "\n".join(lines))
        return seen.facts() | ({"rows": seen.rows} if self.return_rows else {})

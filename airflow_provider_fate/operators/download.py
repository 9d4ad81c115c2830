"""Take a table out of a FATE site."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator

from airflow_provider_fate.errors import FateArchiveError, FateConfigError, FateDataError, FateInputError
from airflow_provider_fate.operators._killed import Killed

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.data.output_contents import Contents, OutputTable
    from airflow_provider_fate.data.output_source import SourceTable
    from airflow_provider_fate.data.output_sql import Database
    from airflow_provider_fate.hooks.site import FateSite

_NOTHING = "Nothing was written."


class FateDownloadOperator(BaseOperator):
    """Write a table of a FATE site into a file, an object store or a database: all of it, or nothing.

    The table is named, or it is what a task of a job has made: predictions, an intersection, transformed data. It is
    fetched as an archive, which is checked from end to end before a row is written; then it is converted in batches, so
    memory use does not depend on its size. Column names are kept, numbers have FATE's types, ids are text.

    :param target: file to write: a path on the worker, or a URL of Airflow's object storage, such as
        ``s3://aws_default@bucket/predictions/{{ ds }}.parquet``. A file of that name is replaced when the new one is
        complete, and not before. (templated)
    :param table: ``namespace.name`` of the table; or ``job`` and ``task`` instead. (templated)
    :param job: id of the job, or the result of the task that ran it (``train.output``). (templated)
    :param task: name of a task of the job, such as ``sbt_0`` or ``psi_0``. (templated)
    :param output: which output of the task, such as ``train_output_data``; default: the only one. (templated)
    :param index: which table of the output, from 0, where it has several (folds); default: the only one.
    :param role: whose side of the job; default: the connection's role, else the one that the party has in the job.
    :param party_id: whose side of the job; default: the connection's party.
    :param format: ``csv`` or ``parquet``; default: what ``target`` ends in.
    :param columns: which columns, in which order; default: all. (templated)
    :param sql_conn_id: Airflow connection of a database, instead of ``target``. (templated)
    :param sql_table: table there, with or without its schema. (templated)
    :param if_exists: what to do when ``sql_table`` is there: ``fail``, ``append`` rows, or ``replace`` its rows.
    :param expected_rows: fail unless there are exactly so many rows. (templated)
    :param min_rows: fail unless there are at least so many rows. (templated)
    :param compare_with: ``namespace.name`` of a table, such as the input of a prediction: fail unless it has as many
        rows. (templated)
    :param transfer_timeout: how long FATE-Flow may be silent; it packs the whole table before it sends the first byte.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"target", "rows", "columns", "bytes", "sha256"}`` as XCom; the last two are ``None`` for a database.
    :raises AirflowFailException: an argument is wrong, the rows are not what they should be, or the archive is refused.
        Not retried.
    :raises FateNotFoundError: no such table, job, task or output; names those that there are.
    :raises FateConflictError: ``sql_table`` is there, and ``if_exists`` is ``fail``.
    """

    template_fields: Sequence[str] = (
        "target", "table", "job", "fate_task", "output_key", "columns", "sql_conn_id", "sql_table", "expected_rows",
        "min_rows", "compare_with", "fate_conn_id",
    )  # fmt: skip
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        target: str | Path | None = None,
        table: str | None = None,
        job: str | Mapping[str, Any] | None = None,
        task: str | None = None,
        output: str | None = None,
        index: int | None = None,
        role: str | None = None,
        party_id: str | None = None,
        format: str | None = None,
        columns: Sequence[str] | None = None,
        sql_conn_id: str | None = None,
        sql_table: str | None = None,
        if_exists: str = "fail",
        expected_rows: int | str | None = None,
        min_rows: int | str = 0,
        compare_with: str | None = None,
        transfer_timeout: timedelta = timedelta(hours=1),
        fate_conn_id: str = "fate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.target = str(target) if isinstance(target, Path) else target
        self.table = table
        self.job = job
        self.fate_task = task
        # ``output`` itself is the operator's XCom.
        self.output_key = output
        self.index = index
        self.role = role
        self.party_id = party_id
        self.format = format
        self.columns = columns
        self.sql_conn_id = sql_conn_id
        self.sql_table = sql_table
        self.if_exists = if_exists
        self.expected_rows = expected_rows
        self.min_rows = min_rows
        self.compare_with = compare_with
        self.transfer_timeout = transfer_timeout
        self.fate_conn_id = fate_conn_id
        self._at_work = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Check, fetch, check, write."""
        # In the worker, because the whole task is a transfer: it is bytes through this process from the first moment to
        # the last, so there is nothing that a triggerer could wait for.
        self._at_work = True
        try:
            return self._download()
        except Killed:
            raise AirflowException("The task was killed while it downloaded.") from None
        except FateArchiveError as e:
            if e.damaged:
                raise
            raise AirflowFailException(str(e)) from None
        except (FateInputError, FateConfigError) as e:
            # The same input fails in the same way: a retry would only delay the message.
            raise AirflowFailException(str(e)) from None
        finally:
            self._at_work = False

    def on_kill(self) -> None:
        """End the transfer.

        Airflow calls this from a signal handler, in the middle of whatever the process does, and ends the process some
        seconds later. An error from here unwinds that work: temporary files go, an upload is aborted, rows are rolled
        back.
        """
        if self._at_work:
            self._at_work = False
            raise Killed

    def _download(self) -> dict[str, Any]:
        from airflow_provider_fate.clients.fate_flow import FlowClient
        from airflow_provider_fate.data.output_source import abridged, fetch
        from airflow_provider_fate.hooks.check import verify_party
        from airflow_provider_fate.hooks.flow import FateFlowHook

        self._check_arguments()
        limits = self._row_limits()
        site = FateFlowHook(self.fate_conn_id).site()
        settings = dataclasses.replace(site.settings(), submit_timeout=self.transfer_timeout.total_seconds())
        with FlowClient(settings) as flow, TemporaryDirectory(prefix="fate-download-") as folder:
            verify_party(site, flow)
            wanted = self._find(flow, site)
            seen = wanted.look(flow)
            self.log.info("%s has %s rows, columns %s", wanted.what, seen.count, abridged(seen.types) or "unknown")
            self._check_columns(seen)
            archive = Path(folder) / "table.tar.gz"
            table, contents = fetch(flow, wanted, archive)
            self.log.info("Received %d bytes with %d rows", archive.stat().st_size, contents.rows)
            self._check_rows(flow, wanted, contents.rows, *limits)
            result = self._write(archive, table, contents)
        self.log.info("Wrote %d rows to %s", result["rows"], result["target"])
        return result

    # -- what is asked for ----------------------------------------------------------------------------------------

    def _check_arguments(self) -> None:
        from airflow_provider_fate.data.output_file import file_format
        from airflow_provider_fate.data.output_sql import if_exists_of

        if bool(self.table) == bool(self.job):
            raise FateInputError("give either `table` or `job`", hint="With `job`, say also which `task`.")
        if self.job and not self.fate_task:
            raise FateInputError("`job` needs `task`", hint="Such as task='sbt_0' or 'psi_0'.")
        if bool(self.target) == bool(self.sql_table):
            raise FateInputError("give either `target` or `sql_table`", hint="A download goes to one place.")
        if self.sql_table and not self.sql_conn_id:
            raise FateInputError("`sql_table` needs `sql_conn_id`", hint="Name the connection of the database.")
        if_exists_of(self.if_exists)
        if self.target:
            if ":" in (urlsplit(str(self.target)).netloc.rpartition("@")[0]):
                raise FateInputError(
                    "target has a password in it, which would be shown in the UI",
                    hint="Put it into an Airflow connection, and write its id: s3://conn_id@bucket/key.",
                )
            file_format(str(self.target), self.format)

    def _row_limits(self) -> tuple[int | None, int]:
        found = []
        for name in ("expected_rows", "min_rows"):
            value = getattr(self, name)
            try:
                number = None if value in (None, "", "None") else int(value)
            except (TypeError, ValueError):
                number = -1
            if number is not None and number < 0:
                raise FateInputError(f"{name}={value!r} is not a number of rows", hint="Write 0 or more.")
            found.append(number)
        return found[0], found[1] or 0

    def _find(self, flow: FlowClient, site: FateSite) -> SourceTable:
        from airflow_provider_fate.data.output_source import TaskOutput, find_output, find_table

        if self.table:
            return find_table(flow, self.table)
        job_id = self.job.get("job_id") if isinstance(self.job, Mapping) else self.job
        if not isinstance(job_id, str) or not job_id:
            raise FateInputError(
                f"job={self.job!r} names no job", hint="Give a job id, or the result of the task that ran the job."
            )
        party_id = self.party_id or site.party_id
        if party_id is None:
            raise FateInputError(
                f"connection {site.conn_id!r} has no party id", hint="Put it there, or give role and party_id."
            )
        assert self.fate_task is not None
        wanted = TaskOutput(job_id, self.fate_task, party_id, self.role or site.role, self.output_key, self.index)
        return find_output(flow, wanted)

    def _check_rows(
        self, flow: FlowClient, wanted: SourceTable, rows: int, expected: int | None, at_least: int
    ) -> None:
        from airflow_provider_fate.data.output_source import find_table

        if expected is not None and rows != expected:
            raise FateDataError(f"{wanted.what} has {rows} rows, but expected_rows={expected}", hint=_NOTHING)
        if rows < at_least:
            raise FateDataError(f"{wanted.what} has {rows} rows, but min_rows={at_least}", hint=_NOTHING)
        if self.compare_with:
            count = find_table(flow, self.compare_with).look(flow).count
            if count != rows:
                raise FateDataError(
                    f"{wanted.what} has {rows} rows, but {self.compare_with} (compare_with) has {count}",
                    hint=f"{_NOTHING} An intersection, a sample or a filter gives fewer rows than it gets.",
                )

    def _check_columns(self, seen: OutputTable) -> None:
        """Find out before the time is spent what could not be written in the end."""
        from airflow_provider_fate.data.output import choose_columns
        from airflow_provider_fate.data.output_sql import check_sql_target, if_exists_of

        columns = choose_columns(list(seen.types), self.columns) if seen.types else list(self.columns or ())
        if self.sql_table:
            with self._database() as database:
                check_sql_target(database, self.sql_table, columns, if_exists_of(self.if_exists))

    # -- where it goes --------------------------------------------------------------------------------------------

    def _write(self, archive: Path, table: OutputTable, contents: Contents) -> dict[str, Any]:
        from airflow_provider_fate.data.output import read_batches
        from airflow_provider_fate.data.output_file import file_format, write_file
        from airflow_provider_fate.data.output_sql import if_exists_of, write_rows
        from airflow_provider_fate.storage.target import stored_target

        schema, batches = read_batches(archive, table, contents, columns=self.columns)
        size, sha256 = None, None
        if self.sql_table:
            target = f"{self.sql_conn_id}:{self.sql_table}"
            with self._database() as database:
                rows = write_rows(database, self.sql_table, schema, batches, if_exists_of(self.if_exists))
        else:
            target = str(self.target)
            with stored_target(target) as file:
                written = write_file(file, schema, batches, file_format(target, self.format))
            rows, size, sha256 = written.rows, written.size, written.sha256
        return {"target": target, "rows": rows, "columns": schema.names, "bytes": size, "sha256": sha256}

    @contextmanager
    def _database(self) -> Iterator[Database]:
        from airflow.providers.common.compat.sdk import BaseHook

        from airflow_provider_fate.data.output_sql import Database

        assert self.sql_conn_id is not None
        hook: Any = BaseHook.get_hook(self.sql_conn_id)
        if not hasattr(hook, "placeholder"):
            raise FateConfigError(
                f"Connection {self.sql_conn_id!r} ({type(hook).__name__}) is not one of a database.",
                hint="Give a connection whose hook is a DbApiHook: Postgres, MySQL, SQLite, SQL Server ...",
            )
        with closing(hook.get_conn()) as connection:
            if hook.supports_autocommit:
                hook.set_autocommit(connection, False)
            yield Database(connection, hook.placeholder, hook.dialect_name)

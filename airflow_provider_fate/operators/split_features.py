"""Write the rows of one party that split scoring looks up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.data.source import Source


class FateSplitFeaturesOperator(BaseOperator):
    """Write this party's rows into a file, by id, for its service: the raw columns of its part, and no others.

    The file is an SQLite database on a disk of the machine that serves. A service takes a new one up at once, without a
    restart, so run this task as often as the columns change.

    :param part: the result of ``FateSplitPartOperator``, or the place of its ``split.json``. (templated)
    :param source: raw rows: a path on the worker, or a URL such as ``s3://aws_default@bucket/key``; CSV, Parquet or
        Arrow. (templated)
    :param source_conn_id: connection to that storage, where the URL names none. (templated)
    :param sql: instead of ``source``: a query. (templated, also from a ``.sql`` file)
    :param sql_conn_id: connection to the database. (templated)
    :param sql_parameters: values for the query's placeholders. (templated)
    :param id_column: name of the ids, by which all parties know the rows.
    :param only_ids: a file of ids in a column of the same name: only these can be asked for. (templated)
    :param target: path of the file, on the machine that serves. (templated)
    :returns: ``{"features", "rows", "columns", "party_id", "job_id"}`` as XCom.
    :raises AirflowFailException: a column is missing, a value is no number, or an id is there twice; an old file stays.
        Not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = (
        *("part", "source", "source_conn_id", "sql", "sql_conn_id", "sql_parameters", "only_ids", "target"),
    )
    template_ext: Sequence[str] = (".sql",)
    template_file_fields: Sequence[str] = ("sql",)
    template_fields_renderers = {"sql": "sql", "sql_parameters": "json"}  # noqa: RUF012 - declared like this by Airflow

    def __init__(
        self,
        *,
        part: str | Mapping[str, Any],
        target: str | Path,
        source: str | Path | None = None,
        source_conn_id: str | None = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        sql_parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        id_column: str = "id",
        only_ids: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.part = part
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.target = str(target) if isinstance(target, Path) else target
        self.source = str(source) if isinstance(source, Path) else source
        self.source_conn_id = source_conn_id
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.sql_parameters = sql_parameters
        self.id_column = id_column
        self.only_ids = str(only_ids) if isinstance(only_ids, Path) else only_ids

    def execute(self, context: Context) -> dict[str, Any]:
        """Read, check, write."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.operators._split import not_retried, part_given
        from airflow_provider_fate.serving.split.features import ids_of, write_features
        from airflow_provider_fate.storage.source import file_source

        with not_retried():
            target = Path(self.target)
            if "://" in self.target or not target.is_absolute():
                raise FateInputError(
                    f"target={self.target!r} is no absolute path.", hint="Name a file on the machine that serves."
                )
            part = part_given(self.part)
            only = ids_of(file_source(self.only_ids, None), self.id_column) if self.only_ids else None
            target.parent.mkdir(parents=True, exist_ok=True)
            rows = write_features(
                self._source(),
                target,
                part.columns,
                id_column=self.id_column,
                may_miss=part.may_miss,
                only_ids=only,
            )
        self.log.info("%s has %d rows with %s", target, rows, ", ".join(part.columns) or "no column")
        return {
            "features": str(target),
            "rows": rows,
            "columns": list(part.columns),
            "party_id": part.party_id,
            "job_id": part.model.job_id,
        }

    def _source(self) -> Source:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.storage.source import file_source, sql_source

        if bool(self.source) == bool(self.sql):
            raise FateInputError(
                f"{self.task_id} has {'both source and' if self.source else 'neither source nor'} sql",
                hint="Give one of them.",
            )
        if self.sql:
            if not self.sql_conn_id:
                raise FateInputError("sql needs sql_conn_id", hint="Name the connection to the database.")
            return sql_source(self.sql, self.sql_conn_id, self.sql_parameters)
        return file_source(str(self.source), self.source_conn_id)

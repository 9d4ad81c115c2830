"""Bring a table to a FATE site, from wherever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_fate.data.given import Csv, Ids, grouped
from airflow_provider_fate.errors import FateDataError, FateInputError
from airflow_provider_fate.operators._base import FateJobWorkOperator
from airflow_provider_fate.operators._templates import TemplateFiles
from airflow_provider_fate.site.upload import difference, upload_of
from airflow_provider_fate.site.upload_mark import UNKNOWN, digest

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fate_flow.models import UploadMeta
    from airflow_provider_fate.data.ids import Case, Floats
    from airflow_provider_fate.data.shape import Shape
    from airflow_provider_fate.data.source import Source
    from airflow_provider_fate.data.stream import TableStream
    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.operators._federation import AgreedUpload
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
    from airflow_provider_fate.remote.kinds.fate_upload import FateUpload, UploadRequest

IfExists = Literal["fail", "replace", "new_name"]
IF_EXISTS = ("fail", "replace", "new_name")


class FateUploadOperator(TemplateFiles, FateJobWorkOperator):
    """Upload a file of any storage, or the result of a query, to a FATE site as a table.

    CSV, Parquet and Arrow files, plain or compressed, and rows of a database are streamed: no row is stored on the
    worker, and its memory does not grow with the table. (Equal ids are found by hashes, 8 bytes a row, which lie in a
    nameless temporary file from 262,144 rows on.) On the way rows are checked and written as FATE's reader understands
    them. What FATE would silently misread, and what the contract forbids, ends the upload with row and column before
    FATE has made anything of it. Afterwards rows and columns on the site are compared with what was sent.

    The same content is not uploaded twice: where the table is there already, made from the same version of the same
    source or with the same content, the task succeeds with it.

    :param source: path on the worker, or a URL that Airflow's object storage knows: ``s3://aws_default@bucket/key``,
        ``gs://``, ``abfs://``, ``file://``. (templated)
    :param source_conn_id: connection to that storage, where the URL names none. (templated)
    :param sql: instead of ``source``: a query. (templated, also from a ``.sql`` file)
    :param sql_conn_id: connection to the database. (templated)
    :param sql_parameters: values for the query's placeholders. (templated)
    :param table: ``namespace.name`` of the table; default: as the federation of the contract says. (templated)
    :param contract: path or URL of a YAML file that says what the table must look like; or its content as a mapping.
        It takes the place of ``match_id``, ``label``, ``label_type``, ``weight``, ``columns`` and ``dtype``.
        ``federation.yaml#usage`` is the table ``usage`` of a federation file, also beside the DAG file; it takes the
        place of ``ids`` and ``table``, too. (templated)
    :param match_id: column by which the parties' rows are matched. (templated)
    :param label: column of the label, at the party that has one. (templated)
    :param label_type: type of the label: ``int32`` for classes, ``float32`` for numbers.
    :param columns: the features, in the order in which partners see them; a mapping renames (source: table). Default:
        all other columns, in the order of the source. (templated)
    :param dtype: type of the features, one for all or a mapping by column. Besides FATE's own, ``bool`` makes 1 and 0
        of true and false, yes and no; ``date``, or ``date:%d.%m.%Y``, makes days since 1970-01-01.
    :param sample_id: column that is unique per row; default: FATE adds one of its own.
    :param weight: column of sample weights.
    :param na_values: texts that mean "missing", besides the empty one.
    :param label_values: the number that each value of the label stands for: ``{"no": 0, "yes": 1}``, ``{-1: 0, 1: 1}``.
    :param csv: how a CSV source is written: ``Csv(delimiter=";", decimal=",")``, see
        :class:`~airflow_provider_fate.data.Csv`. Its fields may be given as arguments instead: ``delimiter``,
        ``encoding``, ``decimal``, ``thousands``.
    :param ids: how match ids are made alike at all parties: ``Ids(strip=True, case="lower", floats="strip")``, see
        :class:`~airflow_provider_fate.data.Ids`. Or as arguments: ``strip_ids``, ``id_case``, ``id_salt_conn_id``,
        ``float_ids``.
    :param unique_ids: refuse a match id that occurs twice. A guest may allow it; at a host PSI would fail.
    :param varied_label: refuse a label that is the same in all rows.
    :param if_exists: what to do where the table exists with other content: ``fail``; ``replace`` it, unless a running
        job reads it; or use a ``new_name``, the table's with the time of the run behind it.
    :param max_bytes: refuse more than so many bytes of CSV. FATE-Flow holds an upload in its memory.
    :param partitions: into how many parts FATE cuts the table.
    :param fate_conn_id: Airflow connection of the FATE site that gets the table. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default ``[fate] poll_interval``.
    :param waiting_timeout: how long the upload may queue before it is stopped; ``None``: for ever.
    :returns: ``{"table", "namespace", "name", "count", "columns", "fingerprint", "job_id"}`` as XCom.
    :raises AirflowFailException: the data or an argument is wrong; names row, column and way out. Not retried.
    :raises FileNotFoundError: there is no such file; retried, because it may still come.
    :raises FateConflictError: somebody else is uploading into this table, or a running job reads it.
    :raises FateDataError: something else has arrived than was sent; the table is deleted.
    """

    template_fields: Sequence[str] = (
        "source",
        "source_conn_id",
        "sql",
        "sql_conn_id",
        "sql_parameters",
        "table",
        "contract",
        "match_id",
        "label_column",
        "columns",
        "fate_conn_id",
    )
    template_ext: Sequence[str] = (".sql",)
    template_file_fields: Sequence[str] = ("sql",)
    template_fields_renderers = {"sql": "sql", "sql_parameters": "json", "columns": "json"}  # noqa: RUF012

    def __init__(
        self,
        *,
        table: str | None = None,
        source: str | Path | None = None,
        source_conn_id: str | None = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        sql_parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        contract: str | Mapping[str, Any] | None = None,
        match_id: str = "id",
        label: str | None = None,
        label_type: str = "int32",
        columns: Sequence[str] | Mapping[str, str] | None = None,
        dtype: str | Mapping[str, str] = "float32",
        sample_id: str | None = None,
        weight: str | None = None,
        na_values: str | Sequence[str] | None = None,
        label_values: Mapping[str | bool | float, int | float] | None = None,
        csv: Csv | None = None,
        ids: Ids | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        strip_ids: bool | None = None,
        id_case: Case | None = None,
        id_salt_conn_id: str | None = None,
        float_ids: Floats | None = None,
        unique_ids: bool = True,
        varied_label: bool = True,
        if_exists: IfExists = "fail",
        max_bytes: int | None = None,
        partitions: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if table is None and not (isinstance(contract, str) and "#" in contract):
            raise FateInputError(f"{self.task_id} has no table", hint="Give table='namespace.name'.")
        self.table = table
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.source = str(source) if isinstance(source, Path) else source
        self.source_conn_id = source_conn_id
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.sql_parameters = sql_parameters
        self.contract = contract
        self.match_id = match_id
        # ``label`` itself is the operator's label in the UI.
        self.label_column = label
        self.label_type = label_type
        self.columns = columns
        self.dtype = dtype
        self.sample_id = sample_id
        self.weight = weight
        self.na_values = na_values
        self.label_values = label_values
        self.csv = csv
        self.ids = ids
        self._short_csv = {
            "delimiter": ("delimiter", delimiter),
            "encoding": ("encoding", encoding),
            "decimal": ("decimal", decimal),
            "thousands": ("thousands", thousands),
        }
        self._short_ids = {
            "strip_ids": ("strip", strip_ids),
            "id_case": ("case", id_case),
            "id_salt_conn_id": ("salt_conn_id", id_salt_conn_id),
            "float_ids": ("floats", float_ids),
        }
        self.unique_ids = unique_ids
        self.varied_label = varied_label
        self.if_exists = if_exists
        self.max_bytes = max_bytes
        self.partitions = partitions

    # -- what is asked for ----------------------------------------------------------------------------------------

    @cached_property
    def _csv(self) -> Csv:
        return grouped("csv", self.csv, Csv(), self._short_csv)

    @cached_property
    def _ids(self) -> Ids:
        return grouped("ids", self.ids, Ids(), self._short_ids)

    @cached_property
    def _agreed(self) -> AgreedUpload | None:
        """The table of a federation that the contract names."""
        from airflow_provider_fate.operators._federation import AgreedUpload

        return AgreedUpload.of(self.contract, self)

    @cached_property
    def _shape(self) -> Shape:
        from airflow_provider_fate.data.convert import NumberFormat
        from airflow_provider_fate.data.shape import Shape
        from airflow_provider_fate.operators._federation import id_rule
        from airflow_provider_fate.storage.source import read_contract

        na_values = self.na_values or ()
        rest: dict[str, Any] = {
            "sample_id": self.sample_id or None,
            "na_values": (na_values,) if isinstance(na_values, str) else tuple(na_values),
            "ids": id_rule(self._ids, self._agreed),
            "label_values": self.label_values or None,
            "number_format": NumberFormat(self._csv.decimal, self._csv.thousands),
        }
        if self.contract:
            contract = self._agreed.contract if self._agreed else read_contract(self.contract)
            return Shape.of_contract(contract, **rest)
        return Shape(
            match_id=self.match_id,
            label=self.label_column or None,
            label_type=self.label_type,
            weight=self.weight or None,
            columns=self.columns or None,
            dtype=self.dtype,
            **rest,
        )

    def _rows(self) -> Source:
        from airflow_provider_fate.storage.source import file_source, sql_source

        if self.site().role == "guest" and not self._shape.label:
            self.log.warning(
                "fate_conn_id=%r is a guest's, and the table gets no label: it can be intersected, and no model be "
                "trained with it. Name the column, label='y', where it has one.",
                self.fate_conn_id,
            )

        if self.if_exists not in IF_EXISTS:
            raise FateInputError(f"if_exists={self.if_exists!r} is not one of {', '.join(IF_EXISTS)}")
        if bool(self.source) == bool(self.sql):
            raise FateInputError(
                f"{self.task_id} has {'both source and' if self.source else 'neither source nor'} sql",
                hint="Give one of them.",
            )
        if self.sql:
            if not self.sql_conn_id:
                raise FateInputError("sql needs sql_conn_id", hint="Name the connection to the database.")
            return sql_source(self.sql, self.sql_conn_id, self.sql_parameters)
        return file_source(str(self.source), self.source_conn_id, self._csv.delimiter, self._csv.encoding)

    def _stream(self, source: Source) -> TableStream:
        from airflow_provider_fate.data.stream import TableStream

        return TableStream(
            source,
            self._shape,
            unique_ids=self.unique_ids,
            varied_label=self.varied_label,
            max_bytes=self.max_bytes,
        )

    def _version(self, source: Source) -> str:
        """Digest of the source's version and of all that makes another table of it."""
        version = source.version()
        if version is None:
            return UNKNOWN
        return digest(
            source.name, version, self._shape.text, self._csv.delimiter, self._csv.encoding, str(self.partitions)
        )

    # -- the work -------------------------------------------------------------------------------------------------

    def kind(self) -> FateUpload:
        """An upload."""
        from airflow_provider_fate.remote.kinds.fate_upload import FateUpload

        return FateUpload(self.fate_conn_id, site=self.site(), log_archive=self.log_archive)

    def request(self, context: Context) -> UploadRequest:
        """The rows and the table, checked as far as they can be before the rows are read."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.remote.kinds.fate_upload import UploadRequest

        table = TableName.parse(self.table or (self._agreed.name(context) if self._agreed else ""))
        if self._agreed:
            with self.session() as session:
                self._agreed.require_own(session)
        source = self._rows()
        return UploadRequest(
            table=table,
            later_name=_later_name(table, context) if self.if_exists == "new_name" else table,
            if_exists=self.if_exists,
            source=source,
            stream=lambda: self._stream(source),
            meta=self._meta(),
            version=self._version(source),
            partitions=self.partitions,
            # Without an id of its own FATE takes the first column as sample id, and no match id is left.
            extend_sid=not self.sample_id,
        )

    def _meta(self) -> UploadMeta:
        from pydantic import ValidationError

        from airflow_provider_fate.clients.fate_flow.models import UploadMeta

        try:
            return UploadMeta(
                **self._shape.special_names,
                label_type=self._shape.fate_label_type,
                dtype=self._shape.fate_dtype,
            )
        except ValidationError as e:
            faults = "; ".join(f"{'.'.join(map(str, f['loc']))}={f['input']!r}: {f['msg']}" for f in e.errors())
            raise FateInputError(f"Arguments of {self.task_id} are wrong: {faults}") from None

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """Compare what has arrived with what was sent."""
        from airflow_provider_fate.assets import emit_table, party_of_tables

        with self.session() as session:
            table, mark = upload_of(session, ref.job_id)
            arrived = session.client.table.query(table.namespace, table.name)
            if wrong := difference(arrived, mark):
                session.client.table.delete(table.namespace, table.name)
                raise FateDataError(
                    f"Table {table} has {wrong} (job {ref.job_id}). It was deleted.",
                    job_id=ref.job_id,
                    hint="Upload it again, and look at the log of the upload job.",
                )
            self.log.info("Table %s: %s rows", table, arrived.count)
            facts = {
                "rows": arrived.count,
                "columns": arrived.columns,
                "fingerprint": mark.content,
                "source_version": None if mark.version == UNKNOWN else mark.version,
                "job_id": ref.job_id,
            }
            emit_table(context, party_of_tables(session.site, session.client), table, facts)
        context["ti"].xcom_push(key="table", value=str(table))  # for Party("9999", load.output["table"])
        return {
            "table": str(table),
            "namespace": table.namespace,
            "name": table.name,
            "count": arrived.count,
            "columns": arrived.columns,
            "fingerprint": mark.content,
            "job_id": ref.job_id,
        }


def _later_name(table: TableName, context: Context) -> TableName:
    """The table's name with the time of the run behind it: the same in every try and after a clear."""
    from airflow_provider_fate.data.table import TableName

    return TableName(table.namespace, f"{table.name}_{context['dag_run'].run_after:%Y%m%dT%H%M%S}")

"""Uploads and tables."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .base import FlowModel, Id, Mapping

__all__ = ["StartedDownload", "StartedUpload", "TableRecord", "TableRef", "UploadMeta"]


class UploadMeta(BaseModel):
    """How FATE reads a CSV file. The fields and defaults are FATE's own (2.2); others would fail the upload's
    task.

    :param match_id_name: column that is matched with the partners' (PSI).
    :param sample_id_name: column that is unique per row; without one FATE adds its own (``extend_sid``).
    :param match_id_list: columns of a composite match id.
    :param match_id_range: how many leading columns are match ids, for sparse and tag formats.
    :param label_name: column of the label, at the party that has one.
    :param label_type: type of the label: ``int32``, ``float32``, ...
    :param weight_name: column of the sample weights.
    :param header: names of the columns, joined with ``delimiter``, for a file without a header line.
    :param delimiter: between the columns.
    :param dtype: type of the features: one for all, or by column.
    :param na_values: what stands for "missing": one for all, a list, or by column.
    :param input_format: ``dense`` (columns), ``sparse`` (libsvm) or ``tag``.
    :param tag_with_value: in the tag format, whether tags carry values.
    :param tag_value_delimiter: between tag and value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match_id_name: str | None = None
    sample_id_name: str | None = None
    match_id_list: list[str] | None = None
    match_id_range: int = Field(default=0, ge=0)
    label_name: str | None = None
    label_type: str = "int32"
    weight_name: str | None = None
    weight_type: str = "float32"
    header: str | None = None
    delimiter: str = Field(default=",", min_length=1)
    dtype: str | dict[str, str] = "float32"
    na_values: str | list[str] | dict[str, Any] | None = None
    input_format: Literal["dense", "sparse", "tag"] = "dense"
    tag_with_value: bool = False
    tag_value_delimiter: str = Field(default=":", min_length=1)

    def marked(self, mark: str) -> UploadMeta:
        """Return the same with a text that FATE keeps in the upload's job and does not read.

        An upload's job takes no label of its own. Of a dense table, FATE never looks at the delimiter between tags and
        values.
        """
        return self.model_copy(update={"tag_value_delimiter": mark})

    def for_server(self) -> dict[str, Any]:
        """Return what FATE-Flow is sent: what differs from its defaults, and always delimiter and dtype."""
        meta = self.model_dump(exclude_none=True, exclude_defaults=True)
        return {"delimiter": self.delimiter, "dtype": self.dtype, **meta}


class TableRef(FlowModel):
    """The name of a table on one site."""

    namespace: str
    name: str


class StartedUpload(FlowModel):
    """A local job (role ``local``, party ``0``) that makes a table."""

    job_id: Id
    namespace: str
    name: str


class StartedDownload(FlowModel):
    """A local job that writes a table as CSV on the *server's* disk."""

    job_id: Id
    namespace: str
    name: str
    path: str | None = None


class TableRecord(FlowModel):
    """A table of this site.

    :ivar count: rows; ``None`` for a bound path.
    :ivar data_type: ``dataframe``, ``table`` (raw, needs the transformer) or ``data_directory``.
    :ivar meta: schema and partitions, as FATE keeps them.
    :ivar source: the task that made it.
    :ivar display: at most 100 rows, where they were asked for.
    """

    namespace: str
    name: str
    count: int | None = None
    data_type: str | None = None
    engine: str | None = None
    path: str | None = None
    meta: Mapping = Field(default_factory=dict, repr=False)
    source: Mapping = Field(default_factory=dict, repr=False)
    display: list[list[Any]] | None = Field(default=None, repr=False)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of a dataframe, ids and label included; empty for other tables."""
        schema = self.meta.get("schema_meta")
        fields = schema.get("fields", []) if isinstance(schema, dict) else []
        return [str(item["name"]) for item in fields if isinstance(item, dict) and "name" in item]

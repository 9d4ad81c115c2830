"""Lines of a CSV file as they are in it, which are parsed only where somebody has to look into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.csv

from airflow_provider_fate.data.source.faults import csv_fault

__all__ = ["Lines", "csv_options"]


@dataclass(frozen=True)
class Lines:
    r"""Whole lines in UTF-8, each with ``\n`` at its end, without a quote and without ``\r``.

    :param data: the lines.
    :param names: of the columns.
    :param delimiter: between two values.
    :param name: of the file, for messages.
    """

    data: bytes = field(repr=False)
    names: Sequence[str]
    delimiter: str
    name: str

    def parse(self, before: int) -> pa.RecordBatch:
        """Cut the lines into columns of bytes.

        :param before: rows before these, for the row numbers in messages.
        :raises FateDataError: a line has too many or too few values.
        """
        try:
            table = pa.csv.read_csv(
                pa.BufferReader(self.data), **csv_options(self.names, self.delimiter, len(self.data))
            )
        except pa.ArrowInvalid as error:
            raise csv_fault(error, self.name, self.delimiter, before) from None
        # One block is one batch; empty lines make none.
        return next(iter(table.to_batches()), _no_rows(table.schema))


def csv_options(names: Sequence[str], delimiter: str, block: int) -> dict[str, object]:
    """How Arrow reads CSV without a header line as columns of bytes.

    :param block: bytes that it reads at a time; a row has to fit in.
    """
    return {
        # One thread: Arrow then tells the row of an error, and is faster here.
        "read_options": pa.csv.ReadOptions(column_names=list(names), block_size=max(block, 1) + 1, use_threads=False),
        "parse_options": pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": pa.csv.ConvertOptions(
            # Text stays as it is: numbers are checked, and not written anew. Bytes, since Arrow does not tell in
            # which row it finds what is not UTF-8.
            column_types={column: pa.binary() for column in names},
            strings_can_be_null=False,
            check_utf8=False,
        ),
    }


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)

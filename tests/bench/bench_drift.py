"""What the profile of a table costs, in CPU time and memory: ``python -m tests.bench.bench_drift [ROWS] [COLUMNS]``."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.models.drift import compare_profiles, current_profile, reference_profile, table_of_source

PIECE = 100_000


def write(folder: Path, name: str, rows: int, columns: int, shift: float) -> Path:
    """A table of normal numbers, one of small numbers, and one of texts, as Parquet and CSV."""
    draw = np.random.default_rng(len(name))
    path = folder / f"{name}.parquet"
    writer: parquet.ParquetWriter | None = None
    for begin in range(0, rows, PIECE):
        size = min(PIECE, rows - begin)
        piece = {f"x{n}": draw.normal(shift, 1, size).astype(np.float32) for n in range(columns - 2)}
        piece |= {"children": draw.poisson(1.2, size).astype(np.float32), "town": draw.choice(list("abcdefgh"), size)}
        table = pa.table(piece)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    csv.write_csv(parquet.read_table(path), path.with_suffix(".csv"), csv.WriteOptions(quoting_style="none"))
    return path


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: int = 1_000_000, columns: int = 30) -> None:
    """Measure, and print a line for each reading."""
    with TemporaryDirectory() as temporary:
        # In a process of its own, so that its memory is not taken for that of the profile.
        folder = Path(temporary)
        pid = os.fork()
        if not pid:
            for name, shift in (("reference", 0.0), ("current", 0.3)):
                write(folder, name, rows, columns, shift)
            os._exit(0)
        os.waitpid(pid, 0)
        before = peak()
        for suffix in (".parquet", ".csv"):
            reference, current = (
                table_of_source(FileSource.of_path(str(folder / f"{name}{suffix}")))
                for name in ("reference", "current")
            )
            began = time.process_time()
            first, _ = reference_profile(reference)
            learned = time.process_time()
            second, _ = current_profile(current, first)
            report = compare_profiles(first, second)
            ended = time.process_time()
            print(
                f"{suffix[1:]:8} reference {learned - began:5.1f} s  current {ended - learned:5.1f} s  "
                f"memory +{peak() - before:.0f} MiB  profile {len(first.to_json()) / 1e3:.0f} kB  {report.verdict}"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

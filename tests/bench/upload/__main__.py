"""make bench-upload: see the package."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pyarrow.csv
import pyarrow.parquet

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.local import LocalFate
from airflow_provider_fate.local.progress import PlainLines
from tests.bench.upload.ways import BARE, SITE, WAYS, Scene, Sent
from tests.support.s3 import CONN_ID, run_s3

COLUMNS = 30
_POOL = 5000
_ENDED = ("success", "failed", "canceled")


def write_csv(path: Path, size: int) -> int:
    """Write a table of so many bytes, and return its rows."""
    chance = random.Random(1)
    rows = [",".join(f"{chance.gauss(0, 1):.6f}" for _ in range(COLUMNS)) for _ in range(_POOL)]
    with path.open("w") as file:
        written, row = file.write(",".join(["id", *(f"x{column}" for column in range(COLUMNS))]) + "\n"), 0
        while written < size:
            written += file.write("".join(f"p{n:09d},{rows[n % _POOL]}\n" for n in range(row, row + 1000)))
            row += 1000
    return row


@contextmanager
def scene(scratch: Path, megabytes: int) -> Iterator[Scene]:
    """FATE, S3 and the files."""
    csv, parquet = scratch / "table.csv", scratch / "table.parquet"
    write_csv(csv, megabytes * 1_000_000)
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(csv), parquet, row_group_size=100_000)
    (scratch / "s3").mkdir()
    fate = LocalFate(scratch / "fate", "full")
    servers = run_s3(scratch / "s3")
    try:
        address = fate.start(PlainLines(sys.stderr), owner=os.getpid())
        s3 = next(servers)
        bucket = s3.create_bucket("bench")
        for path in (csv, parquet):
            # SeaweedFS compresses what looks like text, and unpacks it with the cores that all of this shares: for 1 GB
            # it takes twice as long as FATE-Flow. Data of a type that it does not know stay as they are.
            with path.open("rb") as file:
                s3.client.put_object(Bucket=bucket, Key=path.name, Body=file, ContentType="binary/data")
        os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = s3.connection_json()
        os.environ[f"AIRFLOW_CONN_{SITE.upper()}"] = fate.airflow_connection_json()
        yield Scene(address.host, address.port, s3, bucket, csv, parquet, scratch)
    finally:
        servers.close()  # type: ignore[attr-defined]
        fate.stop()


def finish(flow: FlowClient, sent: Sent, *, wait: bool) -> float | None:
    """Wait until the job of an upload has ended; return how long it has run, or stop it and return ``None``."""
    if not wait:
        flow.job.stop(sent.job_id)
    while True:
        record = flow.job.query(job_id=sent.job_id)[0]
        if str(record.status) in _ENDED:
            break
        time.sleep(0.5)
    if not wait:
        return None
    if str(record.status) != "success":
        raise RuntimeError(f"job {sent.job_id} has ended with {record.status}")
    assert record.start_time is not None
    assert record.end_time is not None
    return (record.end_time - record.start_time).total_seconds()


def main() -> int:
    """Measure every way in every round, then print the table."""
    parser = argparse.ArgumentParser(prog="make bench-upload", description=__doc__)
    parser.add_argument("--mb", type=int, nargs="+", default=[50, 200], help="sizes of the CSV (default 50 200)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each way takes its turn (default 5)")
    parser.add_argument("--tables", type=int, default=1, help="in so many rounds wait for the table (default 1)")
    parser.add_argument("--scratch", type=Path, help="folder for files and servers (default: a temporary one)")
    args = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("AWS_", "AIRFLOW__"))]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with tempfile.TemporaryDirectory(prefix="bench-upload-", dir=args.scratch) as folder:
        os.environ["AIRFLOW_HOME"] = folder
        for size in args.mb:
            place = Path(folder) / str(size)
            place.mkdir()
            with scene(place, size) as stage:
                measure(stage, size, args.rounds, args.tables)
            shutil.rmtree(place, ignore_errors=True)
    return 0


def measure(stage: Scene, size: int, rounds: int, tables: int) -> None:
    """Let the ways take turns, and print medians and ratios."""
    sent: dict[str, list[Sent]] = {name: [] for name in WAYS}
    jobs: dict[str, list[float]] = {name: [] for name in WAYS}
    with FlowClient(FlowSettings(host=stage.host, port=stage.port, timeout=120)) as flow:
        for turn in range(rounds):
            for number, (name, way) in enumerate(WAYS.items()):
                found = way(stage, f"t{turn}_{number}")
                sent[name].append(found)
                if job := finish(flow, found, wait=turn < tables):
                    jobs[name].append(job)
                print(
                    f"· {size} MB, round {turn + 1}, {name}: {found.seconds:.2f} s, {found.cpu:.2f} s of CPU"
                    + (f", job {job:.1f} s" if job else ""),
                    file=sys.stderr, flush=True,
                )  # fmt: skip
    limit = [found.seconds for found in sent[BARE]]
    print(f"\n{stage.csv.stat().st_size / 1e6:.0f} MB of CSV, {rounds} rounds, medians\n")
    print("| way | transfer s | x bare post | CPU s | job s | MB more memory |")
    print("|---|---|---|---|---|---|")
    for name, runs in sent.items():
        ratio = median(run.seconds / bare for run, bare in zip(runs, limit, strict=True))
        growth = [run.growth for run in runs if run.growth is not None]
        print(
            f"| {name} | {median(run.seconds for run in runs):.2f} | {ratio:.2f} "
            f"| {median(run.cpu for run in runs):.2f} | {f'{median(jobs[name]):.1f}' if jobs[name] else '-'} "
            f"| {f'{max(growth):.0f}' if growth else '-'} |"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

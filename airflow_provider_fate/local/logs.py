"""Showing the logs of an instance."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from airflow_provider_fate.local.errors import LocalFateError
from airflow_provider_fate.local.paths import HomeLayout


def files(layout: HomeLayout, job_id: str | None = None) -> list[Path]:
    """The files to show.

    :param job_id: a job's logs (schedule, then its tasks' main logs) instead of the server's.
    :raises LocalFateError: no such job, or nothing was written yet.
    """
    if job_id is None:
        found = [layout.supervisor_log, layout.server_log]
        found += [layout.logs / "fate_flow" / name for name in ("fate_flow_stat.log", "ERROR.log")]
        found = [path for path in found if path.is_file()]
        if not found:
            raise LocalFateError(f"there are no logs in {layout.logs}", hint="was it ever started?")
        return found
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", job_id) or set(job_id) == {"."}:
        raise LocalFateError(
            f"job={job_id!r} is not a job id", hint="a job id is a number such as 202601311200000001230"
        )
    folder = layout.logs / job_id
    if not folder.is_dir():
        raise LocalFateError(f"there is no log of job {job_id} in {layout.logs}", hint="is it a job of this instance?")
    schedule = sorted(folder.glob("fate_flow_*.log"))
    tasks = [
        p for p in sorted(folder.rglob("INFO")) + sorted(folder.rglob("ERROR")) if p.is_file() and p.stat().st_size
    ]
    return schedule + tasks


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file; says so when there is none."""
    try:
        with path.open("rb") as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - 200 * lines))
            text = handle.read().decode(errors="replace")
    except OSError:
        return f"({path} is not there)"
    return "\n".join(text.splitlines()[-lines:])


def show(paths: Sequence[Path], *, lines: int, follow: bool, out: TextIO | None = None) -> None:
    """Print the ends of the files, under their names; with ``follow`` go on until interrupted."""
    out = out or sys.stdout
    positions: dict[Path, int] = {}
    for path in paths:
        text = path.read_bytes()
        positions[path] = len(text)
        print(f"==> {path} <==", file=out)
        for line in text.decode(errors="replace").splitlines()[-lines:] if lines > 0 else ():
            print(line, file=out)
    while follow:
        time.sleep(0.5)
        for path in paths:
            try:
                with path.open("rb") as handle:
                    if handle.seek(0, 2) < positions[path]:
                        positions[path] = 0  # rotated
                    handle.seek(positions[path])
                    new = handle.read()
            except FileNotFoundError:
                continue
            positions[path] += len(new)
            out.write(new.decode(errors="replace"))
        out.flush()

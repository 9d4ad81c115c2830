"""Shows, with a test that failed, what its servers wrote into their logs while it ran.

Fixtures that start a server name the folder of its logs: ``watch("FATE", fate.logs_dir)``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES, LINES = 8, 25
"""Of each server: the files that were written into last, and the last lines of each."""
_TAIL = 64 * 1024
_watched: dict[Path, str] = {}
_began = pytest.StashKey[float]()


def watch(server: str, logs: Path) -> None:
    """Name a folder with logs of a server, from now until the end of the session."""
    _watched[logs] = server


def written_since(logs: Path, moment: float) -> list[Path]:
    """The files below a folder that were written into since then: those about errors first, then the latest."""
    found = []
    for file in logs.rglob("*"):
        try:
            stat = file.stat()
        except OSError:  # gone meanwhile
            continue
        # Files have coarser times than clocks.
        if file.is_file() and stat.st_size and stat.st_mtime >= moment - 0.1:
            found.append(("error" not in file.name.lower(), -stat.st_mtime, file))
    return [file for _, _, file in sorted(found)[:FILES]]


def tail(file: Path) -> str:
    """The last lines of a file, which may be large."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _TAIL))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-LINES:])
    except OSError as e:
        return f"(not readable: {e})"


def evidence(moment: float) -> list[tuple[str, str]]:
    """Title and text of a section for each log that was written into since a moment."""
    return [
        (f"{server}: {file.relative_to(logs)}", tail(file))
        for logs, server in _watched.items()
        for file in written_since(logs, moment)
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Remember when the test began."""
    item.stash[_began] = time.time()
    return (yield)  # type: ignore[misc]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the logs to the report of a failure."""
    report: pytest.TestReport = yield  # type: ignore[assignment, misc]
    if report.failed:
        report.sections += evidence(item.stash[_began])
    return report  # type: ignore[return-value]

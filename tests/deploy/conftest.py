"""The file's services in a room of their own."""

from __future__ import annotations

import runpy
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT, Service, resolve


@pytest.fixture(scope="module")
def services() -> Iterator[Callable[..., tuple[Path, Mapping[str, Service]]]]:
    """Makes a folder, secrets, and the services of some profiles."""
    homes: list[Path] = []

    def make(*profiles: str) -> tuple[Path, Mapping[str, Service]]:
        home = Path(tempfile.mkdtemp(prefix="compose-"))
        homes.append(home)
        env_file = home / "env"
        assert runpy.run_path(str(ROOT / "docker" / "make_env.py"))["main"]([str(env_file)]) == 0
        return home, resolve(env_file, profiles)

    yield make
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)

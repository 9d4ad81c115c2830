"""The file's services in a room of their own."""

from __future__ import annotations

import runpy
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT, Service, resolve


@pytest.fixture(scope="module")
def services() -> Callable[..., tuple[Path, Mapping[str, Service]]]:
    """Makes a folder, secrets, and the services of some profiles."""

    def make(*profiles: str) -> tuple[Path, Mapping[str, Service]]:
        home = Path(tempfile.mkdtemp(prefix="compose-"))
        env_file = home / "env"
        assert runpy.run_path(str(ROOT / "docker" / "make_env.py"))["main"]([str(env_file)]) == 0
        return home, resolve(env_file, profiles)

    return make

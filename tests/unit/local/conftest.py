from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def nobody_elses_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the developer's instance nor the shared installation is touched."""
    monkeypatch.setenv("FATE_LOCAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FATE_LOCAL_CACHE", str(tmp_path / "cache"))

"""`fate-local` where only the package itself is installed."""

from __future__ import annotations

import sys

import pytest

from airflow_provider_fate.local.cli import main


def test_without_its_extra_the_command_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FATE_LOCAL_HOME", raising=False)
    monkeypatch.delenv("FATE_LOCAL_CACHE", raising=False)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert "airflow-provider-fate[local]" in said
    assert "Traceback" not in said

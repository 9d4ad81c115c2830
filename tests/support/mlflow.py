"""Fixture: a real MLflow on this machine, started on first use (10 to 30 s) and stopped at the end of the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.mlflow import LocalMlflow


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMlflow]:
    """A running server, with its database in a file."""
    with LocalMlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server

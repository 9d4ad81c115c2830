"""Fixture: a PostgreSQL on this machine, started on first use (half a second) and stopped at the end of the session.

Each test makes databases of its own in it: ``postgres.create_database("mine")`` returns a URL. Host, port, user and
password are attributes of the server.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.postgres import LocalPostgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A running server."""
    with LocalPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server

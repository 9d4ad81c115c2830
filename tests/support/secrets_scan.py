"""Looks for secrets wherever an Airflow keeps or shows something: its database, its trigger rows in clear, its logs."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from dev.localairflow import LocalAirflow, Postgres


class SecretsScan:
    """Reads trigger rows while they are there, and all else when it is asked.

    :param airflow: with a PostgreSQL.
    :ivar triggers: arguments of all triggers that were seen, decrypted.
    """

    def __init__(self, airflow: LocalAirflow) -> None:
        assert isinstance(airflow.database, Postgres)
        self._airflow, self._database = airflow, airflow.database
        self._fernet = Fernet(airflow.settings.fernet_key.encode())
        self._end = threading.Event()
        self.triggers: set[str] = set()

    @contextmanager
    def watching(self, pause: float = 2.0) -> Iterator[None]:
        """Look at the triggers that wait, again and again."""

        def watch() -> None:
            while not self._end.wait(pause):
                self._look()

        thread = threading.Thread(target=watch, name="secrets scan", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    def _look(self) -> None:
        rows = self._database.server.run(
            *("psql", "--no-psqlrc", "-At", "-c", "SELECT encrypted_kwargs FROM trigger", self._database.name)
        )
        for row in rows.split():
            try:
                self.triggers.add(self._fernet.decrypt(row.encode()).decode())
            except InvalidToken:
                self.triggers.add(row)

    def found(self, secrets: Iterable[str], folder: Path) -> list[str]:
        """Where any of these stands: `what: beginning of the line, with the secret as stars`.

        :param folder: for a dump of the database.
        """
        dump = folder / "dump.sql"
        self._database.save(dump)
        places = {"trigger": sorted(self.triggers), "database": dump.read_text(errors="replace").splitlines()}
        for file in sorted((self._airflow.home / "logs").rglob("*")):
            if file.is_file():
                places[str(file.relative_to(self._airflow.home))] = file.read_text(errors="replace").splitlines()
        hits = []
        for place, lines in places.items():
            for line in lines:
                hits += [f"{place}: {line.replace(secret, '***')[:200]}" for secret in secrets if secret in line]
        return hits

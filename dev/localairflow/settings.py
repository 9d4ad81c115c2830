"""What makes an Airflow local: its folder, its secrets and its configuration."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ADMIN = "admin"


@dataclass(frozen=True)
class LocalSettings:
    """An `AIRFLOW_HOME` and all that its parts have to agree upon.

    The secrets are made once per home and kept in a file that only its owner reads: a restarted part has to accept
    the tokens of the others, and a second start has to decrypt the connections of the first.
    """

    home: Path
    port: int
    password: str
    jwt_secret: str
    secret_key: str
    fernet_key: str

    @classmethod
    def of(cls, home: Path, port: int | None = None) -> LocalSettings:
        """Read the settings of `home`, or make them, with `port` or any free one."""
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        file = home / "local_settings.json"
        if file.exists():
            kept = json.loads(file.read_text())
            kept["port"] = port or (kept["port"] if is_free(kept["port"]) else free_port())
        else:
            from cryptography.fernet import Fernet

            kept = {
                "port": port or free_port(),
                "password": secrets.token_urlsafe(12),
                "jwt_secret": secrets.token_hex(64),
                "secret_key": secrets.token_hex(32),
                "fernet_key": Fernet.generate_key().decode(),
            }
        settings = cls(home=home, **kept)
        write_private(file, json.dumps({k: v for k, v in asdict(settings).items() if k != "home"}, indent=1))
        # A password, although only this machine can connect: other users of it can, too, and an admin runs code as us.
        write_private(settings.password_file, json.dumps({ADMIN: settings.password}) + "\n")
        return settings

    @property
    def url(self) -> str:
        """Where the UI and the REST API are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def password_file(self) -> Path:
        """Airflow's simple auth manager reads its users' passwords from here."""
        return self.home / "passwords.json"

    def environment(self, dags: Path, database: str, parallelism: int, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the environment in which every part is started; `database` is a URL."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
        return inherited | self._airflow(dags, database, parallelism) | dict(extra)

    def _airflow(self, dags: Path, database: str, parallelism: int) -> dict[str, str]:
        options = {
            "CORE__DAGS_FOLDER": str(dags),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": str(parallelism),  # so many workers are forked at start
            "CORE__FERNET_KEY": self.fernet_key,
            "CORE__TEST_CONNECTION": "Enabled",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.password_file),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": database,
            "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": self.secret_key,
            "API_AUTH__JWT_SECRET": self.jwt_secret,
            # 5 s by default: on a busy machine a task is then declared failed before it has begun.
            "WORKERS__EXECUTION_API_TIMEOUT": "120",
            "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "SCHEDULER__ENABLE_HEALTH_CHECK": "False",  # would open one more port
            # A changed file is parsed at once whatever this says; unchanged ones need no second look. Parsed each
            # minute, two dozen files with their imports take a whole core from what the tests wait for.
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
            "CORE__DAGBAG_IMPORT_TIMEOUT": "120",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {"AIRFLOW_HOME": str(self.home), "PYTHONUNBUFFERED": "1"} | {
            f"AIRFLOW__{name}": value for name, value in options.items()
        }


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

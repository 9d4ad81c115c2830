"""Write .env with random secrets and all settings of docker-compose.yaml: python3 docker/make_env.py [FILE].

Needs nothing but Python. An existing file is left alone: its secrets are those of the data that the containers keep.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

DEFAULT = Path(__file__).resolve().parents[1] / ".env"

#: What may be changed, with what it is for. The defaults stand in docker-compose.yaml, too.
SETTINGS = {
    "COMPOSE_PROFILES": ("fate", "what runs beside Airflow and S3, with commas: fate, pair, notebook, mlflow"),
    "AIRFLOW_PORT": ("8080", "port of Airflow on this machine"),
    "AIRFLOW_URL": ("http://localhost:8080", "where a browser finds it: follows AIRFLOW_PORT, or names your proxy"),
    "AIRFLOW_UID": ("50000", "user of all Airflow services"),
    "AIRFLOW_WORKER_SLOTS": ("4", "tasks that a worker runs at the same time, some 200 MB each"),
    "AIRFLOW_WORKER_CPUS": ("4", "cores of a worker, at most"),
    "AIRFLOW_WORKER_MEMORY": ("4g", "memory of a worker, at most"),
    "FATE_HOST": ("fate", "where Airflow and the notebook find FATE-Flow; `fate` is the one in a container"),
    "FATE_HOST_PORT": ("9380", "and at which port"),
    "FATE_PORT": ("19380", "port of that one on this machine; `make up` and fate-local take 9380"),
    "FATE_CPUS": ("4", "cores of each FATE, at most"),
    "FATE_MEMORY": ("8g", "memory of each FATE, at most"),
    "S3_PORT": ("8333", "port of the S3 server on this machine"),
    "NOTEBOOK_PORT": ("8888", "port of JupyterLab on this machine"),
    "MLFLOW_PORT": ("5000", "port of MLflow on this machine"),
}


def make() -> dict[str, str]:
    """Secrets by name. Hexadecimal, because most of them stand in URLs."""
    return {
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_hex(12),
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW_JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_SECRET_KEY": secrets.token_hex(32),
        "NOTEBOOK_TOKEN": secrets.token_hex(24),
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        "S3_ACCESS_KEY": secrets.token_hex(10),
        "S3_SECRET_KEY": secrets.token_hex(24),
    }


def main(arguments: list[str]) -> int:
    """Run the command line."""
    path = Path(arguments[0]) if arguments else DEFAULT
    try:
        # Made by this call, and readable by its owner alone from the first moment.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(f"{path} exists already and is left as it is. To make new secrets, remove it, and the data with")
        print("docker compose down --volumes")
        return 1
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("# Secrets: those of the data that the containers keep.\n")
        file.writelines(f"{name}={value}\n" for name, value in make().items())
        file.write("\n# Settings\n")
        file.writelines(f"# {why}\n{name}={value}\n" for name, (value, why) in SETTINGS.items())
    print(f"Wrote {path}. Log in to Airflow as admin with AIRFLOW_ADMIN_PASSWORD.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

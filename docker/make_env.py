"""Write .env with random secrets for docker-compose.yaml: python3 docker/make_env.py [FILE].

Needs nothing but Python. An existing file is left alone: its secrets are those of the data that the containers keep.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

DEFAULT = Path(__file__).resolve().parents[1] / ".env"


def make() -> dict[str, str]:
    """Secrets by name. Hexadecimal, because most of them stand in URLs."""
    return {
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_hex(12),
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW_JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_SECRET_KEY": secrets.token_hex(32),
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
        file.writelines(f"{name}={value}\n" for name, value in make().items())
    print(f"Wrote {path}. Log in to Airflow as admin with AIRFLOW_ADMIN_PASSWORD.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

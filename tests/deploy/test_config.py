"""The oldest Docker Compose that is supported understands the file, and says what is missing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.compose import ROOT, Service, program, resolve

PROFILES = {
    (): set(),
    ("fate",): {"fate"},
    ("pair",): {"fate-clinic", "fate-laboratory"},
    ("notebook", "mlflow"): {"notebook", "mlflow"},
}
ALWAYS = {
    "airflow-api-server", "airflow-dag-processor", "airflow-migrate", "airflow-scheduler", "airflow-triggerer",
    "airflow-worker", "postgres", "redis", "s3", "s3-buckets", "s3-owner",
}  # fmt: skip
Make = Callable[..., tuple[Path, Mapping[str, Service]]]


def test_it_is_the_oldest_one_that_the_page_and_the_file_name() -> None:
    done = subprocess.run([program("docker-compose"), "version", "--short"], capture_output=True, text=True, check=True)
    oldest = f"Docker Compose {done.stdout.strip()} or newer"
    assert oldest in (ROOT / "docker-compose.yaml").read_text()
    assert oldest in (ROOT / "docs" / "docker-compose.md").read_text()


@pytest.mark.parametrize("profiles", PROFILES, ids="-".join)
def test_each_profile_adds_its_services(profiles: tuple[str, ...], services: Make) -> None:
    _, found = services(*profiles)
    assert set(found) == ALWAYS | PROFILES[profiles]


def test_what_a_shell_would_read_reaches_it_as_it_is(services: Make) -> None:
    _, found = services()
    assert '--password "$ADMIN_PASSWORD"' in found["airflow-migrate"].command[-1]
    assert re.fullmatch(r"[0-9a-f]{48}", found["redis"].environment["REDIS_PASSWORD"])


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("AIRFLOW_PORT=8080\n")
    with pytest.raises(AssertionError, match=r"(?s)[A-Z_]+.*run docker/make_env.py"):
        resolve(tmp_path / "env")


def test_a_port_and_a_fate_elsewhere_are_taken_from_the_env_file(services: Make) -> None:
    home, _ = services()
    text = (home / "env").read_text().replace("FATE_HOST=fate", "FATE_HOST=flow.example.org")
    (home / "env").write_text(text.replace("FATE_HOST_PORT=9380", "FATE_HOST_PORT=443"))
    connection: Any = resolve(home / "env")["airflow-worker"].environment["AIRFLOW_CONN_FATE_DEFAULT"]
    assert '"host": "flow.example.org", "port": 443' in connection

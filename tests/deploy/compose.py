"""What docker-compose.yaml says, as Docker Compose itself understands it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".local" / "venv-celery" / "bin"
"""Made by `make env-celery`: Airflow with Celery, Redis, an S3 server, and the oldest Docker Compose that will do."""
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def program(name: str) -> Path:
    """Path of a program of that environment."""
    found = PROGRAMS / name
    assert found.exists(), f"{found} is not there: `make env-celery` installs it"
    return found


@dataclass(frozen=True)
class HealthCheck:
    """How a service is asked whether it is well.

    :param test: as in the file: CMD or CMD-SHELL, and what is run.
    :param patience: seconds for which the file allows it to be unwell.
    """

    test: Sequence[str]
    patience: float

    @property
    def command(self) -> list[str]:
        """What is run."""
        kind, *words = self.test
        return ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words


@dataclass(frozen=True)
class Service:
    """One service, with all variables filled in.

    :param conditions: service that is waited for, and for what.
    :param volumes: target in the container, and the volume's name or the path of this machine.
    """

    name: str
    image: str
    entrypoint: Sequence[str] | None
    command: Sequence[str]
    environment: Mapping[str, str]
    health: HealthCheck | None
    conditions: Mapping[str, str]
    volumes: Mapping[str, str]

    @property
    def ends(self) -> bool:
        """Whether it is done at some time."""
        return self.health is None


def resolve(env_file: Path, profiles: Sequence[str] = ()) -> dict[str, Service]:
    """The services of these profiles, as `docker compose config` gives them.

    :raises AssertionError: it refuses the file.
    """
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [program("docker-compose"), "--env-file", env_file, "--file", ROOT / "docker-compose.yaml", *chosen,
         "config", "--format", "json"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(env_file.parent), "COMPOSE_PROFILES": ",".join(profiles)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip(), done.stderr
    return {name: _service(name, found) for name, found in json.loads(done.stdout)["services"].items()}


def _service(name: str, found: Mapping[str, Any]) -> Service:
    # `config` writes a file that could be read again, in which a dollar stands for itself only if there are two.
    plain = json.loads(json.dumps(found).replace("$$", "$"))
    health = plain.get("healthcheck")
    return Service(
        name=name,
        image=plain["image"],
        entrypoint=plain.get("entrypoint"),
        command=plain.get("command") or (),
        environment=plain.get("environment") or {},
        health=health and HealthCheck(health["test"], _patience(health)),
        conditions={other: how["condition"] for other, how in (plain.get("depends_on") or {}).items()},
        volumes={volume["target"]: volume["source"] for volume in plain.get("volumes", ())},
    )


def _patience(health: Mapping[str, Any]) -> float:
    return _seconds(health.get("start_period", "0s")) + health["retries"] * _seconds(health["interval"])


def _seconds(text: str) -> float:
    hours, minutes, seconds = (int(part or 0) for part in DURATION.fullmatch(text).groups())  # type: ignore[union-attr]
    return 3600 * hours + 60 * minutes + seconds

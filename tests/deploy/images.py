"""What stands for each image: its entry point, its environment, and programs of this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_fate.local.paths import installations_dir
from dev.mlflow import MlflowEnvironment
from dev.postgres import program as postgres_program
from tests.deploy.compose import PROGRAMS, ROOT, Service
from tests.deploy.notebook import notebook_environment

OURS = Path(sys.executable).parent
# Makes the database at the first start, as the image's own entry point does. The password comes from a file.
POSTGRES = """
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s' "$POSTGRES_PASSWORD" > "$PGDATA.password"
    initdb -D "$PGDATA" --username="$POSTGRES_USER" --pwfile="$PGDATA.password" --auth=scram-sha-256 --no-sync
    rm "$PGDATA.password"
    [ "$POSTGRES_DB" = "$POSTGRES_USER" ]
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -D "$PGDATA" -c 'listen_addresses=*' -c unix_socket_directories= -c fsync=off
"""


@dataclass(frozen=True)
class Image:
    """What an image brings.

    :param entry: what its entry point runs before the service's command.
    :param path: folders with its programs.
    :param environment: its own variables, with paths of the container.
    :param refuses_root: whether it does not run as root, as which it would run here and not in its container.
    """

    entry: tuple[str, ...] = ()
    path: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    refuses_root: bool = False

    def command(self, service: Service) -> list[str]:
        """What the container would run."""
        if service.entrypoint is not None:
            return [*service.entrypoint, *service.command]
        # In a user namespace without a mapping we are nobody, and still the owner of our files.
        nobody = ("unshare", "--user") if self.refuses_root and os.geteuid() == 0 else ()
        # Airflow's entry point runs a shell that is asked for, and takes everything else for a subcommand.
        entry = () if service.command and service.command[0] == "bash" else self.entry
        return [*nobody, *entry, *service.command]


def image_of(service: Service) -> Image:
    """What stands for the image of a service."""
    name = service.image.partition(":")[0].rpartition("/")[2]
    return IMAGES[name]()


def _airflow() -> Image:
    return Image(("airflow",), (PROGRAMS,), {"AIRFLOW_HOME": "/opt/airflow", "PYTHONPATH": str(ROOT)})


def _fate() -> Image:
    # The installation is this machine's: the image has made it with the same command.
    own = {"FATE_LOCAL_CACHE": str(installations_dir()), "FATE_LOCAL_HOME": "/var/lib/fate"}
    return Image(("fate-local",), (OURS,), own)


def _postgres() -> Image:
    programs = {postgres_program(name).parent for name in ("initdb", "postgres", "pg_isready")}
    own = {"PGDATA": "/var/lib/postgresql/data"}
    return Image(("sh", "-ec", POSTGRES), tuple(programs), own, refuses_root=True)


def _mlflow() -> Image:
    return Image(("mlflow",), (MlflowEnvironment().python().parent,))


IMAGES = {
    "airflow": _airflow,
    "fate": _fate,
    "postgres": _postgres,
    "redis": lambda: Image(path=(PROGRAMS,)),
    "seaweedfs": lambda: Image(path=(PROGRAMS,)),
    "mlflow": _mlflow,
    "notebook": lambda: Image(path=(notebook_environment() / "bin",), refuses_root=True),
}


def system_path() -> list[str]:
    """Folders with what every image has."""
    assert shutil.which("curl"), "the health check of Airflow needs curl, as its image has it"
    assert shutil.which("wget"), "the health check of the S3 server needs wget, as its image has it"
    return ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]

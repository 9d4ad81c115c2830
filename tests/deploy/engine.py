"""Runs services as a container engine would, as far as that can be had from plain processes.

Each has its command, its environment and nothing else of ours, a host of its name, and its volumes. Paths of the
container are folders below one home: a path that an argument or a variable holds is written anew. What is left out is
what only an engine can do: images, users, limits, capabilities.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev.localairflow.processes import Process
from tests.deploy.compose import ROOT, Service
from tests.deploy.images import image_of, system_path
from tests.deploy.room import Room

# Folders of containers. /usr/local/bin/answers.py is the only file.
CONTAINERS = re.compile(r"(?<![\w./])/(?:opt/airflow|var/lib/(?:fate|mlflow|postgresql)|data|run/s3|home/notebook)\b")
ANSWERS = "/usr/local/bin/answers.py"


class Engine:
    """Starts services in a room.

    :param home: all their folders lie below it; short, because sockets are among them.
    :param services: as they are resolved.
    :param overrides: more environment by service, as a second Compose file would give.
    """

    def __init__(
        self,
        home: Path,
        services: Mapping[str, Service],
        overrides: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.home = home
        self.services = services
        self.overrides = overrides or {}
        self.room = Room(home, services)
        self.processes: dict[str, Process] = {}

    # --- one service -----------------------------------------------------------------------------------------

    def folder(self, service: Service) -> Path:
        """What stands for the root of its container."""
        root = self.home / service.name
        for target, source in service.volumes.items():
            inside = root / target.lstrip("/")
            if not inside.is_symlink():
                volume = Path(source) if source.startswith("/") else self.home / "volumes" / source
                volume.mkdir(parents=True, exist_ok=True)
                inside.parent.mkdir(parents=True, exist_ok=True)
                inside.symlink_to(volume)
        (root / "run" / "s3").mkdir(parents=True, exist_ok=True)
        return root

    def here(self, service: Service, text: str) -> str:
        """A text of the container with paths of this machine."""
        return CONTAINERS.sub(lambda match: f"{self.folder(service)}{match[0]}", text).replace(
            ANSWERS, str(ROOT / "docker" / "answers.py")
        )

    def environment(self, service: Service) -> dict[str, str]:
        """What the container's processes see."""
        image = image_of(service)
        own = {
            "PATH": ":".join([*map(str, image.path), *system_path()]),
            "HOME": str(self.folder(service)),
            "HOSTNAME": service.name,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
        }
        given = {**image.environment, **service.environment, **self.overrides.get(service.name, {})}
        return own | {name: self.here(service, value or "") for name, value in given.items()}

    def start(self, service: Service) -> None:
        """Start it; one that ends is waited for."""
        command = [self.here(service, word) for word in image_of(service).command(service)]
        folder = self.folder(service)
        env = self.environment(service)
        if service.ends:
            self.room.log(service.name).unlink(missing_ok=True)
            code = self.room.complete(service.name, command, env, folder)
            assert code == 0, f"{service.name} ended with {code}:\n{self.room.tail(service.name, 100)}"
            return
        self.processes[service.name] = self.room.start(service.name, command, env, folder)

    def wait(self, service: Service, slower: float = 3.0) -> None:
        """Wait until its own health check finds it well.

        :param slower: how many times slower than what the file is meant for this machine may be.
        """
        assert service.health is not None
        check = [self.here(service, word) for word in service.health.command]
        env = self.environment(service)
        process = self.processes[service.name]
        self.room.wait(service.name, process, check, env, service.health.patience * slower)

    # --- all of them -----------------------------------------------------------------------------------------

    def up(self) -> None:
        """Start all in the order that the file wants, and wait until all are well."""
        ready: set[str] = set()
        while len(ready) < len(self.services):
            able = [
                service
                for service in self.services.values()
                if service.name not in ready and set(service.conditions) <= ready
            ]
            assert able, f"they wait for each other: {set(self.services) - ready}"
            for service in able:
                self.start(service)
            for service in able:
                if not service.ends:
                    self.wait(service)
            ready |= {service.name for service in able}

    def visit(self, *command: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a program of this project in the room, as somebody does who reaches all services."""
        env = {"PATH": ":".join(system_path()), "HOME": str(self.home), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        return self.room.run([sys.executable, *command], env, self.home, timeout=timeout)

    def kill(self, name: str) -> None:
        """End one without a warning."""
        self.processes[name].kill()

    @contextmanager
    def running(self) -> Iterator[Engine]:
        """All of them, as long as the block lasts."""
        with self.room:
            try:
                self.up()
                yield self
            finally:
                self.room.roster.stop()
                for left in (
                    "master-grpc-19333",
                    "volume-grpc-18081",
                    "filer-grpc-18888",
                    "filer-8888",
                    "s3-8333",
                    "s3-grpc-18333",
                ):
                    Path(f"/tmp/seaweedfs-{left}.sock").unlink(missing_ok=True)
        shutil.rmtree(self.home, ignore_errors=True)

"""The processes of a local server: a router that is looked after, and below it the model server."""

from __future__ import annotations

import json
import logging
import subprocess
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from airflow_provider_fate.errors import FateConfigError, FateInputError, FateServerError
from airflow_provider_fate.local.environments import PackageEnvironment
from airflow_provider_fate.local.errors import LocalFateError, StartError
from airflow_provider_fate.local.ports import is_free
from airflow_provider_fate.local.services import LocalService, ServiceSpec
from airflow_provider_fate.serving.local.layout import ServerLayout

__all__ = ["LocalServer", "model_server_environment"]

log = logging.getLogger(__name__)

PAYLOAD = Path(__file__).parent / "payload"
NAME = "router"
PATIENCE = 120.0
"""Seconds for the router's first answer."""


def model_server_environment() -> PackageEnvironment:
    """The environment of KServe's model server, 380 MB; made once, kept in the user's cache."""
    lines = (files("airflow_provider_fate.serving.local.pins") / "model-server.txt").read_text().splitlines()
    pins = tuple(line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip())
    return PackageEnvironment(
        name="model-server", requirements=pins, check="import onnxruntime, orjson, uvicorn, aiohttp"
    )


class LocalServer:
    """A router and a model server for the services of a folder.

    :param layout: the folder.
    :param port: on which it answers; ``None``: that of its last start, else any free one.
    """

    def __init__(self, layout: ServerLayout, port: int | None = None) -> None:
        self.layout = layout
        self._port = port
        self._service = LocalService(NAME, layout.root)
        self._environment = model_server_environment()

    @property
    def log(self) -> Path:
        """What router and model server have written."""
        return self._service.log

    @property
    def url(self) -> str | None:
        """Where it answers, or did before it was stopped; ``None``: it never ran."""
        if (state := self._service.status()) is not None:
            return state.url
        try:
            port = json.loads((self._service.folder / "ports.json").read_text())[""]
        except (OSError, ValueError, KeyError):
            return None
        return f"http://127.0.0.1:{port}"

    def prepare(self) -> None:
        """Make the environment, and see that the port can be had; changes nothing else.

        :raises FateConfigError: one of them cannot be.
        """
        try:
            self._environment.ensure(log.info)
        except LocalFateError as error:
            raise FateConfigError(f"The model server cannot be installed: {error}", hint=error.hint) from None
        if self._port is not None and self._service.status() is None and not is_free(self._port):
            raise FateConfigError(
                f"port={self._port} of the local server is taken on 127.0.0.1.",
                hint="Choose another, or leave it out: local:///folder without ?port= takes any free one.",
            )

    def ensure(self) -> str:
        """Start it where it does not run.

        :returns: its URL.
        :raises FateConfigError: its port is taken, or its environment cannot be made.
        :raises FateServerError: it does not come up.
        """
        if (state := self._service.status()) is not None and state.phase in ("running", "restarting"):
            return state.url
        self.prepare()
        self.layout.create()
        try:
            return self._service.start(self._spec, log.info, timeout=PATIENCE).url
        except StartError as error:
            raise FateServerError(f"The local server does not come up: {error}", hint=error.hint) from None

    def stop(self) -> bool:
        """End it with all that it runs; specs and models stay.

        :returns: whether it ran.
        """
        return self._service.stop()

    def look_at(self, model: Path) -> dict[str, Any]:
        """Load a model in a process of its own, and score a row.

        :returns: ``inputs`` and ``width``.
        :raises FateInputError: it cannot be served.
        """
        program = PAYLOAD / "fate_serving_onnx.py"
        done = subprocess.run(
            [self._environment.interpreter, "-I", program, model],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise FateInputError(f"The model cannot be served: onnxruntime ended with it ({why[:300]}).")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @cached_property
    def _spec(self) -> ServiceSpec:
        router = PAYLOAD / "fate_serving_router.py"
        return ServiceSpec(
            command=[str(self._environment.interpreter), str(router), str(self.layout.root), "{port}"],
            env={"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"},
            port=self._port,
            health="/v2/health/live",
            stop_grace=30.0,
        )

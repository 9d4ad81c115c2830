"""The backend of one machine: specs are files, and the router follows them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_fate.errors import FateConflictError, FateError, FateInputError
from airflow_provider_fate.local.paths import services_home
from airflow_provider_fate.serving.local.layout import LocalRecord, ServerLayout
from airflow_provider_fate.serving.local.server import LocalServer
from airflow_provider_fate.serving.records import (
    ChangeMark,
    LiveVersion,
    ServedModel,
    Service,
    ServicePhase,
    ServingSpec,
    Track,
    TrackTraffic,
    check_service_name,
)
from airflow_provider_fate.storage.folder import fetch_file

__all__ = ["LocalBackend"]

log = logging.getLogger(__name__)

HOME_ENV = "FATE_SERVING_HOME"
#: A proxy set in the environment must not stand between us and our own loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalBackend:
    """Services of this machine. Whoever waits for one has to run on it, too: worker and triggerer.

    :param place: absolute path of the folder, with ``?port=8500`` where the port has to be that one; default:
        ``FATE_SERVING_HOME``, else in the user's data directory.
    :raises FateInputError: the port is none.
    """

    def __init__(self, place: str | None = None) -> None:
        parts = urlsplit(place or "")
        folder = parts.path or os.environ.get(HOME_ENV) or str(services_home().with_name("serving"))
        self._layout = ServerLayout(Path(folder).expanduser().absolute())
        self.server = LocalServer(self._layout, _port(parse_qs(parts.query, keep_blank_values=True)))

    @property
    def services(self) -> list[str]:
        """Names of all services."""
        return self._layout.names()

    async def check(self, name: str, model: ServedModel) -> ServedModel:
        """Bring the model onto this machine, and look at it in a process of its own."""
        check_service_name(name)
        return await asyncio.to_thread(self._check, model)

    async def get(self, name: str) -> Service | None:
        """A service; a server that ended with the machine is started again."""
        return await asyncio.to_thread(self._get, check_service_name(name))

    async def look(self, name: str) -> Service | None:
        """The same: it costs a file."""
        return await self.get(name)

    async def apply(self, name: str, spec: ServingSpec, *, expected: int | None, mark: ChangeMark | None) -> int:
        """Write the spec; the router follows within a moment."""
        return await asyncio.to_thread(self._apply, check_service_name(name), spec, expected, mark)

    async def delete(self, name: str) -> bool:
        """Take the spec away; with the last one the server ends."""
        return await asyncio.to_thread(self._delete, check_service_name(name))

    async def traffic(self, name: str) -> Mapping[Track, TrackTraffic] | None:
        """What the router has counted since the version is live, or since the router was started."""
        return await asyncio.to_thread(self._traffic, check_service_name(name))

    async def close(self) -> None:
        """Nothing is open."""

    # -- in a thread --------------------------------------------------------------------------------------------------

    def _check(self, model: ServedModel) -> ServedModel:
        if model.format != "onnx":
            raise FateInputError(
                f"format={model.format!r}: the local server serves ONNX.",
                hint="Make ONNX of the model with FateModelConvertOperator.",
            )
        self.server.prepare()
        self._layout.create()
        arrived = self._layout.models / f".{os.getpid()}.{os.urandom(4).hex()}"
        try:
            try:
                fetch_file(model.uri, arrived)
            except (FileNotFoundError, IsADirectoryError):
                raise FateInputError(f"model: {model.uri} is not there.", hint="Convert the model first.") from None
            with arrived.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if model.sha256 not in (None, sha256):
                raise FateInputError(
                    f"model: {model.uri} has the sha256 {sha256}, and not {model.sha256}.",
                    hint="Something has written over it since. Convert the model again, and register that.",
                )
            found = self.server.look_at(arrived)
            if "error" in found:
                raise FateInputError(
                    f"model: {model.uri} cannot be served: {found['error']}.",
                    hint="Give what FateModelConvertOperator makes: its inputs are columns, its output is 'score'.",
                )
            inputs = tuple(str(one) for one in found["inputs"])
            if (model.inputs and set(model.inputs) != set(inputs)) or model.width not in (0, found["width"]):
                raise FateInputError(
                    f"model: {model.uri} takes {', '.join(inputs)} and gives {found['width']} numbers for a row, which "
                    f"is not what its conversion has told ({', '.join(model.inputs)}; {model.width}).",
                    hint="Convert the model again.",
                )
            arrived.replace(self._layout.model(sha256))
        finally:
            arrived.unlink(missing_ok=True)
        return model.model_copy(update={"sha256": sha256, "inputs": inputs, "width": int(found["width"])})

    def _get(self, name: str) -> Service | None:
        if (record := self._layout.record(name)) is None:
            return None
        problem = ""
        try:
            url = self.server.ensure()
        except FateError as error:
            url, problem = self.server.url or "", str(error)
        told = self._layout.stands(name)
        phase, reason = ServicePhase.STARTING, "the router has not seen it yet"
        if told.get("generation") == record.generation:
            phase, reason = ServicePhase(told["phase"]), str(told.get("reason") or "")
        if problem:
            phase, reason = ServicePhase.FAILED, problem
        base = f"{url}/v2/models/{name}"
        live: dict[Track, LiveVersion] = {
            track: LiveVersion(
                version=one["version"], share=one["share"], url=f"{base}/versions/{one['version']}/infer"
            )
            for track, one in told.get("live", {}).items()
        }
        return Service(
            name=name, generation=record.generation, spec=record.spec, mark=record.mark, phase=phase, reason=reason,
            live={} if problem else live, url=f"{base}/infer" if url else None,
        )  # fmt: skip

    def _apply(self, name: str, spec: ServingSpec, expected: int | None, mark: ChangeMark | None) -> int:
        for model in spec.models.values():
            if model.sha256 is None or not self._layout.model(model.sha256).is_file():
                raise FateInputError(
                    f"model: version {model.version} of {name!r} is not on this machine any more.",
                    hint="Deploy it again with FateServeOperator, which fetches it.",
                )
        self.server.ensure()
        with self._layout.alone():
            record = self._layout.record(name)
            if (record.generation if record else None) != expected:
                raise FateConflictError(
                    f"{name!r} was changed by somebody else in this moment "
                    f"(generation {record.generation if record else 'none'}, not {expected}).",
                    hint="Look at it, and decide again.",
                )
            generation = (expected or 0) + 1
            self._layout.write(name, LocalRecord(generation=generation, spec=spec, mark=mark))
            self._layout.clean()
        return generation

    def _delete(self, name: str) -> bool:
        if not self._layout.services.is_dir():
            return False
        with self._layout.alone():
            there = self._layout.services / f"{name}.json"
            was = there.is_file()
            there.unlink(missing_ok=True)
            if not self._layout.names():
                self.server.stop()
            (self._layout.state / f"{name}.json").unlink(missing_ok=True)
        return was

    def _traffic(self, name: str) -> Mapping[Track, TrackTraffic] | None:
        if (url := self.server.url) is None:
            return None
        try:
            with _OPENER.open(f"{url}/v2/models/{name}/stats", timeout=10) as reply:
                told: dict[Track, Any] = json.loads(reply.read())
        except (OSError, ValueError):
            return None
        return {track: TrackTraffic.model_validate(counts) for track, counts in told.items()}


def _port(query: Mapping[str, list[str]]) -> int | None:
    if wrong := query.keys() - {"port"}:
        raise FateInputError(
            f"backend: {', '.join(sorted(wrong))} is unknown.", hint="Write local:///folder?port=8500."
        )
    if "port" not in query:
        return None
    given = query["port"][0]
    if not given.isdecimal() or not 1024 <= int(given) <= 65535:
        raise FateInputError(f"backend: port={given!r} is not a port.", hint="Give one from 1024 to 65535.")
    return int(given)

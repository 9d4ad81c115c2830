"""What clients talk to: the Open Inference Protocol v2 of services, in front of the model server.

``python fate_serving_router.py HOME PORT``. A request goes to the version whose turn it is, and its answer says which
one that was. One that is lost because the model server was killed or a version was switched meanwhile is sent again:
scoring changes nothing. So while the server comes back clients wait, and see no error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvicorn
from fate_serving_keeper import Keeper, Upstream
from fate_serving_process import ModelServerProcess

log = logging.getLogger("fate.serving")

PATIENCE = 60.0
"""Seconds for which a request waits for a model server that is being started again."""
LARGEST = 128 << 20
"""Bytes of a request."""
_MODEL = re.compile(r"/v2/models/([a-z0-9-]{1,50})(?:/versions/([A-Za-z0-9_.\-]{1,63}))?(/infer|/ready|/stats)?/?")
_BINARY = "inference-header-content-length"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class AnswerError(Exception):
    """An answer that is not a score."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Router:
    """The application, as uvicorn runs it."""

    def __init__(self, keeper: Keeper, upstream: Upstream) -> None:
        self._keeper = keeper
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        headers: dict[str, str] = {}
        try:
            status, body, headers = await self._answer(scope, receive)
        except AnswerError as error:
            status, body = error.status, orjson.dumps({"error": str(error)})
        fields = {"content-type": "application/json", **headers, "content-length": str(len(body))}
        raw = [(name.encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, dict[str, str]]:
        path, method = scope["path"], scope["method"]
        if (found := _MODEL.fullmatch(path)) is not None:
            name, version, verb = found[1], found[2], found[3]
            if verb == "/infer":
                if method != "POST":
                    raise AnswerError(405, "scores are asked for with POST")
                return await self._infer(name, version, await body_of(receive), asked(scope))
            if verb == "/ready":
                self._track(name, version)
                return 200, orjson.dumps({"name": name, "ready": True}), {}
            if verb == "/stats":
                return 200, orjson.dumps(self._stats(name)), {}
            return await self._metadata(name, version)
        if path in ("/v2", "/v2/"):
            return 200, orjson.dumps({"name": "airflow-provider-fate", "version": "2", "extensions": []}), {}
        if path in ("/v2/health/live", "/v2/health/ready"):
            return 200, orjson.dumps({path.rpartition("/")[2]: True}), {}
        if path == "/v2/models":
            return 200, orjson.dumps({"models": sorted(self._keeper.routes)}), {}
        raise AnswerError(404, f"{path} is not served here; ask /v2/models")

    def _track(self, name: str, version: str | None) -> tuple[Any, str]:
        """The route of a service, and which of its tracks is to answer."""
        route = self._keeper.routes.get(name)
        if route is None:
            raise AnswerError(404, f"Model with name {name} does not exist.")
        if not route.tracks:
            raise AnswerError(503, f"Model {name} is stopped.")
        track = route.pick(version)
        if track is None:
            live = ", ".join(target.version for target in route.tracks.values())
            raise AnswerError(404, f"Model {name} has no live version {version}, only {live}.")
        return route, track

    async def _infer(
        self, name: str, version: str | None, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        began = time.monotonic()
        route, track = self._track(name, version)
        while True:
            target = route.tracks[track]
            try:
                status, answer, said = await self._ask("POST", f"/v2/models/{target.key}/infer", body, headers)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                status, answer, said = 0, str(error).encode(), {}
            if status not in (0, 404, 503):
                break
            if time.monotonic() - began > PATIENCE:
                route.count(target, 1000 * (time.monotonic() - began), failed=True)
                raise AnswerError(503, f"The model server does not answer: {answer.decode(errors='replace')[:200]}")
            if status:
                await self._keeper.again(target.key)
            await asyncio.sleep(0.05)
            if self._keeper.routes.get(name) is not route:  # switched meanwhile: its own version may be gone
                route, track = self._track(name, version)
        route.count(target, 1000 * (time.monotonic() - began), failed=status >= 500)
        said["x-model-version"] = target.version
        if status == 200 and _BINARY not in said:
            told = orjson.loads(answer)
            told["model_name"], told["model_version"] = name, target.version
            answer = orjson.dumps(told)
        elif status != 200:
            answer = answer.replace(target.key.encode(), name.encode())
        return status, answer, said

    async def _metadata(self, name: str, version: str | None) -> tuple[int, bytes, dict[str, str]]:
        route, _ = self._track(name, version) if version else self._stable(name)
        target = next(one for one in route.tracks.values() if version in (None, one.version))
        try:
            status, answer, said = await self._ask("GET", f"/v2/models/{target.key}", None, {})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AnswerError(503, f"The model server does not answer: {error}") from None
        if status == 200:
            versions = sorted(one.version for one in route.tracks.values())
            answer = orjson.dumps(orjson.loads(answer) | {"name": name, "versions": versions})
        return status, answer, said

    def _stable(self, name: str) -> tuple[Any, str]:
        route = self._keeper.routes.get(name)
        if route is None or not route.tracks:
            return self._track(name, None)  # which says why
        return route, "stable"

    def _stats(self, name: str) -> dict[str, Any]:
        route = self._keeper.routes.get(name)
        if route is None:
            raise AnswerError(404, f"Model with name {name} does not exist.")
        return {
            track: route.counts[target.version].to_json() if target.version in route.counts else {}
            for track, target in route.tracks.items()
        }

    async def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        async with self._upstream.session.request(method, path, data=body, headers=headers) as answer:
            kept = {name: answer.headers[name] for name in ("content-type", _BINARY) if name in answer.headers}
            return answer.status, await answer.read(), kept


async def body_of(receive: Receive) -> bytes:
    """Read a request whole: it may have to be sent twice."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise AnswerError(400, "the client has gone")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST:
            raise AnswerError(413, f"more than {LARGEST >> 20} MiB: ask in parts")
        if not message.get("more_body"):
            return b"".join(parts)


def asked(scope: Scope) -> dict[str, str]:
    """Headers that the model server has to see."""
    kept = ("content-type", _BINARY, "x-request-id")
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    sent = {name: found[name] for name in kept if name in found}
    if _BINARY not in sent:
        sent["content-type"] = "application/json"  # KServe takes what curl says by itself for binary data
    return sent


async def serve(home: Path, port: int) -> None:
    """Answer until it is asked to end."""
    socket = "run/model-server.sock"
    upstream, server = Upstream(socket), ModelServerProcess(home, socket)
    keeper = Keeper(home, upstream, server)
    keeper.restore()
    config = uvicorn.Config(
        Router(keeper, upstream),
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=20,
    )
    beside = [asyncio.create_task(keeper.run()), asyncio.create_task(server.run())]
    try:
        await uvicorn.Server(config).serve()
    finally:
        for task in beside:
            task.cancel()
        await server.end()
        await upstream.session.close()


def main() -> None:
    """Run it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    home = Path(sys.argv[1])
    os.chdir(home)  # the name of a socket must be short
    asyncio.run(serve(home, int(sys.argv[2])))


if __name__ == "__main__":
    main()

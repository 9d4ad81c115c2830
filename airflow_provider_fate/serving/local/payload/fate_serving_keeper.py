"""Brings about what the specs of services say: loads their models, then lets the router switch, then unloads.

A spec is ``services/<name>.json``, written by the backend; what has become of it stands in ``state/<name>.json``. What
is live is written there before requests go to it: a router that is killed and started again never goes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any

import aiohttp
from fate_serving_process import ModelServerProcess
from fate_serving_routes import Route, Target, load_route, read_json, save_route

log = logging.getLogger("fate.serving")

TICK = 0.05
"""Seconds between two looks at the folder of specs."""
DRAIN = 5.0
"""Seconds for which a model stays loaded after the last request was sent to it."""
PATIENCE = 180.0
"""Seconds within which the model server must answer before a spec is given up."""


class LoadError(Exception):
    """The model server cannot load a model; the message is its reason."""


class Upstream:
    """The model server, over its socket.

    :param socket: path; relative ones may be longer than a socket's name.
    """

    def __init__(self, socket: str) -> None:
        self.session = aiohttp.ClientSession(
            "http://model-server",
            connector=aiohttp.UnixConnector(socket, limit=64),
            timeout=aiohttp.ClientTimeout(total=120, connect=5),
            auto_decompress=False,
        )

    async def load(self, key: str) -> None:
        """Load a model.

        :raises LoadError: it cannot be loaded.
        :raises aiohttp.ClientError: the server is not there.
        """
        async with self.session.post(f"/v2/repository/models/{key}/load") as answer:
            if answer.status == 200:
                return
            said = (await answer.text())[:500]
        raise LoadError(_reason(said))

    async def keep(self, wanted: set[str]) -> None:
        """Let go of all other models; a server that is not there has none."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError):
            async with self.session.get("/v2/models") as answer:
                loaded = set((await answer.json())["models"])
            for key in loaded - wanted:
                async with self.session.post(f"/v2/repository/models/{key}/unload"):
                    pass


def _reason(said: str) -> str:
    """What the model server has told, without its wrapping."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        said = str(json.loads(said)["error"])
    return said.rpartition("error msg: ")[2]


class Keeper:
    """All services of one folder.

    :param home: the folder.
    """

    def __init__(self, home: Path, upstream: Upstream, server: ModelServerProcess) -> None:
        self._specs, self._states = home / "services", home / "state"
        self._upstream = upstream
        self._server = server
        self._seen: dict[str, tuple[int, int]] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._later: set[asyncio.Task[None]] = set()
        self.routes: dict[str, Route] = {}
        """What is live, by service. An entry is replaced as a whole."""

    def restore(self) -> None:
        """Let answer what was live before this router was started."""
        for path in self._states.glob("*.json"):
            if (route := load_route(path, path.stem)) is not None:
                self.routes[path.stem] = route

    async def run(self) -> None:
        """Follow the folder for ever."""
        while True:
            try:
                self._look()
            except Exception:
                log.exception("The folder of specs cannot be read")
            await asyncio.sleep(TICK)

    def _look(self) -> None:
        there: dict[str, tuple[int, int]] = {}
        for path in self._specs.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                there[path.stem] = (stat.st_mtime_ns, stat.st_ino)
        changed = [
            name
            for name in self._seen.keys() | self.routes.keys() | there.keys()
            if name not in self._seen or there.get(name) != self._seen[name]
        ]
        for name in changed:
            if (work := self._work.pop(name, None)) is not None:
                work.cancel()
            if name in there:
                self._seen[name] = there[name]
                self._work[name] = asyncio.create_task(self._bring_about(name))
            else:
                self._forget(name)
        if changed:
            self._server.want(any(targets(spec) for spec in self._all_specs()))

    def _all_specs(self) -> list[dict[str, Any]]:
        return [(read_json(path) or {}).get("spec", {}) for path in self._specs.glob("*.json")]

    def _forget(self, name: str) -> None:
        log.info("%s: deleted", name)
        self._seen.pop(name, None)
        (self._states / f"{name}.json").unlink(missing_ok=True)
        self.routes.pop(name, None)
        self._unload_unused()

    async def _bring_about(self, name: str) -> None:
        """Make one spec come true, or write down why it cannot."""
        record = read_json(self._specs / f"{name}.json")
        if record is None:
            return
        generation = int(record["generation"])
        state = self._states / f"{name}.json"
        before = self.routes.get(name) or Route(name, 0, {})
        told = read_json(state) or {}
        if told.get("generation") == generation and told.get("phase") in ("ready", "failed", "stopped"):
            return  # it was brought about before this router was started
        tracks = targets(record["spec"])
        self._note(state, before, generation, "starting", "its model is being loaded")
        try:
            for target in tracks.values():
                await self._loaded(target.key)
        except LoadError as error:
            log.error("%s: generation %d has failed: %s", name, generation, error)
            self._note(state, before, generation, "failed", str(error))
            return
        after = before.followed_by(generation, tracks)
        save_route(state, after, "ready" if tracks else "stopped", "")
        self.routes[name] = after
        log.info("%s: generation %d is live: %s", name, generation, told_of(after))
        self._unload_unused()

    async def _loaded(self, key: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                await self._upstream.load(key)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if self._server.is_hopeless:
                    raise LoadError(f"the model server does not come up: {self._server.last_end}") from None
                if time.monotonic() > end:
                    raise LoadError(f"the model server has not answered for {PATIENCE:.0f} s ({error})") from None
                await asyncio.sleep(0.1)
            else:
                self._server.answered()
                return

    def _note(self, state: Path, live: Route, generation: int, phase: str, reason: str) -> None:
        """Tell of a generation that is not live, next to what is."""
        save_route(state, Route(live.name, generation, live.tracks), phase, reason)

    def _unload_unused(self) -> None:
        task = asyncio.create_task(self._unload_later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _unload_later(self) -> None:
        await asyncio.sleep(DRAIN)
        wanted = {target.key for route in self.routes.values() for target in route.tracks.values()}
        for spec in self._all_specs():  # also what is about to become live
            wanted |= {target.key for target in targets(spec).values()}
        await self._upstream.keep(wanted)

    async def again(self, key: str) -> None:
        """Load a live model once more: the model server was started anew, and does not have it."""
        with contextlib.suppress(LoadError, aiohttp.ClientError, TimeoutError, OSError):
            await self._upstream.load(key)


def targets(spec: dict[str, Any]) -> dict[str, Target]:
    """What a spec wants to be live."""
    if not spec or spec.get("stopped"):
        return {}
    found = {"stable": Target(spec["stable"]["version"], spec["stable"]["sha256"], 100)}
    if spec.get("canary"):
        share = int(spec.get("share") or 0)
        found["canary"] = Target(spec["canary"]["version"], spec["canary"]["sha256"], share)
        found["stable"] = Target(found["stable"].version, found["stable"].key, 100 - share)
    return found


def told_of(route: Route) -> str:
    """For the log."""
    return ", ".join(f"version {one.version} {one.share} %" for one in route.tracks.values()) or "stopped"

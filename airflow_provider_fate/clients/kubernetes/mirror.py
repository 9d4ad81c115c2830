"""All objects of a kind in a namespace, kept up to date by one list and one watch, however many ask."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from airflow_provider_fate.clients.kubernetes.client import AsyncKubernetesClient
from airflow_provider_fate.clients.kubernetes.failures import Expired
from airflow_provider_fate.clients.kubernetes.objects import Json, Resource, meta, name_of
from airflow_provider_fate.errors import FateConnectionError, FateError, is_transient

__all__ = ["Mirror"]

log = logging.getLogger(__name__)

SHORT = 1.0
"""A watch that ends sooner than this (in seconds) is not begun again at once."""


class Mirror:
    """What the server has, by name. It lists when it is first asked, and watches from the second time on.

    :param labels: label selector.
    """

    def __init__(
        self, client: AsyncKubernetesClient, resource: Resource, namespace: str | None, labels: str = ""
    ) -> None:
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._labels = labels
        self._objects: dict[str, Json] = {}
        self._moment: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def objects(self) -> dict[str, Json]:
        """The objects by name; not to be changed.

        :raises FateError: they cannot be watched. The next question begins anew.
        """
        if self._moment is None:
            await self._list()
        elif self._task is None:
            # Not before: whoever looks once, as most do who stop something, needs no watch.
            self._task = asyncio.create_task(self._follow(), name=f"watch[{self._resource.full_name}]")
        elif self._task.done():
            task, self._task, self._moment = self._task, None, None
            if (error := task.exception()) is not None:
                raise error
            await self._list()
        return self._objects

    async def close(self) -> None:
        """End the watch."""
        task, self._task, self._moment = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, FateError):
                await task

    async def _list(self) -> None:
        found, self._moment = await self._client.objects(self._resource, self._namespace, labels=self._labels)
        self._objects = {name_of(body): _slim(body) for body in found}

    async def _follow(self) -> None:
        broken = False
        while True:
            began = time.monotonic()
            try:
                await self._watch()
                broken = False
            except Expired:
                log.info("%s: the watch is too old, listing anew", self._resource.full_name)
                await self._list()
            except FateConnectionError as e:
                # A connection may break; the server that ended it may answer at once, or not any more.
                if broken or not is_transient(e):
                    raise
                broken = True
            if time.monotonic() - began < SHORT:
                await asyncio.sleep(SHORT)

    async def _watch(self) -> None:
        assert self._moment is not None
        async for happened, body in self._client.watch(
            self._resource, self._namespace, self._moment, labels=self._labels
        ):
            self._moment = str(meta(body).get("resourceVersion") or self._moment)
            if happened == "DELETED":
                self._objects.pop(name_of(body), None)
            elif happened in ("ADDED", "MODIFIED"):
                self._objects[name_of(body)] = _slim(body)


def _slim(body: Json) -> Json:
    """Without who has set what, which is half of it."""
    return {**body, "metadata": {name: value for name, value in meta(body).items() if name != "managedFields"}}

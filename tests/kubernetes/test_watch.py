"""One watch for all that wait, whatever becomes of the server; its audit log tells what it was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from airflow_provider_fate.clients.kubernetes import AsyncKubernetesClient, Mirror
from airflow_provider_fate.clients.kubernetes.failures import Expired
from airflow_provider_fate.errors import FateConnectionError
from airflow_provider_fate.hooks.kubernetes import KubernetesAccess
from tests.kubernetes.test_apply import READY, task
from tests.support.cluster_of_kubernetes import CONN_ID, Cluster
from tests.support.kubernetes_kind import API_VERSION, path

WAITS = 200


def asked(cluster: Cluster, namespace: str) -> Counter[tuple[str, str]]:
    """What our client was answered about the namespace, by verb and resource."""
    return Counter(
        (one["verb"], one["objectRef"]["resource"])
        for one in cluster.server.requests()
        if one.get("objectRef", {}).get("namespace") == namespace
        and "httpx" not in one.get("userAgent", "")
        and one["stage"] in ("ResponseComplete", "Panic")
    )


def test_200_waits_through_a_restart_of_the_server_cost_one_watch(cluster: Cluster, namespace: str) -> None:
    first = task(namespace, "w-0").start()
    made = cluster.get(path(namespace, "w-0"))
    assert made is not None
    triggers = [first]
    for number in range(1, WAITS):  # as the first, which an operator has applied, but quicker
        metadata = {"name": f"w-{number}", "labels": made["metadata"]["labels"]}
        body = cluster.create(path(namespace), {"apiVersion": API_VERSION, "kind": "Widget", "metadata": metadata})
        ref = {**first.ref, "name": f"w-{number}", "uid": body["metadata"]["uid"]}
        triggers.append(type(first)(**{**first.serialize()[1], "ref": ref}))
    before = asked(cluster, namespace)

    async def play() -> list[dict[str, Any]]:
        waits = [asyncio.create_task(trigger.wait()) for trigger in triggers]
        await asyncio.sleep(4)
        await asyncio.to_thread(cluster.server.kill_api)
        await asyncio.sleep(2)
        await asyncio.to_thread(cluster.server.start_api)
        for number in range(WAITS):
            await asyncio.to_thread(cluster.set_status, path(namespace, f"w-{number}"), READY)
        return await asyncio.wait_for(asyncio.gather(*waits), 120)

    events = asyncio.run(play())

    assert {event["state"] for event in events} == {"succeeded"}
    after = asked(cluster, namespace) - before
    questions = sum(after.values())
    assert after["get", "widgets"] <= 5, f"no question for each object: {after}"
    # Widgets and their pods: listed and watched before the restart, and after it.
    assert questions <= 24, f"few questions for {WAITS} waits: {after}"
    assert after["watch", "widgets"] >= 1


async def test_a_watch_that_is_too_old_lists_anew(cluster: Cluster, namespace: str) -> None:
    access = KubernetesAccess(CONN_ID)
    client = await access.client()
    resource = await client.resource(API_VERSION, "Widget")
    with pytest.raises(Expired):
        async for _ in client.watch(resource, namespace, "1"):
            pass
    forgetful = Forgetful(client)
    mirror = Mirror(forgetful, resource, namespace)  # type: ignore[arg-type]
    assert await mirror.objects() == {}
    cluster.create(path(namespace), {"apiVersion": API_VERSION, "kind": "Widget", "metadata": {"name": "late"}})
    for _ in range(60):
        if "late" in await mirror.objects():
            break
        await asyncio.sleep(0.1)
    assert "late" in await mirror.objects()
    assert forgetful.lists == 2
    await mirror.close()
    await access.close()


class Forgetful:
    """The real client; the server has forgotten the moment of its first list."""

    def __init__(self, client: AsyncKubernetesClient) -> None:
        self._client = client
        self.lists = 0

    async def objects(self, *given: Any, **more: Any) -> tuple[list[Any], str]:
        self.lists += 1
        found, moment = await self._client.objects(*given, **more)
        return found, "1" if self.lists == 1 else moment

    def watch(self, *given: Any, **more: Any) -> Any:
        return self._client.watch(*given, **more)


async def asked_again_and_again(mirror: Mirror) -> None:
    for _ in range(100):
        await mirror.objects()
        await asyncio.sleep(0.1)


async def test_a_server_that_is_gone_is_said_and_asked_again(cluster: Cluster, namespace: str) -> None:
    access = KubernetesAccess(CONN_ID)
    client = await access.client()
    mirror = Mirror(client, await client.resource(API_VERSION, "Widget"), namespace)
    await mirror.objects()
    await mirror.objects()
    await asyncio.sleep(0.5)
    cluster.server.kill_api()
    try:
        with pytest.raises(FateConnectionError, match="API server"):
            await asked_again_and_again(mirror)
    finally:
        await asyncio.to_thread(cluster.server.start_api)
    assert await mirror.objects() == {}
    await mirror.close()
    await access.close()


async def test_a_long_list_comes_in_pages(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_fate.clients.kubernetes.client.PAGE", 2)
    for number in range(5):
        body = {"apiVersion": API_VERSION, "kind": "Widget", "metadata": {"name": f"w-{number}"}}
        cluster.create(path(namespace), body)
    access = KubernetesAccess(CONN_ID)
    client = await access.client()
    found, _ = await client.objects(await client.resource(API_VERSION, "Widget"), namespace)
    assert [one["metadata"]["name"] for one in found] == [f"w-{number}" for number in range(5)]
    assert found[0]["kind"] == "Widget"
    await access.close()

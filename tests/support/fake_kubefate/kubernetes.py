"""The Kubernetes below the fake: releases of Helm, and their workloads, which become ready after a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DEPLOYMENTS = {
    "osx": ["osx"],
    "rollsite": [],
    "clustermanager": ["clustermanager"],
    "fateboard": ["fateboard"],
    "nginx": ["nginx"],
    "rabbitmq": ["rabbitmq"],
    "spark": ["spark-master", "spark-worker"],
    "trafficServer": ["traffic-server"],
}
"""Deployments by module. FATE 2.0's chart knows no rollsite: nothing is made of it, and nobody says so."""
STATEFUL_SETS = {
    "python": ["python"],
    "mysql": ["mysql"],
    "nodemanager": ["nodemanager"],
    "client": ["client"],
    "pulsar": ["pulsar"],
    "hdfs": ["namenode", "datanode"],
}
DEFAULT_HOSTS = {
    "fateboard": "fateboard.example.com",
    "client": "notebook.example.com",
    "spark": "spark.example.com",
    "rabbitmq": "rabbitmq.example.com",
    "pulsar": "pulsar.example.com",
}


class HelmError(Exception):
    """Helm's words."""


@dataclass
class FakeRelease:
    """What Helm has installed.

    :ivar label: the value of ``name`` on its objects, which comes out of the document.
    :ivar ready_at: when its Deployments become available.
    :ivar history: what it was, revision by revision, from the installation on.
    """

    label: str
    spec: Mapping[str, Any]
    ready_at: float
    history: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass
class FakeKubernetes:
    """Releases by namespace and name.

    :ivar namespaces: those that exist; Helm makes none.
    :ivar fails: words with which the next installations, upgrades or removals fail, by verb.
    :ivar ready_after: seconds, of the clock of the fake, until Deployments are available.
    :ivar broken: Deployments that never become available.
    :ivar away: the API server does not answer.
    :ivar logs: what containers have written, by their name.
    """

    now: Callable[[], float]
    namespaces: list[str] = field(default_factory=lambda: ["default", "fate-9999", "fate-10000"])
    fails: dict[str, str] = field(default_factory=dict)
    ready_after: float = 0.0
    broken: set[str] = field(default_factory=set)
    away: bool = False
    logs: dict[str, list[str]] = field(default_factory=dict)
    releases: dict[tuple[str, str], FakeRelease] = field(default_factory=dict)

    def install(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        if words := self.fails.get("install"):
            raise HelmError(words)
        if namespace not in self.namespaces:
            raise HelmError(f'create: failed to create: namespaces "{namespace}" not found')
        if (namespace, name) in self.releases:
            raise HelmError("cannot re-use a name that is still in use")
        self.releases[namespace, name] = FakeRelease(
            str(spec.get("name", "")), dict(spec), self.now() + self.ready_after, [dict(spec)]
        )

    def upgrade(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        if words := self.fails.get("upgrade"):
            raise HelmError(words)
        release = self.releases.get((namespace, name))
        if release is None:
            raise HelmError(f'UPGRADE FAILED: "{name}" has no deployed releases')
        release.history.append(dict(spec))
        release.spec = dict(spec)  # the old pods go on until the new ones are ready: it stays available

    def rollback(self, namespace: str, name: str, revision: int) -> None:
        """To a revision, from 1 for the installation; 0: to the one before."""
        if (release := self.releases.get((namespace, name))) is not None:
            release.spec = release.history[revision - 1]

    def uninstall(self, namespace: str, name: str) -> None:
        if words := self.fails.get("uninstall"):
            raise HelmError(words)
        if (namespace, name) not in self.releases:
            raise HelmError(f"uninstall: Release not loaded: {name}: release: not found")
        del self.releases[namespace, name]

    def workloads(self, namespace: str, label: str) -> tuple[dict[str, str], dict[str, str]]:
        """States of Deployments and StatefulSets with this label."""
        deployments: dict[str, str] = {}
        stateful: dict[str, str] = {}
        for (where, _), release in self.releases.items():
            if where != namespace or release.label != label:
                continue
            ready = self.now() >= release.ready_at
            for module in release.spec.get("modules") or ():
                for name in DEPLOYMENTS.get(module, ()):
                    deployments[name] = "Available" if ready and name not in self.broken else "Undefined"
                stateful |= dict.fromkeys(STATEFUL_SETS.get(module, ()), "Available")  # 0 of 0 are ready at once
        return deployments, stateful

    def hosts(self, namespace: str, label: str) -> list[str] | None:
        found: list[str] = []
        for (where, _), release in self.releases.items():
            if where != namespace or release.label != label:
                continue
            given = release.spec.get("ingress") or {}
            for module in release.spec.get("modules") or ():
                if module in DEFAULT_HOSTS:
                    named = (given.get(module) or {}).get("hosts")
                    found += [host["name"] for host in named] if named else [DEFAULT_HOSTS[module]]
        return found or None

"""Providers of a site: the environments that run the tasks of its jobs.

FATE-Flow replaces a provider of the same name without a question, and forgets one while jobs run by it; both are
looked at here first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.clients.fate_flow.endpoints.provider import Device
from airflow_provider_fate.errors import (
    FateConflictError,
    FateFileNotFound,
    FateInvalidParameterError,
    FateProviderExists,
    FateServerError,
)
from airflow_provider_fate.site.records import UNFINISHED

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import Provider

__all__ = ["ProviderName", "Registration", "forget", "register"]

_NAME = re.compile(r"(?P<name>[A-Za-z0-9_]+):(?P<version>[A-Za-z0-9][A-Za-z0-9_.\-]*)@(?P<device>local|docker|k8s)")
_NEEDS: Mapping[Device, tuple[str, ...]] = {"local": ("path",), "docker": ("image", "base_url"), "k8s": ("image",)}
_TAKES: Mapping[Device, tuple[str, ...]] = {
    "local": ("path", "venv"),
    "docker": ("image", "base_url"),
    "k8s": ("image", "namespace"),
}


@dataclass(frozen=True, slots=True)
class ProviderName:
    """The name of a provider, as jobs write it: ``name:version@device``."""

    name: str
    version: str
    device: Device

    @classmethod
    def parse(cls, text: str) -> ProviderName:
        """Read it.

        :raises FateInvalidParameterError: it is none.
        """
        found = _NAME.fullmatch(str(text))
        if found is None:
            raise FateInvalidParameterError(
                f"provider={text!r} is not written 'name:version@device', with local, docker or k8s as device.",
                hint="Write 'fate:2.2.0-llm@local'.",
            )
        device: Any = found["device"]
        return cls(found["name"], found["version"], device)

    def __str__(self) -> str:
        return f"{self.name}:{self.version}@{self.device}"

    def require_own(self) -> None:
        """Refuse a name that FATE-Flow itself registers when it starts.

        :raises FateInvalidParameterError: it is one.
        """
        if self.device == "local" and re.fullmatch(r"\d+(\.\d+)*", self.version) and self.name in ("fate", "fate_flow"):
            raise FateInvalidParameterError(
                f"provider='{self}' may be the one that FATE-Flow registers itself whenever it starts.",
                hint=f"Give your own a version of its own, such as '{self.name}:{self.version}-llm@local'.",
            )


@dataclass(frozen=True)
class Registration:
    """What a provider consists of.

    :param name: its name.
    :param where: ``path`` and ``venv``, ``image`` and ``base_url``, or ``image`` and ``namespace``.
    """

    name: ProviderName
    where: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, provider: str, **where: str | None) -> Registration:
        """Check what somebody has written.

        :raises FateInvalidParameterError: the name is none, or its device needs other values.
        """
        name = ProviderName.parse(provider)
        name.require_own()
        given = {key: value for key, value in where.items() if value is not None}
        for key in _NEEDS[name.device]:
            if not given.get(key):
                raise FateInvalidParameterError(
                    f"{key}={given.get(key)!r}: a provider '...@{name.device}' needs it.",
                    hint=f"Give {key}.",
                )
        for key in given:
            if key not in _TAKES[name.device]:
                takes = " and ".join(_TAKES[name.device])
                raise FateInvalidParameterError(
                    f"{key}={given[key]!r}: a provider '...@{name.device}' has none.", hint=f"It has {takes}."
                )
        for key in ("path", "venv"):
            if key in given and (not given[key].startswith("/") or ":" in given[key]):
                raise FateInvalidParameterError(
                    f"{key}={given[key]!r} is not one absolute path on the server.",
                    hint="FATE-Flow takes one folder, and no list of them.",
                )
        return cls(name, given)


def find(flow: FlowClient, name: ProviderName) -> Provider | None:
    """Return the provider of this name; ``None``: the site has none."""
    found = flow.provider.query(name=name.name, version=name.version, device=name.device)
    return found[0] if found else None


def register(flow: FlowClient, wanted: Registration, *, overwrite: bool) -> bool:
    """Register a provider, and read it back; return whether anything has changed.

    :param overwrite: replace another one of this name.
    :raises FateProviderExists: there is another one, and ``overwrite`` is false.
    :raises FateConflictError: an unfinished job runs by it.
    :raises FateFileNotFound: a path does not exist on the server.
    """
    name = wanted.name
    there = find(flow, name)
    if there is not None and _same(there, wanted):
        return False
    if there is not None:
        if not overwrite:
            shown = ", ".join(
                f"{key}={value}" for key, value in there.metadata.items() if value and key in _TAKES["local"]
            )
            raise FateProviderExists(
                f"The site has another provider {name} already{f' ({shown})' if shown else ''}.",
                hint="Give another version, such as one with the day in it, or set overwrite=True to replace it.",
            )
        _refuse_used(flow, name)
    try:
        flow.provider.register(name.name, name.version, name.device, dict(wanted.where))
    except FateFileNotFound as e:
        paths = " or ".join(repr(wanted.where[key]) for key in ("path", "venv") if key in wanted.where)
        raise FateFileNotFound(
            f"The server of the site has no {paths}.",
            hint="Both are paths on the machine of FATE-Flow: path is a folder that is put before its packages (an "
            "empty one will do), venv the Python executable of the environment.",
        ) from e
    registered = find(flow, name)
    if registered is None or not _same(registered, wanted):
        raise FateServerError(f"FATE-Flow says that {name} is registered, and does not show it so.")
    return True


def forget(flow: FlowClient, name: ProviderName) -> bool:
    """Take a provider away from the site; return whether there was one.

    :raises FateInvalidParameterError: it is one of FATE-Flow's own.
    :raises FateConflictError: an unfinished job runs by it.
    """
    name.require_own()
    if find(flow, name) is None:
        return False
    _refuse_used(flow, name)
    flow.provider.delete(name=name.name, version=name.version, device=name.device)
    if find(flow, name) is not None:
        raise FateServerError(f"FATE-Flow says that {name} is forgotten, and still shows it.")
    return True


def _same(there: Provider, wanted: Registration) -> bool:
    return {key: value for key, value in there.metadata.items() if value} == dict(wanted.where)


def _refuse_used(flow: FlowClient, name: ProviderName) -> None:
    for record in flow.job.list(statuses=UNFINISHED, limit=0).jobs:
        if str(name) in _providers(record.dag):
            raise FateConflictError(
                f"Provider {name} is in use by job {record.job_id}. Nothing was changed.",
                job_id=record.job_id,
                hint="Wait until it has ended (retries and retry_delay do), or take another version.",
            )


def _providers(value: object) -> Iterator[str]:
    """Every provider that a job names, for all of it, for a task, or for a party."""
    if isinstance(value, Mapping):
        named = value.get("provider")
        if isinstance(named, str):
            yield named
        for inner in value.values():
            yield from _providers(inner)

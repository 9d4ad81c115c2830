"""What every backend of services can do: three verbs on one record, and two looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from airflow_provider_fate.serving.records import ChangeMark, ServedModel, Service, ServingSpec, Track, TrackTraffic

__all__ = ["ServingBackend"]


class ServingBackend(Protocol):
    """Keeps services: brings about what their specs say, one after the other, without a gap for clients.

    Promote, roll back, stop and so on are no verbs of it: they are the next spec (:mod:`.changes`). An instance belongs
    to the event loop that uses it.
    """

    async def check(self, name: str, model: ServedModel) -> ServedModel:
        """Look at a model before anything is changed; called by a task, not by a triggerer.

        :param name: of the service that is to have it.
        :returns: the same, with all that was found out: ``inputs``, ``width``, ``sha256``.
        :raises FateInputError: this backend cannot serve it: not there, changed, of the wrong format or shape.
        :raises FateConfigError: the backend cannot serve anything: not installed, no permission.
        """

    async def get(self, name: str) -> Service | None:
        """A service and where its newest generation stands; ``None``: there is none of this name.

        :raises FateConnectionError: the backend cannot be asked.
        """

    async def look(self, name: str) -> Service | None:
        """The same for whoever waits, together with many others: it may be a moment old.

        :raises FateConnectionError: the backend cannot be asked.
        """

    async def apply(self, name: str, spec: ServingSpec, *, expected: int | None, mark: ChangeMark | None) -> int:
        """Say what a service shall be, and come back at once; :meth:`get` tells what becomes of it.

        :param expected: its generation when the spec was made of it; ``None``: it was not there.
        :param mark: stored with the spec.
        :returns: the new generation.
        :raises FateConflictError: somebody has changed it meanwhile; nothing was done.
        """

    async def delete(self, name: str) -> bool:
        """Take a service away for good.

        :returns: whether there was one.
        """

    async def traffic(self, name: str) -> Mapping[Track, TrackTraffic] | None:
        """What its live versions were asked; ``None``: this backend does not count."""

    async def close(self) -> None:
        """Let go of connections."""

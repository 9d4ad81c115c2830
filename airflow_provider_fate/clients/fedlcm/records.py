"""``fedlcm.charts``, ``fedlcm.events``, ``fedlcm.certificates``, ``fedlcm.authority``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_fate.clients.http import Group, Once, Reply, Request, Transport, endpoint, get, post

from .models import Authority, Certificate, Chart, ChartType, EventLog, LcmEvent
from .reading import THERE_OR_NOT, many, moment, nothing, or_none

__all__ = ["AuthorityGroup", "CertificateGroup", "EventGroup", "LcmChartGroup"]


class LcmChartGroup(Group[Transport]):
    """Charts. They are built in; FATE 1.11.1 is the newest."""

    @endpoint
    def list(self, kind: ChartType | None = None) -> Request[list[Chart]]:
        """Return all of a kind. Those of OpenFL are there only where FedLCM's experiments are switched on."""
        return get("/chart", many(Chart), params={} if kind is None else {"type": int(kind)})

    @endpoint
    def get(self, uuid: str) -> Request[Chart | None]:
        """Return one; ``None``: there is none."""
        return get(f"/chart/{uuid}", or_none(Chart), accept=THERE_OR_NOT)


class EventGroup(Group[Transport]):
    """What has happened."""

    @endpoint
    def of(self, uuid: str) -> Request[EventLog]:
        """Return what has happened to an endpoint or a participant, also to one that is gone."""
        return get(f"/event/{uuid}", _event_log)


class CertificateGroup(Group[Transport]):
    """Certificates that FedLCM has issued."""

    @endpoint
    def list(self) -> Request[list[Certificate]]:
        """Return all."""
        return get("/certificate", many(Certificate))

    @endpoint
    def delete(self, uuid: str) -> Request[None]:
        """Forget one that nothing uses, if it is there. It is not revoked."""
        return Request("DELETE", f"/certificate/{uuid}", nothing, accept=THERE_OR_NOT)


class AuthorityGroup(Group[Transport]):
    """The certificate authority."""

    @endpoint
    def get(self) -> Request[Authority | None]:
        """Return it; ``None``: none is configured."""
        return get("/certificate-authority", lambda reply: reply.data and Authority.model_validate(reply.data))

    @endpoint
    def built_in(self) -> Request[dict[str, Any]]:
        """Return the configuration of the one that comes with FedLCM; holds its password."""
        return get("/certificate-authority/built-in-ca", lambda reply: dict(reply.data))

    @endpoint
    def create(self, name: str, config: Mapping[str, Any], description: str = "") -> Request[None]:
        """Configure it: ``config`` is that of a StepCA.

        :raises FateConflictError: there is one.
        """
        return post("/certificate-authority", nothing, json=_authority(name, config, description), once=Once.SUBMIT)

    @endpoint
    def update(self, uuid: str, name: str, config: Mapping[str, Any], description: str = "") -> Request[None]:
        """Configure it anew."""
        given = _authority(name, config, description)
        return Request("PUT", f"/certificate-authority/{uuid}", nothing, json=given, once=Once.ACT)


def _authority(name: str, config: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "description": description, "type": 1, "config": dict(config)}


def _event_log(reply: Reply) -> EventLog:
    found = [LcmEvent.model_validate(one) for one in reply.data or ()]
    found.sort(key=lambda event: event.created.timestamp() if event.created else 0.0)
    return EventLog(events=found, asked=moment(reply.date))

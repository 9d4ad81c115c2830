"""What a deployed participant is, for those who use it: addresses, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateNotFoundError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import Access
    from airflow_provider_fate.remote.kinds.fedlcm import Member, ParticipantRef

__all__ = ["describe"]

PORTAL = "frontend"
"""FedLCM's name of the service in front of a site portal."""


def describe(ref: ParticipantRef, one: Member | None) -> dict[str, Any]:
    """Describe it as JSON.

    :raises FateNotFoundError: it has been removed meanwhile.
    """
    from airflow_provider_fate.clients.fedlcm import FateParticipant

    if one is None:
        raise FateNotFoundError(f"{ref.id} was removed just after it was ready.")
    told: dict[str, Any] = {
        "namespace": one.namespace,
        "status": one.status.name.lower(),
        "access": {service: f"{access.host}:{access.port}" for service, access in sorted(one.access.items())},
    }
    if isinstance(one, FateParticipant):
        scheme = {name: "https" if page.tls else "http" for name, page in one.pages.items()}
        pages = {name: f"{scheme[name]}://{page.hosts[0]}" for name, page in sorted(one.pages.items()) if page.hosts}
        told |= {
            "version": one.version,
            "party_id": str(one.party_id) if one.party_id else None,
            "managed": one.is_managed,
            "pages": pages,
            "portal_connection": _portal(one.access.get(PORTAL)),
        }
    return told


def _portal(access: Access | None) -> dict[str, Any] | None:
    """A connection of the type ``fate_site_portal`` without credentials."""
    if access is None:
        return None
    return {
        "conn_type": "fate_site_portal",
        "host": access.host,
        "port": access.port,
        "login": "Admin",
        "extra": {"tls": access.tls},
    }

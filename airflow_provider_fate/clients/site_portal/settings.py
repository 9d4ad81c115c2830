"""Where a site portal is, who asks, and with which certificate."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_fate.clients.fedlcm.envelope import GinEnvelope
from airflow_provider_fate.clients.fedlcm.settings import GinSettings
from airflow_provider_fate.errors import FateConfigError

__all__ = ["PortalEnvelope", "PortalSettings"]


class PortalEnvelope(GinEnvelope):
    """The site portal of FedLCM 0.3.0, for FATE 1.x."""

    service = "The site portal"
    known = "FedLCM's site portal v0.3.0"
    default_port = 8443
    created = "The job"
    who_may = "Let the user 'Admin' of the portal give this one access."


@dataclass(frozen=True, slots=True)
class PortalSettings(GinSettings):
    """Settings of a site portal. Its server asks for a certificate where it speaks TLS; its ``frontend`` does not.

    :param client_certificate: path of the PEM file with the certificate, and its key unless ``client_key`` names it.
    :param client_key: path of the PEM file with the key.
    """

    client_certificate: str | None = field(default=None, kw_only=True)
    client_key: str | None = field(default=None, kw_only=True)

    def envelope(self) -> GinEnvelope:
        """The portal's."""
        return PortalEnvelope()

    def __post_init__(self) -> None:
        GinSettings.__post_init__(self)
        if self.client_key and not self.client_certificate:
            raise FateConfigError(
                "there is a client key, and no client certificate.", hint="Give both, or the certificate alone."
            )

    @property
    def own_certificate(self) -> tuple[str, str | None] | None:
        """Paths of certificate and key."""
        return (self.client_certificate, self.client_key) if self.client_certificate else None

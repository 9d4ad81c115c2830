"""The connection type ``fate_site_portal``: where the site portal of FedLCM is, and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from airflow_provider_fate.hooks._login import LoginService
from airflow_provider_fate.hooks.form import Extra, Form

if TYPE_CHECKING:
    from airflow_provider_fate.clients.site_portal import PortalClient, PortalSettings

__all__ = ["SitePortal"]


class SitePortal(LoginService):
    """A site portal, as an Airflow connection describes it.

    :param client_certificate: certificate that is shown to the portal's own server, which asks for one with TLS.
    :param client_key: its key; ``None``: it is in the same file.
    """

    form: ClassVar[Form] = Form(
        "fate_site_portal",
        name="Site portal (FATE 1.x)",
        what="a site portal",
        hook="airflow_provider_fate.hooks.site_portal.SitePortalHook",
    )

    client_certificate: Annotated[
        str | None,
        Extra(
            "Client certificate",
            "Path, on the workers and the triggerer, of a PEM file. The portal's own server (port 8443) asks for it; "
            "its frontend does not.",
        ),
    ] = None
    client_key: Annotated[
        str | None, Extra("Client key", "Path of the key's PEM file. Empty: it is in that of the certificate.")
    ] = None

    def settings(self) -> PortalSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.site_portal import PortalSettings

        return PortalSettings(**self.given, client_certificate=self.client_certificate, client_key=self.client_key)

    def client(self) -> PortalClient:
        """Open a client; close it."""
        from airflow_provider_fate.clients.site_portal import PortalClient

        return PortalClient(self.settings())

    def check(self) -> str:
        """Log in, and report whose portal it is, and with what it is connected.

        :raises FateError: it cannot be worked with.
        """
        with self.client() as portal:
            user = portal.server.user()
            site = portal.site.get()
            projects = len(portal.projects.list().joined)
        flow = "connected" if site.flow_connected else "not connected"
        manager = "registered" if site.fml_manager_connected else "not registered, so there are no other sites"
        return (
            f"Site portal of {site.name or 'a site without a name'} (party {site.party_id or 'not configured'}) at "
            f"{self.settings().root_url}, user {user}, FATE-Flow: {flow}, FML manager: {manager}, {projects} projects"
            f"{self.plain}."
        )


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(SitePortal, name)

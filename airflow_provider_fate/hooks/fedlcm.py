"""The connection type ``fedlcm``: where FedLCM is, and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_fate.hooks._login import LoginService
from airflow_provider_fate.hooks.form import Form

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import FedlcmClient, FedlcmSettings

__all__ = ["FedlcmService"]


class FedlcmService(LoginService):
    """FedLCM, as an Airflow connection describes it."""

    form: ClassVar[Form] = Form(
        "fedlcm",
        name="FedLCM",
        what="a FedLCM",
        hook="airflow_provider_fate.hooks.fedlcm.FedlcmHook",
    )

    def settings(self) -> FedlcmSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.fedlcm import FedlcmSettings

        return FedlcmSettings(**self.given)

    def client(self) -> FedlcmClient:
        """Open a client; close it."""
        from airflow_provider_fate.clients.fedlcm import FedlcmClient

        return FedlcmClient(self.settings())

    def check(self) -> str:
        """Log in, and report what there is to deploy through, and to.

        :raises FateError: it cannot be worked with.
        """
        from airflow_provider_fate.clients.fedlcm import EndpointStatus

        with self.client() as fedlcm:
            user = fedlcm.server.user()
            status = fedlcm.server.status()
            endpoints = fedlcm.endpoints.list()
            federations = len(fedlcm.federations.list())
            authority = fedlcm.authority.get()
        ready = sum(one.status is EndpointStatus.READY for one in endpoints)
        certificates = authority.status.name.lower() if authority else "none"
        openfl = "offered" if status.experiments else "not offered"
        where = self.settings().root_url
        return (
            f"FedLCM ({status.version}, {status.commit or 'commit not said'}) at {where}, user {user}, "
            f"{ready} of {len(endpoints)} KubeFATEs ready, {federations} federations, certificate authority: "
            f"{certificates}, OpenFL: {openfl}{self.plain}."
        )


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(FedlcmService, name)

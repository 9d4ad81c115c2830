"""The connection type ``kubefate``: where KubeFATE's service is, and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from airflow_provider_fate.hooks._http import HttpService
from airflow_provider_fate.hooks.form import Extra, Form, Standard

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubefate import KubefateClient, KubefateSettings

__all__ = ["KubefateService"]


class KubefateService(HttpService):
    """KubeFATE's service, as an Airflow connection describes it.

    :param host: name or address of the service, or of the Ingress in front of it.
    :param port: its port; ``None``: 443 with TLS, else 80, the port of an Ingress.
    :param user: user of KubeFATE.
    :param password: the user's password; never shown.
    :param host_header: the name that the Ingress answers to, where ``host`` is another one, or an address.
    """

    form: ClassVar[Form] = Form(
        "kubefate",
        name="KubeFATE",
        what="a KubeFATE service",
        hook="airflow_provider_fate.hooks.kubefate.KubefateHook",
    )

    host: Annotated[
        str,
        Standard(
            "host",
            "Host",
            "Name or address of KubeFATE's service, or of the Ingress in front of it: no scheme, no path.",
            placeholder="kubefate.example.org",
        ),
    ]
    port: Annotated[
        int | None,
        Standard(
            "port",
            "Port",
            "Its port. Empty: 443 with TLS, else 80, which Ingresses have; the service itself listens on 8080.",
        ),
    ] = Field(default=None, ge=1, le=65535)
    user: Annotated[str, Standard("login", "User name", "User of KubeFATE.", placeholder="admin")]
    password: Annotated[str, Standard("password", "Password", "The user's password in KubeFATE.")] = Field(repr=False)
    host_header: Annotated[
        str | None,
        Extra(
            "Host header",
            "Name that the Ingress answers to, where the host above is only an address of it. Empty: the host.",
        ),
    ] = None

    def settings(self) -> KubefateSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.kubefate import KubefateSettings

        return KubefateSettings(**self.reached, user=self.user, password=self.password, host_header=self.host_header)

    def client(self) -> KubefateClient:
        """Open a client; close it."""
        from airflow_provider_fate.clients.kubefate import KubefateClient

        return KubefateClient(self.settings())

    def check(self) -> str:
        """Log in, and report the version, the clusters, and whether Kubernetes can be asked.

        :raises FateError: it cannot be worked with.
        """
        from airflow_provider_fate.errors import FateProxyError

        with self.client() as kubefate:
            version = kubefate.server.version()
            clusters = len(kubefate.clusters.list())
            try:
                kubernetes = f"{len(kubefate.server.namespaces())} namespaces"
            except FateProxyError as e:
                kubernetes = f"its Kubernetes cannot be asked for namespaces ({e.excerpt})"
        name = f" as {self.host_header}" if self.host_header else ""
        plain = "" if self.tls else "; the password travels in plain text"
        return (
            f"KubeFATE {version} at {self.settings().root_url}{name}, user {self.user}, {clusters} clusters, "
            f"{kubernetes}{plain}."
        )


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(KubefateService, name)

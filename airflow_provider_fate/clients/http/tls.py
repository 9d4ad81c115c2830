"""Whom to trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from airflow_provider_fate.errors import FateTlsError

from .settings import HttpSettings

__all__ = ["trouble_of", "trusted"]


def trusted(settings: HttpSettings) -> ssl.SSLContext | bool:
    """Return what httpx checks certificates with, and shows its own with, where the settings have one.

    :raises FateTlsError: the authorities, or the own certificate, cannot be read.
    """
    if settings.scheme == "http":
        return False  # loading the authorities takes tens of milliseconds, and nothing would use them
    own = settings.own_certificate
    if settings.verify is False and own is None:
        return False
    context = _context(settings.verify)
    if own is not None:
        certificate, key = own
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise FateTlsError(
                f"client certificate {certificate!r} cannot be used{f' with key {key!r}' if key else ''}: {error}",
                hint="Give the paths of PEM files that this process can read, and a key without a password.",
                sent=False,
            ) from error
    return context


def _context(verify: bool | str) -> ssl.SSLContext:
    if verify is True:
        # httpx trusts the authorities that come with it; companies install theirs into the system.
        context = httpx.create_ssl_context()
        context.load_default_certs()
        return context
    if verify is False:
        return httpx.create_ssl_context(verify=False)
    place = Path(verify)
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=str(place))
        return ssl.create_default_context(cafile=str(place))
    except (OSError, ssl.SSLError) as error:
        raise FateTlsError(
            f"CA file {verify!r} cannot be used: {error}",
            hint="Give the path of a PEM file that this process can read.",
            sent=False,
        ) from error


def trouble_of(error: BaseException) -> str | None:
    """Return what TLS says is wrong, if it is TLS that an error comes from."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError) or "[SSL" in str(seen):
            return str(seen)
        seen = seen.__cause__ or seen.__context__
    return None

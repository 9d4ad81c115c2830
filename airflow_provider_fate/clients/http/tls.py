"""Whom to trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from airflow_provider_fate.errors import FateTlsError

from .settings import HttpSettings

__all__ = ["trouble_of", "trusted"]


def trusted(settings: HttpSettings) -> ssl.SSLContext | bool:
    """Return what httpx checks certificates with, and shows of the caller's own.

    :raises FateTlsError: a file cannot be read.
    """
    if settings.scheme == "http":
        return False  # loading the authorities takes tens of milliseconds, and nothing would use them
    if settings.client_cert is None:
        return False if settings.verify is False else _context(settings)
    context = _context(settings)
    try:
        context.load_cert_chain(*settings.client_cert)
    except (OSError, ssl.SSLError) as error:
        raise FateTlsError(
            f"Client certificate {settings.client_cert[0]!r} with its key cannot be used: {error}",
            hint="Give the paths of PEM files that this process can read.",
            sent=False,
        ) from error
    return context


def _context(settings: HttpSettings) -> ssl.SSLContext:
    if isinstance(settings.verify, bool):
        # httpx trusts the authorities that come with it; companies install theirs into the system.
        context = httpx.create_ssl_context(verify=settings.verify)
        if settings.verify:
            context.load_default_certs()
        return context
    place = Path(settings.verify)
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=str(place))
        return ssl.create_default_context(cafile=str(place))
    except (OSError, ssl.SSLError) as error:
        raise FateTlsError(
            f"CA file {settings.verify!r} cannot be used: {error}",
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

"""The network's failures, in our words."""

from __future__ import annotations

from typing import Any

import httpx

from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateConnectionError,
    FateError,
    FateTimeout,
    FateTlsError,
    FateUnreachable,
)

from .envelope import Envelope
from .request import Once, Request
from .settings import HttpSettings
from .tls import trouble_of

__all__ = ["final", "translate"]


def translate(
    envelope: Envelope, settings: HttpSettings, request: Request[Any], error: httpx.HTTPError
) -> FateConnectionError:
    """Return our exception for one of the network."""
    where, service = settings.address, envelope.service
    context = envelope.about(request)
    sent = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    # Once the request is out, a broken TLS stream is a lost answer like any other.
    if not sent and (tls := trouble_of(error)):
        hint = (
            f"{service} speaks plain HTTP there: set the scheme to 'http', or give the port of the TLS proxy."
            if "WRONG_VERSION_NUMBER" in tls or "RECORD_LAYER" in tls
            else "Give the CA's file on the connection; switching verification off gives up protection."
        )
        return FateTlsError(f"No TLS connection to {where}: {tls}", hint=hint, sent=False, **context)
    if sent and "CERTIFICATE_REQUIRED" in (tls := trouble_of(error) or ""):
        # TLS 1.3 tells of it after the client has begun to speak.
        return FateTlsError(
            f"{service} at {where} wants a certificate of the caller: {tls}",
            hint="Give the files of the client certificate on the connection.",
            **context,
        )
    if isinstance(error, httpx.TimeoutException):
        patience = settings.timeout if not sent or not request.slow else settings.submit_timeout
        doing = "did not accept a connection" if not sent else "did not answer"
        return FateTimeout(
            f"{service} at {where} {doing} within {patience:g} s.",
            hint="It may be overloaded, or a firewall drops what is sent to it.",
            sent=sent,
            **context,
        )
    if not sent:
        return FateUnreachable(
            f"{service} at {where} is not reached: {str(error) or type(error).__name__}",
            hint=f"Check host and port of the connection, and that {service} runs.",
            sent=False,
            **context,
        )
    return FateUnreachable(
        f"The connection to {service} at {where} broke: {str(error) or type(error).__name__}",
        hint=f"{service}, or a proxy before it, may have been restarted.",
        **context,
    )


def final(envelope: Envelope, request: Request[Any], error: FateConnectionError) -> FateError:
    """Return what the caller is told when no repeat is left."""
    if request.once is Once.SUBMIT and error.sent:
        return FateAmbiguousSubmitError(
            f"The answer to {request.endpoint} was lost: {error.message}",
            hint=f"{envelope.created} may exist. Look for it before submitting again.",
            endpoint=request.endpoint,
        )
    return error

"""The Test button of a FATE connection: one sentence that names what is wrong and what to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_provider_fate.clients.flow import FlowClient
from airflow_provider_fate.errors import FateAuthError, FateError, FateWrongPartyError
from airflow_provider_fate.hooks.site import FateSite


def verify_party(site: FateSite, flow: FlowClient) -> str:
    """Compare the connection's party id with what the server says of itself.

    :returns: how the site answered, for people: ``party 9999`` or ``standalone``.
    :raises FateWrongPartyError: the server is somebody else.
    """
    info = flow.site.info()
    if info.standalone or info.party_id is None:
        return "standalone, serves every party"
    if site.party_id is not None and info.party_id != site.party_id:
        raise FateWrongPartyError(
            f"Connection {site.conn_id!r} says party id {site.party_id!r}, but the FATE-Flow at "
            f"{site.host}:{site.port} is party {info.party_id!r}.",
            hint="Correct the party id of the connection, or its host: it may point at another party's site.",
        )
    return f"party {info.party_id}"


def check_site(read: Callable[[], FateSite]) -> tuple[bool, str]:
    """Connect and report version, party and authentication.

    :param read: gives the site; may raise.
    :returns: whether it can be used, and a sentence for the person who pressed Test.
    """
    try:
        site = read()
        with FlowClient(site.settings()) as flow:
            version = flow.server.version().version
            who = verify_party(site, flow)
        auth = f"requests signed as app {site.app_id!r}" if site.app_id else "requests not signed"
        if site.app_id and not asks_who(site):
            auth += "; this site does not check who asks, so the app id and token were not tested"
    except FateError as e:
        return False, f"{type(e).__name__}: {e}"
    return True, f"FATE-Flow {version} at {site.host}:{site.port}, {who}, {auth}."


def asks_who(site: FateSite) -> bool:
    """Whether the site refuses requests that nobody has signed; if it does not, a wrong token goes unnoticed."""
    with FlowClient(replace(site.settings(), app=None)) as flow:
        try:
            flow.job.list(limit=1)
        except FateAuthError:
            return True
    return False

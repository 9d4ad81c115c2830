"""Trust between two sites: each signs what it says with an app that the other has made for it.

FATE has no channel for the exchange: an invitation, a file with an app id and its token, goes from operator to operator
by whatever way they trust.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from airflow_provider_fate.clients.fate_flow.names import check_id
from airflow_provider_fate.errors import FateConflictError, FateInputError, FateServerError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient

__all__ = ["Partner", "accept", "invite", "partner"]

SITE_ROLE: Literal["site"] = "site"


@dataclass(frozen=True)
class Partner:
    """What this site knows of a partner; never a token.

    :param party_id: the partner.
    :param invited: whether it has an app here, with the role that lets it ask.
    :param accepted: whether this site has an app there.
    """

    party_id: str
    invited: bool
    accepted: bool

    @property
    def lacking(self) -> str:
        """What is missing, in words; empty where both can sign what they say to each other."""
        said = []
        if not self.invited:
            said.append("it cannot ask this site: give it an invitation (exchange --give)")
        if not self.accepted:
            said.append("this site cannot ask it: take its invitation (exchange --take)")
        return "; ".join(said)


def partner(flow: FlowClient, party_id: str) -> Partner:
    """Look at what this site knows of a partner.

    :raises FateNotOfferedError: the site authenticates neither clients nor partners.
    """
    check_id("partner", party_id)
    apps = flow.app.query_sites(party_id)
    invited = any(SITE_ROLE in flow.permission.query(app.app_id) for app in apps)
    return Partner(party_id, invited, bool(flow.app.query_partners(party_id)))


def invite(flow: FlowClient, party_id: str, file: Path) -> bool:
    """Make an app for a partner, if there is none, and write its id and token for the partner's operator.

    :param file: where to; must not exist, and only its owner can read it.
    :returns: whether the app is new.
    :raises FateConflictError: the file exists.
    """
    check_id("partner", party_id)
    own = flow.site.info().party_id
    if file.exists():
        raise FateConflictError(f"{file} exists.", hint="Name a file that does not: an invitation is a secret.")
    apps = flow.app.query_sites(party_id)
    app = apps[0] if apps else flow.app.create_site(party_id)
    flow.permission.grant(app.app_id, SITE_ROLE)
    if app.app_token is None:
        raise FateServerError(f"FATE-Flow does not tell the token of app {app.app_id}.")
    invitation = {"from": own, "to": party_id, "app_id": app.app_id, "app_token": app.app_token.get_secret_value()}
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as handle:
        json.dump(invitation, handle, indent=1)
    return not apps


def accept(flow: FlowClient, party_id: str, file: Path) -> None:
    """Store what a partner's invitation says.

    :raises FateInputError: the file is none, is of another partner, or for another site.
    """
    check_id("partner", party_id)
    try:
        data = json.loads(file.read_text())
        given = {name: str(data[name]) for name in ("from", "to", "app_id", "app_token")}
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise FateInputError(
            f"{file} is not an invitation ({type(e).__name__}).",
            hint="The partner writes one with: airflow fate partner exchange <this party> --give FILE",
        ) from None
    own = flow.site.info().party_id
    if given["from"] != party_id or given["to"] != own:
        raise FateInputError(
            f"{file} is an invitation from party {given['from']} to party {given['to']}, not from {party_id} to {own}.",
            hint="Take the file that this partner has made for this site, or name the other partner or connection.",
        )
    if flow.app.query_partners(party_id):
        flow.app.delete_partner(party_id)
    flow.app.create_partner(party_id, app_id=given["app_id"], app_token=SecretStr(given["app_token"]))

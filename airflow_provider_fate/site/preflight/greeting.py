"""The first words with a site: whether it answers, as what, and whether it lets this client in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import (
    FateAuthError,
    FateClockSkewError,
    FateConfigError,
    FateError,
    FateWrongPartyError,
)
from airflow_provider_fate.hooks.fate import asks_who, verify_party
from airflow_provider_fate.site.federation_check import KNOWN_RELEASE
from airflow_provider_fate.site.preflight.check import (
    CheckResult,
    PreflightCheck,
    failed,
    of_error,
    passed,
    unknown,
    warned,
)

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import SiteInfo
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["Greeting", "greet", "of_clock", "of_signature", "signature_check"]

OLDEST = (2, 1)
"""Earlier releases cannot run the failed tasks of a job again."""
TOLERATED = 30.0
"""So many seconds may be between the clocks: half of what FATE-Flow tolerates in a signature."""


@dataclass(frozen=True)
class Greeting:
    """What a site said first.

    :param checks: that it is reached, its version, and its party.
    :param info: whose site it is; ``None``: nothing else can be asked of it.
    :param offset: seconds by which its clock is ahead of this one's, to about one; ``None``: it did not say.
    :param refused: why it does not let this client in, where that is so.
    """

    checks: list[PreflightCheck] = field(default_factory=list)
    info: SiteInfo | None = None
    offset: float | None = None
    refused: FateAuthError | None = None

    @property
    def now(self) -> float:
        """Unix time by the server's clock."""
        return time.time() + (self.offset or 0.0)


def greet(session: SiteSession) -> Greeting:
    """Ask a site for its version and its party."""
    where = f"{session.site.host}:{session.site.port}"
    began = time.time()
    try:
        version = session.client.server.version()
        middle = (began + time.time()) / 2
        info = session.client.site.info()
    except FateAuthError as error:
        return Greeting([passed("reachable", f"FATE-Flow at {where} answers")], refused=error)
    except FateConfigError as error:
        return Greeting([passed("reachable", f"{where} answers"), of_error("version", error)])
    except FateError as error:
        return Greeting([of_error("reachable", error)])
    checks = [passed("reachable", f"FATE-Flow at {where} answers"), _version(version.version)]
    try:
        checks.append(_party(session))
    except FateWrongPartyError as error:  # what it has is not what was asked about
        return Greeting([*checks, of_error("party", error)])
    except FateError as error:
        return Greeting([*checks, of_error("party", error, CheckResult.WARN)], info)
    # The header has whole seconds, cut off: half of one is what it is off by on average.
    offset = None if version.clock is None else version.clock.timestamp() + 0.5 - middle
    return Greeting(checks, info, offset)


def _version(text: str) -> PreflightCheck:
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if numbers < OLDEST:
        return failed(
            "version",
            f"FATE-Flow {text}; before 2.1 it cannot run failed tasks again",
            f"Upgrade the site to FATE {KNOWN_RELEASE}x, or point the connection at such a site.",
        )
    if not text.startswith(KNOWN_RELEASE):
        found = f"FATE-Flow {text}; this provider is written for {KNOWN_RELEASE}x"
        return warned("version", found, "Ask your partners whether they run the same release, and try a small job.")
    return passed("version", f"FATE-Flow {text}")


def _party(session: SiteSession) -> PreflightCheck:
    """Whether the site is the one that the connection means."""
    who = verify_party(session.site, session.client)
    if session.site.party_id is None:
        advice = "Set the party id of the connection: without it nobody notices a wrong host."
        return warned("party", f"{who}; the connection names no party id", advice)
    return passed("party", who)


def signature_check(session: SiteSession) -> Iterator[PreflightCheck]:
    """Whether the site accepts how requests are signed."""
    app = session.site.app_id
    if app is None:
        session.client.job.list(limit=1)
        yield passed("signature", "requests are not signed, and the site does not ask for it")
    elif asks_who(session.client.settings):
        yield passed("signature", f"requests signed as app {app!r} are accepted")
    else:
        found = f"this site does not check who asks, so that the token of app {app!r} was not tested"
        yield unknown("signature", found, "Nothing to do, unless the site is to check it (authentication.client).")


def of_signature(greeting: Greeting) -> Iterator[PreflightCheck]:
    """A site that does not let this client in."""
    if greeting.refused is not None:
        yield of_error("clock" if isinstance(greeting.refused, FateClockSkewError) else "signature", greeting.refused)


def of_clock(greeting: Greeting) -> Iterator[PreflightCheck]:
    """How far the two clocks are apart, at a site that has not refused a signature for it."""
    if greeting.offset is None:
        yield unknown("clock", "the site's answer has no time", "Look at both machines: they should keep NTP time.")
        return
    apart = greeting.offset
    found = f"the server's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's"
    advice = "Set both clocks by NTP."
    if abs(apart) >= TOLERATED:
        yield warned("clock", found, f"{advice} Times in logs, and sensors that compare times, are off by as much.")
    else:
        yield passed("clock", "less than 2 s apart" if abs(apart) < 2 else found)

"""Whether the FATE-Flow of a new cluster answers: the only proof that FATE works there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow_provider_fate.clients.fate_flow import AsyncFlowClient, FlowSettings
from airflow_provider_fate.errors import FateAuthError, FateConfigError, FateError, FateNotFlowError, FateVersionError

__all__ = ["FlowAnswer", "ask_flow", "flow_settings"]

PATIENCE = 5.0
"""Seconds for one try."""


@dataclass(frozen=True)
class FlowAnswer:
    """What came back.

    :param version: as FATE-Flow says it; ``None``: it answers, and does not tell.
    :param words: why it did not answer.
    """

    answered: bool
    version: str | None = None
    words: str = ""


def flow_settings(url: str) -> FlowSettings:
    """Read an address.

    :raises FateConfigError: it is none, or holds a user name.
    """
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or not place.hostname or place.username or place.path.strip("/"):
        raise FateConfigError(
            "flow_url is not the address of a FATE-Flow.", hint="Write it like 'http://10.0.0.5:30097'."
        )
    port = place.port or (443 if place.scheme == "https" else 9380)
    return FlowSettings(
        place.hostname, port, "https" if place.scheme == "https" else "http", timeout=PATIENCE, retries=0
    )


async def ask_flow(url: str) -> FlowAnswer:
    """Ask once. A refusal is an answer, and so is a FATE-Flow 1.x."""
    client = AsyncFlowClient(flow_settings(url))
    try:
        return FlowAnswer(True, (await client.server.version()).version)
    except (FateAuthError, FateVersionError):
        return FlowAnswer(True)
    except (FateNotFlowError, FateError) as e:
        return FlowAnswer(False, words=e.message)
    finally:
        await client.close()

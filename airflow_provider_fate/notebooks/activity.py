"""What goes on in a JupyterLab: asked by its own API, without being taken for somebody who works there."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_fate.errors import FateAuthError, FateConnectionError

__all__ = ["NotebookActivity", "ask_activity"]

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class NotebookActivity:
    """Who works in a notebook.

    :param last: when something was last done in a kernel or terminal; where there are none, when it was last asked for
        anything.
    :param kernels: how many kernels there are.
    :param busy: how many of them compute right now.
    """

    last: datetime
    kernels: int
    busy: int

    def idle_seconds(self, now: datetime | None = None) -> float:
        """Seconds since the last activity; 0 while a kernel computes, however long that takes."""
        return 0.0 if self.busy else max(0.0, ((now or datetime.now(UTC)) - self.last).total_seconds())


def ask_activity(url: str, token: str, timeout: float = 10.0) -> NotebookActivity:
    """Ask a JupyterLab.

    An open page asks for kernels and files every few seconds, which JupyterLab counts as activity of its own: somebody
    who has left a tab open for the weekend does not work. So kernels and terminals count where there are any.

    :param url: its address, with its base path.
    :raises FateConnectionError: it does not answer.
    :raises FateAuthError: the token is not its own.
    """

    def ask(path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310  # http(s): a notebook's own address
            f"{url.rstrip('/')}/api/{path}?no_track_activity=1", headers={"Authorization": f"token {token}"}
        )
        try:
            with _OPENER.open(request, timeout=timeout) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise FateAuthError(f"JupyterLab at {url} does not take the token.") from None
            raise FateConnectionError(f"JupyterLab at {url} answers with status {error.code}.") from None
        except (OSError, ValueError) as error:
            raise FateConnectionError(f"JupyterLab at {url} does not answer: {error}") from None

    kernels = ask("kernels")
    work = [*kernels, *ask("terminals")]
    last = [_time(one["last_activity"]) for one in work] or [_time(ask("status")["last_activity"])]
    busy = sum(kernel["execution_state"] not in ("idle", "dead") for kernel in kernels)
    return NotebookActivity(max(last), len(kernels), busy)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

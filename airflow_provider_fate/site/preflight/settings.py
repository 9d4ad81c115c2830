"""The settings of a server that decide on jobs: those that it tells, and those that one has to look up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_fate.site.preflight.check import PreflightCheck, passed, unknown

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import ServerConfiguration

__all__ = ["settings_check"]

HIDDEN = (
    ("job_cores", "cores that a job claims on each party where it names none; 4 where nobody has changed it"),
    ("task_timeout", "seconds after which a task is ended; 259200, three days, where nobody has changed it"),
)
"""Settings that FATE-Flow's interface does not tell, and what they decide."""
PLACE = "Look there: fate_flow/conf/job_default_config.yaml on the server."


def settings_check(server: ServerConfiguration | None) -> Iterator[PreflightCheck]:
    """Say what the server tells, and where the rest stands."""
    if server is None:
        found = "the server does not tell its configuration to this client"
        yield unknown("settings", found, "Look there: service_conf.yaml of the server; ask its operator.")
    else:
        yield passed("settings", "; ".join(_told(server)))
    for name, meaning in HIDDEN:
        yield unknown(f"setting {name}", f"not checkable: {meaning}", PLACE)


def _told(server: ServerConfiguration) -> Iterator[str]:
    engines = [
        f"{kind} {server.value('DEFAULT_ENGINES', kind) or '?'}" for kind in ("computing", "federation", "storage")
    ]
    yield f"engines: {', '.join(engines)}"
    if server.cores is not None:
        yield f"{server.cores} cores"
    checked = [kind for kind in ("client", "site", "permission") if server.value("AUTHENTICATION", kind)]
    yield f"authentication of {', '.join(checked)}" if checked else "nobody is authenticated"
    if proxy := server.value("FATEFLOW", "proxy_name"):
        yield f"proxy {proxy}"

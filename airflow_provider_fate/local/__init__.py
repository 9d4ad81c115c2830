"""A real FATE 2.2 on this machine, for the demo, for tests and for a laptop.

::

    fate = LocalFate()
    address = fate.start(progress=print)      # installs FATE on first use (about 1.2 GB), a second start takes seconds
    print(fate.airflow_connection.environment("fate_default"))
    fate.stop()

Several sites that know each other, as on machines of their own: :class:`LocalFederation`.

From a shell: ``fate-local start|stop|status|logs|connection|install|reset``.
"""

from __future__ import annotations

from airflow_provider_fate.local.connection import AirflowConnection
from airflow_provider_fate.local.errors import InstallError, LocalFateError, StartError, StopError
from airflow_provider_fate.local.federation import LocalFederation, Membership
from airflow_provider_fate.local.installation import Installation
from airflow_provider_fate.local.instance import LocalFate
from airflow_provider_fate.local.state import Address, RunState, Settings

__all__ = [
    "Address",
    "AirflowConnection",
    "InstallError",
    "Installation",
    "LocalFate",
    "LocalFateError",
    "LocalFederation",
    "Membership",
    "RunState",
    "Settings",
    "StartError",
    "StopError",
]

"""Servers on this machine that outlive whoever starts them: JupyterLab, a model server, whatever listens on a port.

::

    spec = ServiceSpec(
        command=["/opt/venv/bin/python", "-m", "http.server", "{port}", "--bind", "{host}"],
        secret_env={"API_TOKEN": token},  # or files={"token": token}: {files}/token, readable by this user only
        health="/",
    )
    service = LocalService("model-credit")
    state = service.start(spec, progress=print)   # adopts a live one that is like that, replaces any other
    print(state.url)                              # http://127.0.0.1:41234
    service.stop()                                # nothing of it is left

A small process watches over each of them: it starts the server again when it dies, keeps its log short, and ends
everything that descends from it. Whoever called ``start`` may end at once: an Airflow task, for one. All of it listens
on the loopback interface only.
"""

from __future__ import annotations

from airflow_provider_fate.local.services.service import LocalService, all_services
from airflow_provider_fate.local.services.spec import ServiceSpec
from airflow_provider_fate.local.services.state import ServiceState

__all__ = ["LocalService", "ServiceSpec", "ServiceState", "all_services"]

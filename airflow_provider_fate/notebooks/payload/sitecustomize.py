"""Makes fate-client speak to the site of this notebook, in kernels, terminals and scripts alike.

Python imports a module of this name at each start. It waits until fate-client is imported, and then tells it where the
site is, as which party it speaks, and how requests are signed: fate-client itself reads all of that from one file of
its installation, which all notebooks of a machine share, and never signs. It also follows jobs in lines that can be
read. Standard library only.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

_CONFIG = "fate_client.pipeline.conf.env_config"
_CLIENT = "fate_client.flow_sdk._client"
_INVOKER = "fate_client.pipeline.utils.fateflow.fate_flow_job_invoker"


def site() -> dict[str, Any]:
    """What is known of the site: host, port, scheme, party_id, role, app_id, app_token, verify."""
    with open(os.environ["FATE_NOTEBOOK_SITE"], encoding="utf-8") as file:
        known: dict[str, Any] = json.load(file)
    return known


def _configure(module: Any) -> None:
    known = site()
    module.FlowConfig.IP = known["host"]
    module.FlowConfig.PORT = known["port"]
    module.FlowConfig.VERSION = "v2"
    module.SiteInfo.PARTY_ID = known["party_id"] or module.SiteInfo.PARTY_ID
    module.SiteInfo.ROLE = known["role"] or module.SiteInfo.ROLE


def _sign(module: Any) -> None:
    known = site()
    begin = module.FlowClient.__init__

    def __init__(
        self: Any, ip: Any = None, port: Any = None, version: str = "v2", app_id: Any = None, app_token: Any = None,
        user_name: str = "",
    ) -> None:  # fmt: skip
        ip, port = ip or known["host"], port or known["port"]
        ours = (ip, port) == (known["host"], known["port"])
        if ours and app_id is None:  # the app's token is for this site only
            app_id, app_token = known["app_id"], known["app_token"]
        begin(self, ip, port, version, app_id=app_id, app_token=app_token, user_name=user_name)
        if ours:
            self.API_BASE_URL = f"{known['scheme']}://{ip}:{port}/{version}"
            self._http.verify = known["verify"]

    module.FlowClient.__init__ = __init__


def _follow(module: Any) -> None:
    def monitor_status(self: Any, job_id: str, role: str, party_id: str) -> None:
        """As fate-client's own, in lines that can be read; which also goes on for ever after a timeout."""
        begun, said = time.monotonic(), ""
        print(f"Job {job_id}", flush=True)
        while True:
            status = self.query_job(job_id, role, party_id)["status"]
            doing = status
            if status == "running":
                tasks = self.query_task(job_id=job_id, role=role, party_id=party_id, status=status)[1]
                doing += " " + ", ".join(task["task_name"] for task in tasks or ())
            if doing != said and not (doing.strip() == "running" and said):  # between two tasks none runs
                said = doing
                print(f"{time.monotonic() - begun:5.0f} s  {doing}", flush=True)
            if status == "success":
                return
            if status in ("failed", "canceled", "timeout"):
                raise ValueError(f"Job {job_id} is {status}. Why is in its log: airflow fate diagnose, or FATEBoard.")
            time.sleep(1)

    module.FATEFlowJobInvoker.monitor_status = monitor_status


class _After(importlib.abc.Loader):
    """Loads a module as ever, then does something to it."""

    def __init__(self, loader: importlib.abc.Loader, then: Callable[[Any], None]) -> None:
        self._loader, self._then = loader, then

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As ever."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As ever, and then what is to be done."""
        self._loader.exec_module(module)
        self._then(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Only for these modules."""
        then = {_CONFIG: _configure, _CLIENT: _sign, _INVOKER: _follow}.get(name)
        if then is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _After(spec.loader, then)
        return spec


if "FATE_NOTEBOOK_SITE" in os.environ:
    sys.meta_path.insert(0, _Finder())

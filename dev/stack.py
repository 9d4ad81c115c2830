"""FATE, Airflow and notebooks together on this machine: python -m dev.stack up|down|notebook.

This is what `make up`, `make demo`, `make notebook` and `make down` run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from airflow_provider_fate.local import LocalFate, LocalFederation, Membership
from airflow_provider_fate.local.paths import SERVICES_ENV
from airflow_provider_fate.local.services import all_services
from airflow_provider_fate.notebooks import LocalNotebook, NotebookSpec
from airflow_provider_fate.notebooks.cli import site_of
from airflow_provider_fate.notebooks.local import NotebookState
from airflow_provider_fate.serving.local import LocalBackend
from dev.localairflow import LocalAirflow
from dev.localairflow.settings import ADMIN

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
CONNECTION = "fate_default"


class Stack:
    """FATE, and an Airflow with the DAGs of ``dags/`` and a connection to each of its sites.

    :param folder: everything that is kept lies below it.
    :param log: is told in one line what happens.
    :param sites: one FATE site that plays both parties, or so many that know each other and sign what they say.
    """

    def __init__(self, folder: Path = STATE, log: Callable[[str], None] = print, *, sites: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = log
        alone = LocalFate(folder / "fate")
        self.federation = LocalFederation(folder / "sites", Membership.of(sites, secured=True)) if sites > 1 else None
        self.sites = {"": alone} if self.federation is None else self.federation.sites
        self.services = folder / "services"
        self.airflow = LocalAirflow(
            folder / "airflow",
            ROOT / "dags",
            env={SERVICES_ENV: str(self.services)},  # what DAGs start here is ended with all the rest
            log=lambda line: self.log(line),
        )

    @property
    def serving(self) -> list[LocalBackend]:
        """What the DAGs serve from: see `dags/example_models.py` and `dags/redeploy_champion.py`."""
        folder = self.airflow.home / "fate_examples"
        return [LocalBackend(str(place)) for place in (folder / "serving", folder / "serving_of_branch")]

    @property
    def fate(self) -> LocalFate:
        """The site that starts the jobs."""
        return next(iter(self.sites.values()))

    def start_fate(self) -> None:
        """Install and start FATE; does nothing where it runs."""
        (self.federation or self.sites[""]).start(progress=lambda line: self.log(line))

    def start_airflow(self) -> None:
        """Start Airflow, and tell it where FATE is; needs FATE to run."""
        self.airflow.start()
        for party, site in self.sites.items():
            connection = site.airflow_connection
            login = connection.credentials
            self.airflow.api.add_connection(
                {
                    "connection_id": f"fate_{party}" if party else CONNECTION,
                    "conn_type": "fate",
                    "host": connection.address.host,
                    "port": connection.address.port,
                    "extra": json.dumps(connection.extra),
                    **({"login": login.app_id, "password": login.token} if login else {}),
                }
            )

    def start_notebook(self, name: str = "lab") -> NotebookState:
        """Start a JupyterLab whose fate-client speaks to the first site; needs FATE to run."""
        spec = NotebookSpec(name, site_of(self.fate.airflow_connection))
        return LocalNotebook(name, self.services).start(spec, progress=lambda line: self.log(line))

    def start_services(self) -> None:
        """Let the models answer again that were served when all was stopped."""
        for backend in self.serving:
            if backend.services:
                self.log(f"serving {', '.join(backend.services)} at {backend.server.ensure()}")

    def stop(self) -> bool:
        """Stop all of it; returns False when nothing was running."""
        airflow = self.airflow.stop()
        stopped = [site.stop() for site in self.sites.values()]
        stopped += [backend.server.stop() for backend in self.serving]
        stopped += [service.stop() for service in all_services(self.services)]
        return any(stopped) or airflow

    def how_to_look(self) -> str:
        """Where the UI is, how to log in, and how to end it all."""
        sites = "".join(
            f"FATE      {site.address} (API{f' of party {party}' if party else ''}), logs in {_short(site.logs_dir)}\n"
            for party, site in self.sites.items()
        )
        served = "".join(
            f"Serving   {backend.server.url}/v2/models (Open Inference Protocol), log {_short(backend.server.log)}\n"
            for backend in self.serving
            if backend.services
        )
        return (
            f"Airflow   {self.airflow.url}   user {ADMIN}, password {self.airflow.settings.password}\n"
            f"{sites}{served}Notebook  make notebook\nStop      make down"
        )


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make up|down|notebook", description=__doc__)
    parser.add_argument("action", choices=("up", "down", "notebook"))
    parser.add_argument("--sites", type=int, default=1, help="so many FATE sites that know each other (default 1)")
    parsed = parser.parse_args()
    action = parsed.action
    sites = parsed.sites

    def log(line: str) -> None:
        print(f"· {line}", file=sys.stderr, flush=True)

    if action == "down":
        members = Membership.load(STATE / "sites")
        several = LocalFederation(STATE / "sites").stop() if members else False
        print("Stopped." if Stack(log=log).stop() or several else "Nothing was running.")
        return 0
    stack = Stack(log=log, sites=sites)
    stack.start_fate()
    if action == "notebook":
        notebook = stack.start_notebook()
        print(f"Notebook  {notebook.url}   token {notebook.token}\nFiles     {_short(notebook.folder)}")
        return 0
    stack.start_airflow()
    stack.start_services()
    print(stack.how_to_look())
    return 0


if __name__ == "__main__":
    sys.exit(main())

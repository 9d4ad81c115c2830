"""``fate-local notebook``: notebooks of this machine, from a shell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from airflow_provider_fate.errors import FateError
from airflow_provider_fate.local import progress
from airflow_provider_fate.local.connection import AirflowConnection
from airflow_provider_fate.local.paths import SERVICES_ENV
from airflow_provider_fate.notebooks.local import LocalNotebook, local_notebooks
from airflow_provider_fate.notebooks.spec import NotebookSite, NotebookSpec

__all__ = ["add_notebook_command", "site_of"]

DEFAULT = "lab"

#: Gives the connections of the sites of a home, by party id.
Sites = Callable[[argparse.Namespace], dict[str, AirflowConnection]]


def site_of(connection: AirflowConnection) -> NotebookSite:
    """A site of this machine, as a notebook's fate-client needs it."""
    app = connection.credentials
    return NotebookSite(
        host=connection.address.host, port=connection.address.port, party_id=connection.party_id, role=connection.role,
        app_id=app.app_id if app else None, app_token=app.token if app else None,
    )  # fmt: skip


def add_notebook_command(sub: argparse.ArgumentParser, sites: Sites) -> None:
    """Give ``fate-local`` its command.

    :param sub: the parser of ``notebook``.
    :param sites: what finds the sites that there are.
    """
    actions = sub.add_subparsers(required=True, metavar="ACTION")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text, description=text, epilog=f"Folder: {SERVICES_ENV}.")
        action.set_defaults(command=run)
        return action

    start = add("start", lambda given: _start(given, sites), "start a JupyterLab for the site, and say how to open it")
    start.add_argument("--party", help="of several sites, the one that it works with (default: the first)")
    start.add_argument("--repository", help="git repository to clone into it, with @branch if need be")
    start.add_argument("--data", action="append", default=[], metavar="NAME=FOLDER", help="show a folder below data/")
    start.add_argument("--cpus", help="CPUs that it may use (default: all)")
    start.add_argument("--memory", help="memory that each of its processes may have, as 4Gi (default: no limit)")
    start.add_argument("--quiet", action="store_true", help="no progress")
    stop = add("stop", _stop, "stop it; its files stay")
    delete = add("delete", _delete, "stop it and delete its files")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    token = add("token", _token, "print what opens it")
    add("list", _list, "show the notebooks of this machine, and who works in them")
    for action in (start, stop, delete, token):
        action.add_argument("name", nargs="?", default=DEFAULT, help=f"its name (default {DEFAULT})")


def _start(given: argparse.Namespace, sites: Sites) -> int:
    from airflow_provider_fate.errors import FateInputError

    known = sites(given)
    party = given.party or next(iter(known))
    if party not in known:
        raise FateInputError(f"--party={party} is no site of this machine.", hint=f"There are: {', '.join(known)}.")
    data = {}
    for mount in given.data:
        name, separator, folder = mount.partition("=")
        if not separator:
            raise FateInputError(f"--data={mount} lacks a name.", hint="Write --data NAME=FOLDER.")
        data[name] = str(Path(folder).expanduser().absolute())
    spec = NotebookSpec(
        given.name, site_of(known[party]), repository=given.repository, data=data, cpus=given.cpus, memory=given.memory
    )
    with progress.console(given.quiet) as report:
        state = LocalNotebook(given.name).start(spec, report)
    print(f"Notebook  {state.url}   token {state.token}")
    print(f"Files in  {state.folder}   End: fate-local notebook stop {given.name}")
    return 0


def _stop(given: argparse.Namespace) -> int:
    print(f"Notebook {given.name} {'stopped' if LocalNotebook(given.name).stop() else 'was not running'}")
    return 0


def _delete(given: argparse.Namespace) -> int:
    notebook = LocalNotebook(given.name)
    if not given.yes:
        if not sys.stdin.isatty():
            raise FateError("This deletes files and nobody can be asked.", hint="Say so with --yes.")
        if input(f"Delete all files of notebook {given.name}? [y/N] ").strip().lower() not in {"y", "yes"}:
            return 1
    print(f"Notebook {given.name} {'is gone' if notebook.delete() else 'was not there'}")
    return 0


def _token(given: argparse.Namespace) -> int:
    token = LocalNotebook(given.name).token
    if token is None:
        raise FateError(f"Notebook {given.name!r} was never started on this machine.")
    print(token)
    return 0


def _list(given: argparse.Namespace) -> int:
    for notebook in local_notebooks():
        state = notebook.status()
        if state is None:
            print(f"{notebook.name}: not running, files in {notebook.work}")
            continue
        try:
            activity = notebook.activity()
            doing = f"{activity.kernels} kernels, {activity.busy} of them compute, " + (
                f"idle for {timedelta(seconds=round(activity.idle_seconds()))}"
            )
        except FateError as error:
            doing = error.message
        print(f"{notebook.name}: {state.phase} at {state.url}, {doing}")
    return 0

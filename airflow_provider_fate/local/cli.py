"""The command ``fate-local``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_fate.errors import FateError
from airflow_provider_fate.local import logs, pins, ports, progress
from airflow_provider_fate.local.connection import AirflowConnection
from airflow_provider_fate.local.errors import LocalFateError
from airflow_provider_fate.local.federation import LocalFederation, Membership
from airflow_provider_fate.local.instance import LocalFate
from airflow_provider_fate.local.paths import CACHE_ENV, HOME_ENV, resolve_home
from airflow_provider_fate.local.state import LISTEN, Settings
from airflow_provider_fate.notebooks.cli import add_notebook_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    :param argv: arguments; by default those of the process.
    :returns: exit status: 0 done, 1 failed (the reason is on standard error), 3 ``status`` of an instance that is down.
    """
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except FateError as error:
        print(f"fate-local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fate-local",
        description="A real FATE 2.2 on this machine, or several that know each other; reachable from here only.",
        epilog=f"Folders: {HOME_ENV} (data of an instance), {CACHE_ENV} (installations).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument(
            "--home",
            type=Path,
            help=f"folder of the instance (default: {HOME_ENV}, or the user's data folder)",
        )
        sub.set_defaults(command=run)
        return sub

    start = add("start", _start, "install FATE if need be, start it, wait until it answers")
    _add_variant(start)
    start.add_argument(
        "--port", dest="http_port", type=int, help="HTTP port (default: the last one, 9380, any free one)"
    )
    start.add_argument("--grpc-port", type=int, help="gRPC port (default: the last one, 9360, any free one)")
    start.add_argument("--party-id", help="the site's party id (default 9999)")
    start.add_argument(
        "--sites", type=int, help="so many sites that know each other: 9999, 10000, 10001 ... (default 1)"
    )
    start.add_argument("--secured", action="store_true",
                       help="with --sites: they want signed requests, and check what partners may use")  # fmt: skip
    start.add_argument("--listen", choices=LISTEN, help="0.0.0.0 in a container (default 127.0.0.1)")
    start.add_argument("--partner", dest="partners", action="append", type=_partner, metavar="PARTY=HOST:PORT",
                       help="a site elsewhere and its broker; once for each")  # fmt: skip
    start.add_argument("--broker-port", type=int, help="with --partner: port of this site's broker (default 9370)")
    start.add_argument("--cores", type=int, help="pool of cores for jobs (default 32)")
    start.add_argument("--job-cores", type=int, help="cores of a job per party when it does not say (default 4)")
    start.add_argument("--task-cores", type=int, help="processes of a component when the job does not say")
    start.add_argument("--log-level", type=int, choices=(10, 20, 30, 40), help="10 debug ... 40 errors (default 20)")
    start.add_argument("--speedups", action=argparse.BooleanOptionalAction, default=None,
                       help="fork workers from a process with everything imported (default: yes)")  # fmt: skip
    start.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for the server (default 120)")
    start.add_argument("--foreground", action="store_true", help="stay in the foreground; Ctrl-C stops it")
    start.add_argument("--quiet", action="store_true", help="no progress")

    add("stop", _stop, "stop it and all of its task workers")
    status = add("status", _status, "say whether it runs, and where")
    status.add_argument("--json", action="store_true", help="for programs")

    log = add("logs", _logs, "show its log, or the logs of a job")
    log.add_argument("-f", "--follow", action="store_true", help="go on showing what is added")
    log.add_argument("-n", "--lines", type=int, default=50, help="lines per file (default 50)")
    log.add_argument("--job", metavar="ID", help="logs of this job instead of the server's")

    connection = add("connection", _connection, "print what Airflow has to be told")
    connection.add_argument(
        "--conn-id", help="connection id in Airflow (default fate_default; of several sites fate_9999 and so on)"
    )
    connection.add_argument("--format", choices=("all", "env", "command", "json", "uri"), default="all")

    notebook = add("notebook", _start, "a JupyterLab whose fate-client speaks to this FATE")
    add_notebook_command(notebook, _connections)

    install = add("install", _install, "make or repair FATE's environment, without starting anything")
    _add_variant(install)
    install.add_argument("--repair", action="store_true", help="check every installed file, not only the main ones")
    install.add_argument("--quiet", action="store_true", help="no progress")

    reset = add("reset", _reset, "stop it and delete its data (tables, models, jobs, logs)")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _add_variant(command: argparse.ArgumentParser) -> None:
    which = command.add_mutually_exclusive_group()
    which.add_argument("--variant", choices=pins.VARIANTS,
                       help="full (default); server: FATE-Flow without torch; llm: as --with llm")  # fmt: skip
    which.add_argument("--with", dest="variant", choices=("llm",),
                       help="besides all of FATE its FATE-LLM, for language models (about 1.7 GB)")  # fmt: skip


def _partner(text: str) -> tuple[str, str]:
    party, equals, address = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not PARTY=HOST:PORT")
    return party, address


def _start(arguments: argparse.Namespace) -> int:
    names = {f.name for f in dataclasses.fields(Settings)} - {"secured"}
    chosen = {k: v for k, v in vars(arguments).items() if k in names and v is not None}
    home = resolve_home(arguments.home)
    if (arguments.sites or 1) > 1 or Membership.load(home):
        return _start_sites(home, arguments, chosen)
    if arguments.secured:
        raise LocalFateError("a site that is alone has nobody to be secured against", hint="add --sites 2")
    if arguments.partners:
        chosen["peers"] = dict(arguments.partners)
        chosen.setdefault("broker_port", ports.USUAL_BROKER)
    elif "broker_port" in chosen:
        raise LocalFateError("a broker without partners has nothing to carry", hint="add --partner 10000=HOST:PORT")
    fate = LocalFate(home, settings=dataclasses.replace(LocalFate(home).settings, **chosen))
    if fate.settings.listen != ports.LOOPBACK:
        print("This FATE listens on all interfaces, and lets in everybody who reaches it.", file=sys.stderr)
    running = fate.status()
    if running is not None and running.phase == "running" and not arguments.foreground:
        if running.variant != fate.settings.variant:
            raise LocalFateError(
                f"FATE runs already at {running.address}, as variant={running.variant}, not {fate.settings.variant}",
                hint="stop it with: fate-local stop, then start it again: its tables and models stay",
            )
        print(f"FATE is running already at {running.address} (home {fate.home})")
        return 0
    if arguments.foreground:
        return fate.run_foreground(progress.PlainLines())
    with progress.console(arguments.quiet) as report:
        address = fate.start(report, timeout=arguments.timeout)
    print(f"FATE runs at {address} (home {fate.home})")
    print("For Airflow: fate-local connection    Logs: fate-local logs    End: fate-local stop")
    return 0


def _start_sites(home: Path, arguments: argparse.Namespace, chosen: dict[str, Any]) -> int:
    if arguments.partners:
        raise LocalFateError("--partner is for a site whose partners are elsewhere", hint="leave --sites or it out")
    for field in ("http_port", "grpc_port", "party_id", "broker_port"):
        if field in chosen:
            raise LocalFateError(f"{field}={chosen[field]} cannot hold for several sites", hint="leave it out")
    if arguments.foreground:
        raise LocalFateError("several sites have no foreground", hint="leave --foreground out")
    members = Membership.of(arguments.sites, secured=arguments.secured) if arguments.sites else None
    settings = LocalFate(home / (members or Membership.load(home) or Membership()).parties[0]).settings
    federation = LocalFederation(home, members, settings=dataclasses.replace(settings, **chosen))
    with progress.console(arguments.quiet) as report:
        federation.start(report, timeout=arguments.timeout)
    for party, site in federation.sites.items():
        print(f"FATE of party {party} runs at {site.address} (home {site.home})")
    print("For Airflow: fate-local connection    Logs of one: fate-local logs --home ...    End: fate-local stop")
    return 0


def _sites(arguments: argparse.Namespace) -> Mapping[str, LocalFate]:
    """The sites of a home by party id; the id is empty for a site that is alone."""
    home = resolve_home(arguments.home)
    if Membership.load(home) is not None:
        return LocalFederation(home).sites
    return {"": LocalFate(home)}


def _connections(arguments: argparse.Namespace) -> dict[str, AirflowConnection]:
    """How to reach each site, by party id."""
    found = {party: fate.airflow_connection for party, fate in _sites(arguments).items()}
    return {party or connection.party_id: connection for party, connection in found.items()}


def _stop(arguments: argparse.Namespace) -> int:
    for fate in _sites(arguments).values():
        print(f"FATE {'stopped' if fate.stop() else 'was not running'} (home {fate.home})")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    sites = _sites(arguments)
    if arguments.json:
        all_data = {party: _status_data(fate) for party, fate in sites.items()}
        print(json.dumps(all_data.get("", {"sites": all_data}), indent=2))
    else:
        for fate in sites.values():
            _print_status(fate)
    return 0 if all(fate.status() is not None for fate in sites.values()) else 3


def _status_data(fate: LocalFate) -> dict[str, object]:
    state = fate.status()
    data: dict[str, object] = {"running": state is not None, "home": str(fate.home), "logs": str(fate.logs_dir)}
    if state is not None:
        data |= dataclasses.asdict(state) | {"url": str(state.address)}
    return data


def _print_status(fate: LocalFate) -> None:
    state = fate.status()
    if state is None:
        print(f"FATE is not running (home {fate.home})")
        return
    print(f"FATE {state.version} ({state.variant}) is {state.phase} at {state.address}")
    print(f"  since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(state.started))}, restarts: {state.restarts}")
    print(f"  server pid {state.server}, supervisor pid {state.supervisor.pid}, gRPC port {state.grpc_port}")
    if fate.settings.broker_port:
        partners = ", ".join(fate.settings.peers)
        print(f"  party {fate.settings.party_id}, partners {partners}, broker at port {fate.settings.broker_port}")
    print(f"  home {fate.home}\n  logs {fate.logs_dir}")


def _logs(arguments: argparse.Namespace) -> int:
    files = [path for fate in _sites(arguments).values() for path in logs.files(fate.layout, arguments.job)]
    logs.show(files, lines=arguments.lines, follow=arguments.follow)
    return 0


def _connection(arguments: argparse.Namespace) -> int:
    for party, fate in _sites(arguments).items():
        connection = fate.airflow_connection
        conn_id = arguments.conn_id or (f"fate_{party}" if party else "fate_default")
        forms = {
            "env": connection.environment(conn_id),
            "command": connection.command(conn_id),
            "json": connection.json(),
            "uri": connection.uri(),
        }
        if arguments.format != "all":
            print(forms[arguments.format])
        else:
            print(f"# in the environment of Airflow:\nexport {forms['env']}")
            print(f"# or in its database:\n{forms['command']}")
    return 0


def _install(arguments: argparse.Namespace) -> int:
    fate = LocalFate(arguments.home, arguments.variant)
    with progress.console(arguments.quiet) as report:
        installation = fate.install(report, thorough=arguments.repair)
    print(f"FATE {pins.FATE_VERSION} ({installation.variant}, Python {installation.python}) is in {installation.root}")
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    home = resolve_home(arguments.home)
    fate = LocalFederation(home) if Membership.load(home) else LocalFate(home)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise LocalFateError("reset deletes data and nobody can be asked", hint="say so with --yes")
        question = f"Delete all tables, models, jobs and logs in {home}? [y/N] "
        if input(question).strip().lower() not in {"y", "yes"}:
            return 1
    fate.reset()
    print(f"FATE's data in {home} is gone")
    return 0

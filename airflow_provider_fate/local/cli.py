"""The command ``fate-local``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from airflow_provider_fate.local import logs, pins, progress
from airflow_provider_fate.local.errors import LocalFateError
from airflow_provider_fate.local.instance import LocalFate
from airflow_provider_fate.local.paths import CACHE_ENV, HOME_ENV
from airflow_provider_fate.local.state import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    :param argv: arguments; by default those of the process.
    :returns: exit status: 0 done, 1 failed (the reason is on standard error), 3 ``status`` of an instance that is down.
    """
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except LocalFateError as error:
        print(f"fate-local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fate-local",
        description="A real FATE 2.2 on this machine, reachable from this machine only.",
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
    start.add_argument("--variant", choices=pins.VARIANTS, help="full (default), or server: FATE-Flow without torch")
    start.add_argument(
        "--port", dest="http_port", type=int, help="HTTP port (default: the last one, 9380, any free one)"
    )
    start.add_argument("--grpc-port", type=int, help="gRPC port (default: the last one, 9360, any free one)")
    start.add_argument("--party-id", help="the site's party id (default 9999)")
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
    connection.add_argument("--conn-id", default="fate_default", help="connection id in Airflow (default fate_default)")
    connection.add_argument("--format", choices=("all", "env", "command", "json", "uri"), default="all")

    install = add("install", _install, "make or repair FATE's environment, without starting anything")
    install.add_argument("--variant", choices=pins.VARIANTS, default=None)
    install.add_argument("--repair", action="store_true", help="check every installed file, not only the main ones")
    install.add_argument("--quiet", action="store_true", help="no progress")

    reset = add("reset", _reset, "stop it and delete its data (tables, models, jobs, logs)")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _start(arguments: argparse.Namespace) -> int:
    before = LocalFate(arguments.home).settings
    names = {f.name for f in dataclasses.fields(Settings)}
    chosen = {k: v for k, v in vars(arguments).items() if k in names and v is not None}
    fate = LocalFate(arguments.home, settings=dataclasses.replace(before, **chosen))
    running = fate.status()
    if running is not None and running.phase == "running" and not arguments.foreground:
        print(f"FATE is running already at {running.address} (home {fate.home})")
        return 0
    if arguments.foreground:
        return fate.run_foreground(progress.PlainLines())
    with progress.console(arguments.quiet) as report:
        address = fate.start(report, timeout=arguments.timeout)
    print(f"FATE runs at {address} (home {fate.home})")
    print("For Airflow: fate-local connection    Logs: fate-local logs    End: fate-local stop")
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    fate = LocalFate(arguments.home)
    print(f"FATE {'stopped' if fate.stop() else 'was not running'} (home {fate.home})")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    fate = LocalFate(arguments.home)
    state = fate.status()
    if arguments.json:
        data: dict[str, object] = {
            "running": state is not None,
            "home": str(fate.home),
            "logs": str(fate.logs_dir),
        }
        if state is not None:
            data |= dataclasses.asdict(state) | {"url": str(state.address)}
        print(json.dumps(data, indent=2))
    elif state is None:
        print(f"FATE is not running (home {fate.home})")
    else:
        print(f"FATE {state.version} ({state.variant}) is {state.phase} at {state.address}")
        print(
            f"  since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(state.started))}, restarts: {state.restarts}"
        )
        print(f"  server pid {state.server}, supervisor pid {state.supervisor.pid}, gRPC port {state.grpc_port}")
        print(f"  home {fate.home}\n  logs {fate.logs_dir}")
    return 0 if state is not None else 3


def _logs(arguments: argparse.Namespace) -> int:
    files = logs.files(LocalFate(arguments.home).layout, arguments.job)
    logs.show(files, lines=arguments.lines, follow=arguments.follow)
    return 0


def _connection(arguments: argparse.Namespace) -> int:
    connection = LocalFate(arguments.home).airflow_connection
    conn_id = arguments.conn_id
    forms = {
        "env": connection.environment(conn_id),
        "command": connection.command(conn_id),
        "json": connection.json(),
        "uri": connection.uri(),
    }
    if arguments.format != "all":
        print(forms[arguments.format])
    else:
        print(f"# in the environment of Airflow:\nexport {forms['env']}\n# or in its database:\n{forms['command']}")
    return 0


def _install(arguments: argparse.Namespace) -> int:
    fate = LocalFate(arguments.home, arguments.variant)
    with progress.console(arguments.quiet) as report:
        installation = fate.install(report, thorough=arguments.repair)
    print(f"FATE {pins.FATE_VERSION} ({installation.variant}, Python {installation.python}) is in {installation.root}")
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    fate = LocalFate(arguments.home)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise LocalFateError("reset deletes data and nobody can be asked", hint="say so with --yes")
        if input(f"Delete all tables, models, jobs and logs in {fate.home}? [y/N] ").strip().lower() not in {
            "y",
            "yes",
        }:
            return 1
    fate.reset()
    print(f"FATE's data in {fate.home} is gone")
    return 0

"""Names, arguments and help of ``airflow fate``.

Airflow reads this at each start of its command line, whatever the command: nothing here may import more than Airflow's
own description of commands. What a command does is imported when it is called.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

DEFAULT_CONN_ID = "fate_default"
STATUSES = ("ready", "waiting", "running", "canceled", "timeout", "failed", "success")
"""FATE-Flow's words for the status of a job."""
LEVELS = ("debug", "info", "warning", "error")

_HERE = "airflow_provider_fate.cli"

NO_LIST = (
    "FATE-Flow 2.2 cannot list the tables of a site: it answers only for one namespace and name at a time. "
    "Give both, or a job with --job to see which tables its parties read."
)


def _arg(*flags: str, **options: Any) -> Arg:
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


def _count(text: str) -> int:
    """A number above zero."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a number above zero")
    return int(text)


_CONN_ID = _arg(
    "--conn-id", default=DEFAULT_CONN_ID, help=f"Airflow connection of the site (default: {DEFAULT_CONN_ID})"
)
_OUTPUT = _arg("-o", "--output", choices=("table", "json"), default="table", help="table (default) or json")
_KUBEFATE = _arg(
    "--conn-id", default="kubefate_default", help="Airflow connection of KubeFATE (default: kubefate_default)"
)
_CLUSTER = (
    _arg("name", help="name of the cluster"),
    _arg("--namespace", help="its namespace, where several clusters have this name"),
)
_JOB_ID = _arg("job_id", help="id of the FATE job; the log and the XCom job_id of an Airflow task name it")


def _command(
    name: str, help: str, *args: Arg, of: str = "", function: str = "", description: str | None = None
) -> ActionCommand:
    # Airflow sends what it logs to stderr for commands that have --output, so every one of ours does.
    run = lazy_load_command(f"{_HERE}.{of or name}.{function or name}")
    return ActionCommand(name=name, help=help, func=run, args=(*args, _OUTPUT), description=description)


def get_fate_cli_commands() -> list[GroupCommand]:
    """The group ``fate``, as ``get_provider_info`` hands it to Airflow."""
    return [
        GroupCommand(
            name="fate",
            help="Look at, explain and stop jobs of a FATE site",
            subcommands=(
                _command(
                    "jobs",
                    "List the unfinished jobs of the site, or others, newest first",
                    _arg(
                        "--status",
                        action="append",
                        choices=STATUSES,
                        help="only jobs with this status; may be repeated. One of " + ", ".join(STATUSES),
                        metavar="STATUS",
                    ),
                    _arg(
                        "--all", action="store_true", help="jobs that have ended, too (default: those that wait or run)"
                    ),
                    _arg("--dag-id", metavar="DAG", help="only jobs of this DAG's tasks"),
                    _arg("--run-id", metavar="RUN", help="only jobs of this run"),
                    _arg("--task-id", metavar="TASK", help="only jobs of this task"),
                    _arg("--limit", type=_count, default=20, metavar="N", help="at most so many jobs (default: 20)"),
                    _CONN_ID,
                ),
                _command("status", "Show how a job and its tasks stand", _JOB_ID, _CONN_ID),
                _command(
                    "diagnose",
                    "Say why a job failed, on which side, and what to do; or why it waits",
                    _JOB_ID,
                    _CONN_ID,
                ),
                _command(
                    "preflight",
                    "Say what would make a job fail, before it is submitted",
                    _arg("--job", metavar="FILE", help="the job that is to be submitted, or its recipe: YAML or JSON"),
                    _arg("--table", action="append", metavar="NAMESPACE.NAME", help="a table of the site, too; repeat"),
                    _arg("--min-rows", type=_count, metavar="N", help="so many rows at least has each table"),
                    _arg("--column", action="append", metavar="NAME", help="a column of each --table; repeat"),
                    _arg("--label", metavar="NAME", help="the column of labels of each --table"),
                    _arg("--model", metavar="JOB_ID", help="the job that has trained the model that is to be used"),
                    _arg("--partner", action="append", metavar="ID", help="a party, beside those of the job; repeat"),
                    _arg(
                        "--fail-on",
                        choices=("fail", "warn"),
                        default="fail",
                        help="fail (default), or warn: a warning makes the exit status 1, too",
                    ),
                    _arg(
                        "--timeout",
                        type=float,
                        default=2.0,
                        metavar="SECONDS",
                        help="how long one check may take (default: 2); the whole takes twice that at most",
                    ),
                    _CONN_ID,
                    description="Look at a site, and at a job if one is given: connection, version, clock, tables, "
                    "cores, queue, models, partners. Nothing is submitted. The exit status is 1 where a job would "
                    "fail.",
                ),
                _command(
                    "stop",
                    "Stop a job on all its parties",
                    _JOB_ID,
                    _arg("-y", "--yes", action="store_true", help="do not ask first"),
                    _CONN_ID,
                    description="Stop a job on all its parties and wait until it has ended. An Airflow task that waits "
                    "for it fails, and runs a new job if it has retries left.",
                ),
                _command(
                    "logs",
                    "Print a log that the site has of a job",
                    _JOB_ID,
                    _arg("--task", metavar="NAME", help="log of this task (default: of all tasks of the party)"),
                    _arg(
                        "--party",
                        metavar="ROLE:ID",
                        help="log of this party, such as guest:9999 (default: the site's own). "
                        "Logs of a partner stay at its site",
                    ),
                    _arg(
                        "--level",
                        choices=LEVELS,
                        default="info",
                        help=f"one of {', '.join(LEVELS)} (default: info); a log has the more severe lines, too",
                        metavar="LEVEL",
                    ),
                    _arg(
                        "--scheduler",
                        action="store_true",
                        help="log of the scheduler instead of the tasks, with level info or error; only the site "
                        "that schedules the job has it, as a rule the guest's",
                    ),
                    _arg("-n", "--lines", type=_count, metavar="N", help="only the last N lines (default: all)"),
                    _arg("-f", "--follow", action="store_true", help="go on with new lines until the job ends"),
                    _CONN_ID,
                    description="Print a log that the site has of a job. With --output json, one object per line.",
                ),
                _command(
                    "metrics",
                    "Show what a job has measured at a party",
                    _JOB_ID,
                    _arg("--curves", action="store_true", help="list the curves instead of the numbers"),
                    _arg(
                        "--party",
                        metavar="ROLE:ID",
                        help="metrics of this party, such as host:10000 (default: the site's own). "
                        "Metrics of a partner stay at its site",
                    ),
                    _arg(
                        "--output-file",
                        metavar="FILE",
                        help="write all of them into this .json or .parquet file, also on object storage",
                    ),
                    _CONN_ID,
                    description="Show the numbers that a job has measured, with the last values of curves over "
                    "iterations. What the party is not shown is named, with the reason.",
                ),
                _command(
                    "tables",
                    "Show one table of the site, or the tables that a job reads",
                    _arg("namespace", nargs="?", help="namespace of the table; or NAMESPACE.NAME in one word"),
                    _arg("name", nargs="?", help="name of the table"),
                    _arg("--job", metavar="JOB_ID", help="the tables that the parties of this job read"),
                    _CONN_ID,
                    description=f"Show rows, type and columns of one table of the site. {NO_LIST}",
                ),
                _command(
                    "permissions",
                    "Show what partners may use of the site",
                    _arg("partner", nargs="+", help="party id; FATE-Flow 2.2 lists permissions of one party at a time"),
                    _CONN_ID,
                    description="Show which tables and components partners may use in jobs that they start. FATE-Flow "
                    "shows '-' and ';' in names of tables as ':'.",
                ),
                GroupCommand(
                    name="partner",
                    help="Trust between this site and others",
                    subcommands=(
                        _command(
                            "list",
                            "Show whether app ids were exchanged with partners",
                            _arg("partner", nargs="+", help="party id; FATE-Flow 2.2 tells of one party at a time"),
                            _CONN_ID,
                            of="partner",
                            function="list_",
                        ),
                        _command(
                            "exchange",
                            "Write an invitation for a partner, or take the one that it has written",
                            _arg("partner", help="party id of the partner"),
                            _arg(
                                "--give",
                                metavar="FILE",
                                help="write the app id and token for the partner into this new file",
                            ),
                            _arg("--take", metavar="FILE", help="store what the partner's file says"),
                            _CONN_ID,
                            of="partner",
                            description="Exchange app ids with a partner, so that both sites sign what they say. Both "
                            "operators do both: --give writes a file for the partner, --take stores what the partner's "
                            "file says. The connection needs an app with the role super_client or admin.",
                        ),
                        _command(
                            "verify",
                            "Say whether both directions are there",
                            _arg("partner", help="party id of the partner"),
                            _CONN_ID,
                            of="partner",
                        ),
                    ),
                ),
                GroupCommand(
                    name="clusters",
                    help="Look at clusters and charts of a KubeFATE, and check a cluster.yaml",
                    subcommands=(
                        _command(
                            "list",
                            "List the clusters of a KubeFATE, and what is done with them just now",
                            _KUBEFATE,
                            of="clusters",
                            function="list_",
                        ),
                        _command(
                            "show",
                            "Show a cluster: workloads, FATE-Flow, addresses, and what was last done with it",
                            *_CLUSTER,
                            _KUBEFATE,
                            of="clusters",
                        ),
                        _command(
                            "logs",
                            "Print what the pods of a cluster have written",
                            *_CLUSTER,
                            _arg("--container", metavar="NAME", help="only this one, such as python or osx"),
                            _arg("-n", "--lines", type=_count, metavar="N", help="only the last N lines of each"),
                            _arg("--since", type=_count, metavar="SECONDS", help="only of so many seconds"),
                            _arg("--previous", action="store_true", help="of containers before they were restarted"),
                            _KUBEFATE,
                            of="clusters",
                            description="Print what the pods of a cluster have written. Passwords of its cluster.yaml "
                            "are shown as stars.",
                        ),
                        _command("charts", "List the charts of a KubeFATE", _KUBEFATE, of="clusters"),
                        _command(
                            "upload",
                            "Give a packed chart to a KubeFATE",
                            _arg("file", help="path of the .tgz that 'helm package' makes"),
                            _KUBEFATE,
                            of="clusters",
                            description="Give a packed chart to a KubeFATE. One of the same name and version is "
                            "replaced; clusters that stand are not changed.",
                        ),
                        _command(
                            "check",
                            "Check a cluster.yaml, or the description of a federation, without sending it",
                            _arg("file", help="path of the cluster.yaml, or of a file with members"),
                            of="clusters",
                            description="Check a cluster.yaml for what KubeFATE and Helm would accept without a word, "
                            "such as keys and modules that the chart does not know. The exit status is 1 where it "
                            "would not become what it says.",
                        ),
                    ),
                ),
                GroupCommand(
                    name="connections",
                    help="Check connections of type fate",
                    subcommands=(
                        _command(
                            "test",
                            "Connect as a connection says, and name what is wrong",
                            _arg(
                                "conn_id",
                                nargs="?",
                                default=DEFAULT_CONN_ID,
                                help=f"Airflow connection (default: {DEFAULT_CONN_ID})",
                            ),
                            of="connections",
                            description="Connect as a connection says, and report version, party and signing, or "
                            "what is wrong. The exit status is 1 where the site cannot be worked with.",
                        ),
                    ),
                ),
                GroupCommand(
                    name="federation",
                    help="Check the contract that the sides of a federation keep in one file",
                    subcommands=(
                        _command(
                            "check",
                            "Check a federation file, and a site against it",
                            _arg("file", help="path or URL of the federation file"),
                            _arg(
                                "--conn-id",
                                help="Airflow connection of a site, which is compared with the file (default: none)",
                            ),
                            _arg(
                                "--day",
                                metavar="YYYY-MM-DD",
                                help="date of the tables (default: the newest that should be published)",
                            ),
                            of="federation",
                            description="Check a federation file; with --conn-id also whether the site is a party of "
                            "it, knows its components, and has its tables of a day as agreed. The exit status is 1 "
                            "where something is not.",
                        ),
                        _command(
                            "fingerprint",
                            "Print the fingerprint of a salt, which both sides compare",
                            _arg("conn_id", help="Airflow connection whose password is the salt"),
                            of="federation",
                        ),
                        _command("schema", "Print the JSON schema of federation files, for editors", of="federation"),
                    ),
                ),
            ),
        )
    ]

"""``airflow fate preflight``: what would make a job fail, said before it is submitted."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_fate.cli.command import command, hook
from airflow_provider_fate.cli.output import as_json, say
from airflow_provider_fate.errors import FateInputError, FateInvalidParameterError

if TYPE_CHECKING:
    from airflow_provider_fate.site.preflight import Preflight


@command
def preflight(args: Namespace) -> None:
    """Print what was looked at; the exit status is 1 if something would make a job fail."""
    from airflow_provider_fate.site.preflight import preflight as look

    site = hook(args.conn_id).site()
    report = look(site, _asked(args), timeout=args.timeout)
    found = report.to_json(args.fail_on)
    if args.output == "json":
        as_json({"conn_id": args.conn_id, **found})
    else:
        say(report.lines())
    if not found["ok"]:
        raise SystemExit(1)


def _asked(args: Namespace) -> Preflight:
    from airflow_provider_fate.site.preflight import Preflight

    if (args.column or args.label) and not args.table:
        raise FateInvalidParameterError("--column and --label belong to a table.", hint="Name it with --table.")
    needed = {"min_rows": args.min_rows, "columns": args.column, "label": args.label}
    terms = {name: value for name, value in needed.items() if value}
    return Preflight.of(
        job=_text_of(args.job) if args.job else None,
        tables=dict.fromkeys(args.table or (), terms),
        min_rows=args.min_rows or 1,
        partners=args.partner or (),
        model=args.model,
    )


def _text_of(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FateInputError(
            f"--job {file} cannot be read: {error}", hint="Give a YAML or JSON file with a job or a recipe."
        ) from None

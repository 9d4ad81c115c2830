"""``airflow fate connections test``: the Test button, for shells and scripts."""

from __future__ import annotations

from argparse import Namespace

from airflow_provider_fate.cli.command import command, fail, hook
from airflow_provider_fate.cli.output import as_json, say


@command
def test(args: Namespace) -> None:
    """Connect, and say whether the site can be worked with."""
    works, message = hook(args.conn_id).test_connection()
    if args.output == "json":
        as_json({"conn_id": args.conn_id, "works": works, "message": message})
        if not works:
            raise SystemExit(1)
    elif works:
        say([message])
    else:
        fail(message)
